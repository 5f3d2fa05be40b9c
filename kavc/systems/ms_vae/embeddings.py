"""Networks that embed both modalities in one space: those that MS-VAE is compared with.

    audio --> embedding . . . . . . . embedding <-- pictures
                near if they belong together

Each row is a segment, as of `networks`. L3-Net and AVE-Net were published on frames and
spectrograms (`convolutional`); here they stand on features, where the paper compares all others.
"""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.linear import Linear
from kavc.layers.network import Network
from kavc.layers.projection import Projection
from kavc.layers.unit_norm import UnitNorm
from kavc.losses.variational import distance
from kavc.systems.ms_vae.convolutional import match_by_distance

EPSILON = 1e-7  # least square of a distance in AVE's code


class _Embedding(Network):
    """What these networks share: an input and an embedding for each modality.

    Args:
        audio_dim: int. Width of the audio features; 128 for VGGish.
        visual_dim: int. Width of the features of pictures; 512 for VGG-19.
        dtype: `keras.DTypePolicy` or its name.
        name: str.
        **own: what `embed` and `relate` of a network take.

    Call arguments:
        inputs: dict of "audio" `(segments, audio_dim)` and "visual" `(segments, visual_dim)`.

    Returns:
        dict of "audio_embedding" and "visual_embedding", `(segments, dim)`, and what `relate` of a
        network adds.
    """

    def __init__(self, audio_dim=128, visual_dim=512, *, dtype=None, name=None, **own):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        widths = {"audio": audio_dim, "visual": visual_dim}
        inputs = {
            kind: keras.Input((width,), dtype=policy.variable_dtype, name=kind)
            for kind, width in widths.items()
        }
        outputs = {
            f"{kind}_embedding": self.embed(kind, x, policy, own) for kind, x in inputs.items()
        }
        both = (outputs["audio_embedding"], outputs["visual_embedding"])
        outputs |= self.relate(*both, policy, own)
        config = {"audio_dim": audio_dim, "visual_dim": visual_dim, **own}
        super().__init__(inputs, outputs, config=config, dtype=policy, name=name)

    def embed(self, kind, x, policy, own):
        """Returns the embedding of a modality, a symbolic tensor."""
        raise NotImplementedError

    def relate(self, audio, visual, policy, own):
        """Returns what the network makes of both embeddings, symbolic tensors by name."""
        return {}


@keras.saving.register_keras_serializable(package="kavc")
class MatchingNetwork(_Embedding):
    """The cross-modal matching network of AVE's authors: AVDLN in the tables of MS-VAE.

    98,688 parameters at the published widths.

    Args:
        units: int. Of the hidden layer.
        dim: int. Of the embeddings.

    Returns:
        the embeddings, and "distance" `(segments,)` of the two of each row.

    Reference:
        Tian et al., "Audio-Visual Event Localization in Unconstrained Videos", ECCV 2018, section
        3.4, and published code.

    Example:
        >>> network = MatchingNetwork()
        >>> network.count_params(), network.output["distance"].shape
        (98688, (None,))
    """

    def __init__(self, audio_dim=128, visual_dim=512, *, units=128, dim=64,
                 name="matching_network", **arguments):  # fmt: skip
        super().__init__(audio_dim, visual_dim, units=units, dim=dim, name=name, **arguments)

    def embed(self, kind, x, policy, own):
        x = keras.layers.Dense(own["units"], dtype=policy, name=f"{kind}_hidden")(x)
        x = keras.layers.LeakyReLU(0.3, dtype=policy, name=f"{kind}_rectified")(x)
        return keras.layers.Dense(
            own["dim"], dtype=policy.variable_dtype, name=f"{kind}_projection"
        )(x)

    def relate(self, audio, visual, policy, own):
        return {"distance": distance(audio, visual, epsilon=EPSILON)}


