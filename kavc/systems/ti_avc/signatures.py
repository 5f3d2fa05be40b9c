"""What an exported Ti-AVC network answers, in graph, with its inputs checked there."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from kavc.data.schema import Field
from kavc.systems.base import Signature
from kavc.systems.ti_avc.recipe import TiAVCConfig

Answer = Callable[..., dict[str, tf.Tensor]]


def signatures(network: keras.Model, config: TiAVCConfig) -> dict[str, Signature]:
    """Returns "serving_default", "embed_audio" and "embed_visual".

    Args:
        network: trained network of any variant.
        config: the config that it was built with.
    """
    audio = {
        "audio": Field((None, config.audio_dim), "float32", "audio features, one step each 0.96 s"),
        "audio_length": Field((), "int32", "number of valid audio steps; 0 for none"),
    }
    visual = {
        "visual": Field((None, config.visual_dim), "float32", "visual features of key frames")
    }
    theme = {"theme": Field((), "int32", "index of the frames' true theme; names in themes.txt")}
    sub = getattr(network, "theme_learner", network)
    outputs = {"match_score": Field((), "float32", "probability that both belong together")}
    if "theme" in network.output:
        outputs["theme_probabilities"] = Field(
            (config.themes,), "float32", "what sound and frames together convey"
        )
    inputs = audio | visual | (theme if "theme" in network.input else {})
    return {
        "serving_default": Signature(
            _match(network, config, list(inputs)),
            inputs,
            outputs,
            "Does this sound belong to these frames?",
        ),
        "embed_audio": Signature(
            _embed_audio(sub, config),
            audio,
            {"embedding": Field((config.embedding_dim,), "float32", "of the whole sound")},
            "Audio embedding, as the fusion reads it.",
        ),
        "embed_visual": Signature(
            _embed_visual(sub),
            visual,
            {"embedding": Field((None, config.embedding_dim), "float32", "of each frame")},
            "Embeddings of the frames, as the fusion reads them.",
        ),
    }


def _match(network: keras.Model, config: TiAVCConfig, names: list[str]) -> Answer:
    def match(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        _check_audio(inputs["audio"], inputs["audio_length"])
        _check_visual(inputs["visual"])
        if "theme" in names:
            _check_range("theme", inputs["theme"], config.themes - 1)
        lengths = {"visual_length": _full_length(inputs["visual"])}
        answers = network(inputs | _cropped(inputs, config) | lengths, training=False)
        outputs = {"match_score": tf.sigmoid(tf.cast(answers["match"][:, 0], tf.float32))}
        if "theme" in answers:
            outputs["theme_probabilities"] = tf.nn.softmax(tf.cast(answers["theme"], tf.float32))
        return outputs

    return match


def _embed_audio(sub: keras.Model, config: TiAVCConfig) -> Answer:
    def embed_audio(audio: tf.Tensor, audio_length: tf.Tensor) -> dict[str, tf.Tensor]:
        _check_audio(audio, audio_length)
        inputs = _cropped({"audio": audio, "audio_length": audio_length}, config)
        return {"embedding": tf.cast(sub.audio_network(inputs, training=False), tf.float32)}

    return embed_audio


def _embed_visual(sub: keras.Model) -> Answer:
    def embed_visual(visual: tf.Tensor) -> dict[str, tf.Tensor]:
        _check_visual(visual)
        inputs = {"visual": visual, "visual_length": _full_length(visual)}
        return {"embedding": tf.cast(sub.visual_network(inputs, training=False), tf.float32)}

    return embed_visual


def _cropped(inputs: dict[str, tf.Tensor], config: TiAVCConfig) -> dict[str, tf.Tensor]:
    """Returns audio and its length, cropped as in training."""
    audio, length = inputs["audio"], inputs["audio_length"]
    if config.max_steps is not None:
        audio = audio[:, : config.max_steps]
        length = tf.minimum(length, config.max_steps)
    return {"audio": audio, "audio_length": length}


def _full_length(sequence: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(sequence)
    return tf.fill([shape[0]], shape[1])


def _check_audio(audio: tf.Tensor, length: tf.Tensor) -> None:
    _check_range("audio_length", length, tf.shape(audio)[1])
    valid = tf.sequence_mask(length, tf.shape(audio)[1])[..., tf.newaxis]
    _check_finite("audio", tf.where(valid, audio, 0.0))


def _check_visual(visual: tf.Tensor) -> None:
    tf.debugging.assert_positive(tf.shape(visual)[1], message="visual: give at least one frame")
    _check_finite("visual", visual)


def _check_finite(name: str, values: tf.Tensor) -> None:
    finite = tf.reduce_all(tf.math.is_finite(values))
    tf.debugging.Assert(finite, [f"{name}: holds NaN or infinite values"])


def _check_range(name: str, values: tf.Tensor, highest: tf.Tensor | int) -> None:
    inside = tf.reduce_all((values >= 0) & (values <= highest))
    tf.debugging.Assert(inside, [f"{name}: expected 0 to", highest, "received", values])
