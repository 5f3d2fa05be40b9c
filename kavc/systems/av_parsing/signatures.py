"""What an exported parser answers, in graph, with its inputs checked there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc.data.schema import Field
from kavc.serving.input_checks import check_batch, check_finite
from kavc.systems.av_parsing.config import AVParsingConfig
from kavc.systems.base import Signature

Answer = Callable[..., dict[str, tf.Tensor]]
MEANT = {
    "audio": "audio features, one row a second",
    "visual": "features of frames, averaged over each second",
    "visual_3d": "features of clips, one row a second",
}


def signatures(
    network: keras.Model, config: AVParsingConfig, assets: Mapping[str, Any] | None = None
) -> dict[str, Signature]:
    """Returns "serving_default", probabilities, and "parse", decisions.

    Args:
        network: trained network of any variant.
        config: the config that it was built with.
        assets: "classes" to the names of the classes, which "parse" says with its answers; their
            numbers in place of them, if None.

    Example:
        >>> from kavc.systems.av_parsing import recipe
        >>> small = {"audio_dim": 4, "visual_dim": 5, "visual_3d_dim": 6, "dim": 8, "units": 8}
        >>> config = AVParsingConfig(variant="han", **small)
        >>> served = signatures(recipe.build(config), config)
        >>> sorted(served), sorted(served["parse"].outputs)
        (['parse', 'serving_default'], ['class_names', 'events', 'segment_probability'])
    """
    inputs = {
        name: Field(tuple(tensor.shape[1:]), "float32", MEANT[name], 1.0)
        for name, tensor in network.input.items()
    }
    per_segment = (config.segments, 2, config.classes)
    example = {
        name: np.random.default_rng(0).normal(size=(1, *x.shape[1:])).astype(np.float32)
        for name, x in network.input.items()
    }
    gated = "no gate"
    if config.gate != "none":
        gated = f"gate: {config.gate}, at least {network.pooling.thresholds[1]:g}"
    names = (assets or {}).get("classes") or [str(at) for at in range(config.classes)]
    video = {
        f"{name}_probability": Field((config.classes,), "float32", f"that an event is {what}")
        for name, what in (
            ("video", "in the video"),
            ("audio", "heard in it"),
            ("visual", "seen in it"),
        )
    }
    segment = {"segment_probability": Field(per_segment, "float32", "by second; audio, visual")}
    decided = {
        "events": Field(per_segment, "int32", "1 where an event is heard, or seen"),
        "class_names": Field((config.classes,), "string", "of the last axis, the same in each row"),
    }
    return {
        "serving_default": Signature(
            _probabilities(network),
            inputs,
            segment | video,
            "Probabilities of each class: by second and modality, and in the whole video.",
            example,
        ),
        "parse": Signature(
            _parse(network, config, names),
            inputs,
            segment | decided,
            "Which events are heard and seen when: probability of at least "
            f"{network.pooling.thresholds[0]:g}, {gated}.",
            example,
        ),
    }


def decisions(
    answers: Mapping[str, Any], *, gate: str, threshold: Any, gate_threshold: Any
) -> tf.Tensor:
    """Returns which events are decided for, (batch, segments, 2, classes) bool.

    Args:
        answers: what a network gives, in float32.
        gate: see the options of `AVParsingConfig`.
        threshold: float or scalar, least probability of segments.
        gate_threshold: likewise, of what gates them.

    Example:
        >>> answers = {"segment_probability": tf.constant([[[[0.9, 0.9]], [[0.4, 0.9]]]])}
        >>> answers["video_probability"] = tf.constant([[0.8, 0.3]])
        >>> decisions(answers, gate="video", threshold=0.5, gate_threshold=0.5).numpy().tolist()
        [[[[True, False]], [[False, False]]]]
    """
    # What is decided in, as `predictions` does.
    threshold, least = (tf.cast(x, tf.float32) for x in (threshold, gate_threshold))
    decided = answers["segment_probability"] >= threshold
    if gate == "video":
        return decided & (answers["video_probability"] >= least)[:, None, None]
    if gate == "modality":
        own = tf.stack([answers["audio_probability"], answers["visual_probability"]], axis=1)
        return decided & (own >= least)[:, None]
    return decided


def _probabilities(network: keras.Model) -> Answer:
    def probabilities(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        answers = _ask(network, inputs)
        # Pooled from several segments, they can exceed 1 by what rounding and weights leave.
        return {name: tf.clip_by_value(value, 0.0, 1.0) for name, value in answers.items()}

    return probabilities


def _parse(network: keras.Model, config: AVParsingConfig, names: Any) -> Answer:
    def parse(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        answers = _ask(network, inputs)
        decided = decisions(
            answers,
            gate=config.gate,
            threshold=network.pooling.threshold.value,
            gate_threshold=network.pooling.gate_threshold.value,
        )
        rows = tf.shape(decided)[0]
        return {
            "segment_probability": answers["segment_probability"],
            "events": tf.cast(decided, tf.int32),
            "class_names": tf.tile(tf.constant([list(names)]), [rows, 1]),
        }

    return parse


def _ask(network: keras.Model, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    check_batch(inputs)
    for name, value in inputs.items():
        check_finite(name, value)
    answers = network(inputs, training=False)
    return {name: tf.cast(value, tf.float32) for name, value in answers.items()}