@keras.saving.register_keras_serializable(package="kavc")
class L3Net(_Embedding):
    """L3-Net on features: whether sound and picture belong together, by a classifier on both.

    Args:
        units: int. Of the modalities' hidden layer and of the classifier's.
        dim: int. Of the embeddings; 512 in the published network.

    Returns:
        the embeddings, and "logits" `(segments, 2)`, that of a match second.

    Reference:
        Arandjelovic and Zisserman, "Look, Listen and Learn", ICCV 2017, section 2.

    Example:
        >>> network = L3Net()
        >>> network.output["audio_embedding"].shape, network.output["logits"].shape
        ((None, 512), (None, 2))
    """

    def __init__(self, audio_dim=128, visual_dim=512, *, units=128, dim=512, name="l3_net",
                 **arguments):  # fmt: skip
        super().__init__(audio_dim, visual_dim, units=units, dim=dim, name=name, **arguments)

    def embed(self, kind, x, policy, own):
        exact = policy.variable_dtype
        return Linear(own["dim"], activation="relu", dtype=exact, name=f"{kind}_features")(x)

    def relate(self, audio, visual, policy, own):
        both = ops.concatenate([visual, audio], axis=-1)
        hidden = Linear(own["units"], activation="relu", dtype=policy, name="fused")(both)
        return {"logits": Linear(2, dtype=policy.variable_dtype, name="match")(hidden)}


@keras.saving.register_keras_serializable(package="kavc")
class AVENet(_Embedding):
    """AVE-Net on features: a match is told by the distance of two unit vectors alone.

    Args:
        units: int. Of the hidden layers.
        dim: int. Of the embeddings, whose norm is 1.

    Returns:
        the embeddings, and "logits" `(segments, 2)`, that of a match second: a linear function of
        the distance, which falls with it at the beginning.

    Reference:
        Arandjelovic and Zisserman, "Objects that Sound", ECCV 2018, section 3.1.

    Example:
        >>> network = AVENet()
        >>> network.output["audio_embedding"].shape, network.output["logits"].shape
        ((None, 128), (None, 2))
    """

    def __init__(self, audio_dim=128, visual_dim=512, *, units=128, dim=128, name="ave_net",
                 **arguments):  # fmt: skip
        super().__init__(audio_dim, visual_dim, units=units, dim=dim, name=name, **arguments)

    def embed(self, kind, x, policy, own):
        x = Linear(own["units"], activation="relu", dtype=policy, name=f"{kind}_hidden")(x)
        x = Linear(own["dim"], dtype=policy, name=f"{kind}_projection")(x)
        return UnitNorm(dtype=policy.variable_dtype, name=f"{kind}_embedding")(x)

    def relate(self, audio, visual, policy, own):
        apart = ops.expand_dims(distance(audio, visual), axis=-1)
        return {"logits": match_by_distance(policy)(apart)}


@keras.saving.register_keras_serializable(package="kavc")
class DCCA(_Embedding):
    """Deep canonical correlation analysis: two networks whose outputs correlate.

    Their outputs are centred and turned to the canonical directions of the training split, which
    are given and not trained (`kavc.layers.projection.Projection`).

    Args:
        units: int. Of each of the hidden layers.
        layers: int. Hidden layers.
        dim: int. Of outputs and embeddings.

    Attributes:
        projections: dict of "audio_projection" and "visual_projection", what should correlate,
            `(segments, dim)`, as symbolic tensors.

    Reference:
        Andrew et al., "Deep Canonical Correlation Analysis", ICML 2013; widths as in the published
        PyTorch code.

    Example:
        >>> network = DCCA(units=8, layers=1)
        >>> {name: tensor.shape for name, tensor in network.projections.items()}
        {'audio_projection': (None, 10), 'visual_projection': (None, 10)}
    """

    def __init__(self, audio_dim=128, visual_dim=512, *, units=1024, layers=3, dim=10, name="dcca",
                 **arguments):  # fmt: skip
        self.projections = {}
        super().__init__(
            audio_dim, visual_dim, units=units, layers=layers, dim=dim, name=name, **arguments
        )

    def embed(self, kind, x, policy, own):
        for at in range(own["layers"]):
            x = Linear(own["units"], activation="sigmoid", dtype=policy, name=f"{kind}_{at}")(x)
            # As the published PyTorch code has it after each sigmoid.
            x = keras.layers.BatchNormalization(
                epsilon=1e-5, center=False, scale=False, dtype=policy, name=f"{kind}_{at}_norm"
            )(x)
        self.projections[f"{kind}_projection"] = Linear(
            own["dim"], dtype=policy, name=f"{kind}_projection"
        )(x)
        canonical = Projection(own["dim"], dtype=policy.variable_dtype, name=f"{kind}_canonical")
        return canonical(self.projections[f"{kind}_projection"])
