"""What a stage trains where that is not the network itself: models that share its layers."""

from __future__ import annotations

import keras
from keras import layers

from kavc.layers.masking import LengthMask
from kavc.layers.network import Network
from kavc.layers.pooling import MaskedGlobalAveragePooling1D
from kavc.losses.contrastive import info_nce
from kavc.losses.reduction import batch_mean
from kavc.systems.ti_avc.networks import correspondence, embedding_inputs, embeddings


class _Inference(layers.Layer):
    """Runs a network in inference mode, without dropout, whatever is trained around it."""

    def __init__(self, network):
        super().__init__(autocast=False)
        self.network = network

    def call(self, inputs):
        return self.network(inputs, training=False)


def on_frozen_embeddings(network):
    """The correspondence learner of `network` on embeddings that are already computed.

    Shares its layers, and freezes the theme learner's (section 4.2: "we fixed it"): from here on
    `network.theme_learner.trainable` is False, and its dropout is off. It is there to be trained;
    what is saved is `network`.

    Args:
        network: `TiAVC`.

    Returns:
        `Network`: {audio_embedding, visual_embedding, visual_length, theme} to
        {"match": logits `(batch, 1)`}.

    Example:
        >>> from kavc.systems.ti_avc.networks import TiAVC
        >>> network = TiAVC(themes=3, audio_dim=4, visual_dim=5)
        >>> learner = on_frozen_embeddings(network)
        >>> learner.output["match"].shape, network.theme_learner.trainable
        ((None, 1), False)
    """
    learner = network.theme_learner
    learner.trainable = False
    config = network.config
    inputs = embedding_inputs(
        learner.audio_network.output.shape[-1],
        learner.visual_network.output.shape[-1],
        network.dtype_policy,
    ) | {"theme": keras.Input((), dtype="int32", name="theme")}
    outputs = correspondence(
        _Inference(learner.fusion_network),
        network.correspondence_learner,
        {name: x for name, x in inputs.items() if name != "theme"},
        inputs["theme"],
        predicted_theme=config["predicted_theme"],
        stop_gradient=True,
    )
    return Network(
        inputs,
        {"match": outputs["match"]},
        config={},
        dtype=network.dtype_policy,
        name="on_frozen_embeddings",
    )


class Alignment(keras.Model):
    """Both single-modality sub-networks of a network, to be trained by symmetric InfoNCE.

    Not in the paper: it lets the embeddings agree before a fusion learns from them. The frames of
    a video enter as their mean.

    Args:
        network: `ThemeLearner`, `TiAVC` or a baseline; shares its layers.
        temperature: float. Divides the cosine similarities.

    Attributes:
        gather: function of a device's part of a batch, `(part, ...)`, that returns the whole,
            `(batch, ...)`. On one device the part is the whole; training on several sets it.

    Reference:
        van den Oord et al., 2018, equation 4.

    Example:
        trainee = Alignment(ThemeLearner(themes=19))
        trainee.compile(keras.optimizers.Adam(1e-4))
        trainee.fit(batches)  # dicts of "audio", "audio_length", "visual", "visual_length"
    """

    def __init__(self, network, temperature=0.07):
        encoders = getattr(network, "theme_learner", network)
        inputs = {name: x for name, x in network.input.items() if name != "theme"}
        embedded = embeddings(encoders, inputs)
        mask = LengthMask()(inputs["visual_length"], inputs["visual"])
        frames = MaskedGlobalAveragePooling1D()(embedded["visual_embedding"], mask=mask)
        super().__init__(inputs, {"audio": embedded["audio_embedding"], "visual": frames})
        self.temperature = temperature
        self.gather = lambda part: part

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        audio, visual = self.gather(y_pred["audio"]), self.gather(y_pred["visual"])
        return batch_mean(info_nce(audio, visual, temperature=self.temperature))
