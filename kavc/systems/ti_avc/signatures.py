"""What an exported Ti-AVC network answers, in graph, with its inputs checked there."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from kavc.data.schema import Field
from kavc.serving.input_checks import check_batch, check_finite, check_range
from kavc.systems.base import Signature
from kavc.systems.ti_avc.config import TiAVCConfig

Answer = Callable[..., dict[str, tf.Tensor]]
EXAMPLE_STEPS, EXAMPLE_FRAMES = 31, 8  # half a minute of sound, and as many frames as in the paper


def signatures(network: keras.Model, config: TiAVCConfig) -> dict[str, Signature]:
    """Returns "serving_default", "embed_audio" and "embed_visual".

    Every sequence comes with its length, so that a server may pad requests of different lengths
    into one batch: what lies after the length changes no answer. No rows get an answer of no rows,
    and sound of no steps one like that of length 0; frames there must be.

    Args:
        network: trained network of any variant.
        config: the config that it was built with.

    Example:
        >>> from kavc.systems.ti_avc import recipe
        >>> config = TiAVCConfig(themes=3, audio_dim=4, visual_dim=5)
        >>> served = signatures(recipe.build(config), config)
        >>> sorted(served), sorted(served["serving_default"].outputs)
        (['embed_audio', 'embed_visual', 'serving_default'], ['match_score', 'theme_probabilities'])
    """
    audio = {
        "audio": Field((None, config.audio_dim), "float32", "audio features, one step each 0.96 s"),
        "audio_length": Field((), "int32", "number of valid audio steps; 0 for none"),
    }
    visual = {
        "visual": Field((None, config.visual_dim), "float32", "visual features of key frames"),
        "visual_length": Field((), "int32", "number of valid frames; at least 1"),
    }
    theme = {"theme": Field((), "int32", "index of the frames' true theme; names in themes.txt")}
    sub = getattr(network, "theme_learner", network)
    outputs = {"match_score": Field((), "float32", "probability that both belong together")}
    if "theme" in network.output:
        outputs["theme_probabilities"] = Field(
            (config.themes,), "float32", "what sound and frames together convey"
        )
    inputs = audio | visual | (theme if "theme" in network.input else {})
    example = _example(config)
    return {
        "serving_default": Signature(
            _match(network, config),
            inputs,
            outputs,
            "Does this sound belong to these frames?",
            {name: example[name] for name in inputs},
        ),
        "embed_audio": Signature(
            _embed_audio(sub, config),
            audio,
            {"embedding": Field((config.embedding_dim,), "float32", "of the whole sound")},
            "Audio embedding, as the fusion reads it.",
            {name: example[name] for name in audio},
        ),
        "embed_visual": Signature(
            _embed_visual(sub),
            visual,
            {
                "embedding": Field(
                    (None, config.embedding_dim), "float32", "of each frame; 0 after the length"
                )
            },
            "Embeddings of the frames, as the fusion reads them.",
            {name: example[name] for name in visual},
        ),
    }


def _example(config: TiAVCConfig) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "audio": rng.normal(size=(1, EXAMPLE_STEPS, config.audio_dim)).astype(np.float32),
        "audio_length": np.array([EXAMPLE_STEPS], np.int32),
        "visual": rng.normal(size=(1, EXAMPLE_FRAMES, config.visual_dim)).astype(np.float32),
        "visual_length": np.array([EXAMPLE_FRAMES], np.int32),
        "theme": np.zeros(1, np.int32),
    }


def _match(network: keras.Model, config: TiAVCConfig) -> Answer:
    def match(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        check_batch(inputs)
        _check_audio(inputs["audio"], inputs["audio_length"])
        _check_visual(inputs["visual"], inputs["visual_length"])
        if "theme" in inputs:
            check_range("theme", inputs["theme"], 0, config.themes - 1)
        answers = network(_filled(inputs | _cropped(inputs, config)), training=False)
        outputs = {"match_score": tf.sigmoid(tf.cast(answers["match"][:, 0], tf.float32))}
        if "theme" in answers:
            outputs["theme_probabilities"] = tf.nn.softmax(tf.cast(answers["theme"], tf.float32))
        return _of_rows(outputs, inputs)

    return match


def _embed_audio(sub: keras.Model, config: TiAVCConfig) -> Answer:
    def embed_audio(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        check_batch(inputs)
        _check_audio(inputs["audio"], inputs["audio_length"])
        embedding = sub.audio_network(_filled(_cropped(inputs, config)), training=False)
        return _of_rows({"embedding": tf.cast(embedding, tf.float32)}, inputs)

    return embed_audio


def _embed_visual(sub: keras.Model) -> Answer:
    def embed_visual(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        check_batch(inputs)
        _check_visual(inputs["visual"], inputs["visual_length"])
        embedding = tf.cast(sub.visual_network(inputs, training=False), tf.float32)
        valid = _valid(inputs["visual"], inputs["visual_length"])
        return {"embedding": tf.where(valid, embedding, 0.0)}

    return embed_visual


def _cropped(inputs: dict[str, tf.Tensor], config: TiAVCConfig) -> dict[str, tf.Tensor]:
    """Returns audio and its length, cropped as in training."""
    audio, length = inputs["audio"], inputs["audio_length"]
    if config.max_steps is not None:
        audio = audio[:, : config.max_steps]
        length = tf.minimum(length, config.max_steps)
    return {"audio": audio, "audio_length": length}


def _filled(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns inputs with a row of zeros if there is none, and a step of sound likewise.

    An LSTM needs a step, and TensorFlow's convolution on oneDNN gives no rows the wrong width.
    What is added is beyond the length, or taken away again by `_of_rows`.
    """
    rows, steps = tf.unstack(tf.cast(tf.shape(inputs["audio"])[:2] == 0, tf.int32))
    missing = {name: [[0, rows]] + [[0, 0]] * (len(x.shape) - 1) for name, x in inputs.items()}
    missing["audio"][1] = [0, steps]
    return {name: tf.pad(value, missing[name]) for name, value in inputs.items()}


def _of_rows(outputs: dict[str, tf.Tensor], inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns the answers of the rows that came."""
    rows = tf.shape(inputs["audio"])[0]
    return {name: value[:rows] for name, value in outputs.items()}


def _valid(sequence: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Returns (batch, time, 1) bool, True at the first `length` steps."""
    return tf.sequence_mask(length, tf.shape(sequence)[1])[..., tf.newaxis]


def _check_audio(audio: tf.Tensor, length: tf.Tensor) -> None:
    check_range("audio_length", length, 0, tf.shape(audio)[1])
    check_finite("audio", tf.where(_valid(audio, length), audio, 0.0))


def _check_visual(visual: tf.Tensor, length: tf.Tensor) -> None:
    tf.debugging.Assert(tf.shape(visual)[1] > 0, ["visual: give at least one frame"])
    check_range("visual_length", length, 1, tf.shape(visual)[1])
    check_finite("visual", tf.where(_valid(visual, length), visual, 0.0))
