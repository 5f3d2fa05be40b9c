"""Networks that are made of others: of several of one kind, or of an encoder and a parser."""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.network import Network
from kavc.systems.av_parsing import networks
from kavc.systems.av_parsing.encoder import GroundingEncoder

PARSERS = {
    each.__name__: each
    for each in (
        networks.HAN,
        networks.Base,
        networks.BaseGCAA,
        networks.BaseAdvSkip,
        networks.BaseAdvSkipGCAA,
        networks.Heads,
    )
}


@keras.saving.register_keras_serializable(package="kavc")
class Pretrained(Network):
    """A parser of what a pretrained encoder makes of the features.

    Args:
        classes: int. Number of event classes.
        audio_dim, visual_dim, visual_3d_dim, segments: as `_Parser`.
        of: name of the parser's class in this module.
        encoder: dict of the other arguments of `GroundingEncoder`.
        **arguments: other arguments of the parser.

    Call arguments, returns: as `_Parser`, with one row of features of frames a segment.

    Attributes:
        encoder: the `GroundingEncoder`.
        parser: what stands on it; its inputs are the encoder's outputs.
        pooling: the parser's, which keeps the decision threshold.
        features: the parser's.

    Reference:
        Lamba et al., 2021, section 3.2.

    Example:
        >>> small = {"dim": 16, "layers": 1, "heads": 2, "units": 16}
        >>> network = Pretrained(3, 4, 5, 6, encoder=small, of="Heads", dim=8, units=8)
        >>> network.output["segment_probability"].shape
        (None, 10, 2, 3)
    """

    def __init__(
        self,
        classes=25,
        audio_dim=128,
        visual_dim=2048,
        visual_3d_dim=512,
        *,
        segments=10,
        of="BaseAdvSkipGCAA",
        encoder=None,
        dtype=None,
        name="pretrained",
        **arguments,
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        widths = {"audio_dim": audio_dim, "visual_dim": visual_dim, "visual_3d_dim": visual_3d_dim}
        # === Layers ===
        self.encoder = GroundingEncoder(
            **widths, segments=segments, **(encoder or {}), dtype=policy
        )
        dim = self.encoder.config["dim"]
        tokens = {kind: width and dim for kind, width in widths.items()}
        self.parser = PARSERS[of](
            classes, **tokens, segments=segments, dtype=policy, **arguments, name="parser"
        )
        self.pooling = self.parser.pooling

        # === Graph ===
        inputs = {
            kind: keras.Input(x.shape[1:], dtype=x.dtype, name=kind)
            for kind, x in self.encoder.input.items()
        }
        answers = _with_features(self.parser)(self.encoder(inputs))
        self.features = {kind: answers[kind] for kind in self.parser.features}
        super().__init__(
            inputs,
            {kind: answers[kind] for kind in self.parser.output},
            config={
                "classes": classes,
                **widths,
                "segments": segments,
                "of": of,
                "encoder": encoder,
                **arguments,
            },
            dtype=policy,
            name=name,
        )


@keras.saving.register_keras_serializable(package="kavc")
class Ensemble(Network):
    """Ours: several networks of one kind that are trained side by side, and answer by their mean.

    Each bears its losses by itself (`kavc.systems.av_parsing.trainees.WeakApart`), so that they
    err independently.

    Args:
        members: int. How many.
        of: name of their class in this module.
        **arguments: theirs.

    Call arguments, returns: as theirs.

    Attributes:
        pooling: the first member's, which keeps the decision threshold of all.
        features: theirs, side by side: `(batch, 2, segments, members * dim)`.
        apart: their answers, `(batch, members, ...)` by name, as symbolic tensors.

    Example:
        >>> widths = {"audio_dim": 4, "visual_dim": 5, "visual_3d_dim": 6, "dim": 8, "units": 8}
        >>> network = Ensemble(members=2, of="HAN", classes=3, **widths)
        >>> network.output["video_probability"].shape, network.apart["video_probability"].shape
        ((None, 3), (None, 2, 3))
    """

    def __init__(self, members=4, of="HAN", *, dtype=None, name="ensemble", **arguments):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        # === Layers ===
        self.networks = [
            PARSERS[of](**arguments, dtype=policy, name=f"{of.lower()}_{at}")
            for at in range(members)
        ]
        first = self.networks[0]
        self.pooling = first.pooling

        # === Graph ===
        inputs = {
            name: keras.Input(x.shape[1:], dtype=x.dtype, name=name)
            for name, x in first.input.items()
        }
        answers = [_with_features(network)(inputs) for network in self.networks]
        self.apart = {
            name: ops.stack([each[name] for each in answers], axis=1) for name in first.output
        }
        self.features = {
            name: ops.concatenate([each[name] for each in answers], axis=-1)
            for name in first.features
        }
        super().__init__(
            inputs,
            {name: ops.mean(x, axis=1) for name, x in self.apart.items()},
            config={"members": members, "of": of, **arguments},
            dtype=policy,
            name=name,
        )


def _with_features(network):
    """Returns a network that also answers with its features, by name.

    It becomes a layer, which Keras makes again from its graph, as a `Network` without a class of
    its own can't be.
    """
    model = keras.Model(network.input, network.output | network.features)
    model.dtype_policy = network.dtype_policy
    return model
