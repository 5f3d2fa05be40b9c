"""The records of YouTube-8M: video level and frame level, 2017 and 2018.

Video level is a `tf.train.Example` of `mean_rgb` and `mean_audio`; frame level is a
`tf.train.SequenceExample` whose feature lists `rgb` and `audio` hold one quantised vector a second.

Reference:
    Abu-El-Haija et al., "YouTube-8M: A Large-Scale Video Classification Benchmark", 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from kavc.data.damage import Check, Where, row_of
from kavc.data.schema import ExampleSpec, Field
from kavc.data.tfrecord import PARSE_AT_ONCE, parse_files, read_batches
from kavc.errors import DataError

AUDIO_DIM, VISUAL_DIM = 128, 1024
CLASSES = {"id": 3862, "video_id": 4716}  # by the key of the id: 2018, 2017
SPEC: ExampleSpec = {
    "id": Field((), "string", "identifies the video; anonymised since 2018"),
    "labels": Field((None,), "int64", "class indices; none in public test partitions"),
    "audio": Field((None, AUDIO_DIM), "float32", "audio features; video level: their mean alone"),
    "visual": Field((None, VISUAL_DIM), "float32", "visual features; video level: their mean"),
}
MEANS: ExampleSpec = {
    "id": SPEC["id"],
    "labels": SPEC["labels"],
    "audio": Field((AUDIO_DIM,), "float32", "audio features, mean over the video"),
    "visual": Field((VISUAL_DIM,), "float32", "visual features, mean over the video"),
    "silent": Field((), "bool", "whether the audio features are those of silence"),
}
_SILENT_START = (0.721538, -1.568658, -0.015717, -0.501991)
_SILENT_NORM = 6.484
_FRAME_RECORDS = 8  # 64 whole videos of 300 s would take 88 MB

Batch = dict[str, tf.Tensor | tf.RaggedTensor]


@dataclass(frozen=True)
class Release:
    """Which of the published layouts a file has.

    Args:
        level: "video" or "frame".
        key: of the id: "id" (2018) or "video_id" (2017).
    """

    level: str
    key: str

    @property
    def classes(self) -> int:
        """Number of classes of the release's vocabulary."""
        return CLASSES[self.key]


def detect(file: Path) -> Release:
    """Tells a file's layout by its first record.

    Raises:
        DataError: the file is missing, empty or damaged, or its first record has neither layout.
    """
    if not file.is_file() or not file.stat().st_size:
        raise DataError(f"{file}: empty or no such file; fetch it again")
    try:
        first = next(iter(tf.data.TFRecordDataset(str(file)).take(1))).numpy()
        # An Example's features have the field number of a SequenceExample's context.
        record = tf.train.SequenceExample.FromString(first)
    except Exception as error:  # TensorFlow's and protobuf's, whose modules differ by release
        line = " ".join(str(error).split())
        raise DataError(f"{file}, record 0: not a TFRecord of examples ({line})") from None
    context, lists = set(record.context.feature), set(record.feature_lists.feature_list)
    keys = context & set(CLASSES)
    level = "frame" if {"rgb", "audio"} <= lists else "video"
    if len(keys) != 1 or (level == "video" and not {"mean_rgb", "mean_audio"} <= context):
        raise DataError(
            f"{file}, record 0: not YouTube-8M; it needs id or video_id, and mean_rgb with"
            f" mean_audio or rgb with audio; it has {', '.join(sorted(context | lists))}"
        )
    return Release(level, keys.pop())


def read_videos(
    files: Sequence[Path], release: Release, at_once: int = PARSE_AT_ONCE
) -> tf.data.Dataset:
    """Reads video-level files in batches.

    Args:
        files: paths.
        release: their layout.
        at_once: most videos a batch.

    Returns:
        Data set of dicts "id" (batch,) string, "labels" (batch, ragged) int64, "audio"
        (batch, 1, 128) float32, "visual" (batch, 1, 1024) float32.
    """
    stored = {
        release.key: SPEC["id"],
        "labels": Field((None,), "int32", ""),
        "mean_audio": Field((1, AUDIO_DIM), "float32", ""),
        "mean_rgb": Field((1, VISUAL_DIM), "float32", ""),
    }

    def renamed(batch: Batch) -> Batch:
        return {
            "id": batch[release.key],
            "labels": tf.cast(batch["labels"], tf.int64),
            "audio": batch["mean_audio"],
            "visual": batch["mean_rgb"],
        }

    limits = {"labels": release.classes}
    return read_batches(files, stored, limits=limits, at_once=at_once).map(renamed)


def read_frames(
    files: Sequence[Path], release: Release, frames: int | None, max_steps: int | None
) -> tf.data.Dataset:
    """Reads frame-level files in batches, dequantised.

    Args:
        files: paths.
        release: their layout.
        frames: most visual features a video, evenly spaced; None for all.
        max_steps: most audio features a video, the first; None for all.

    Returns:
        Data set of dicts "id" (batch,) string, and ragged in their second axis: "labels" int64,
        "audio" (batch, ragged, 128) float32 and "visual" (batch, ragged, 1024) float32.
    """
    strings = tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64)
    labels = tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64)

    def parse(serialized: tf.Tensor, where: Where) -> Batch:
        context, lists, _ = tf.io.parse_sequence_example(
            serialized,
            {release.key: strings, "labels": labels},
            {"audio": strings, "rgb": strings},
        )
        where.ids = context[release.key]
        with tf.control_dependencies(
            [where.refuse([_one_value(lists[name], name) for name in ("audio", "rgb")])]
        ):
            audio = _seconds(lists["audio"])[:, :max_steps]
            visual = _spaced(_seconds(lists["rgb"]), frames)
        checks = [_bytes(audio, AUDIO_DIM, "audio"), _bytes(visual, VISUAL_DIM, "rgb")]
        with tf.control_dependencies([where.refuse(checks)]):
            audio, visual = _dequantise(audio, AUDIO_DIM), _dequantise(visual, VISUAL_DIM)
        return {
            "id": tf.strings.reduce_join(where.ids, axis=1),
            "labels": context["labels"],
            "audio": audio,
            "visual": visual,
        }

    return parse_files(files, parse, _FRAME_RECORDS)


def _one_value(parsed: tf.RaggedTensor, name: str) -> Check:
    bad = parsed.values.row_lengths() != 1
    words = [f"{name} must hold one value a second"]
    return Check(tf.reduce_any(bad), row_of(parsed, bad), lambda _: words)


def _seconds(parsed: tf.RaggedTensor) -> tf.RaggedTensor:
    """Takes the one value of each second: (batch, ragged, ragged) to (batch, ragged) strings."""
    return parsed.with_values(tf.identity(parsed.values.values))


def _bytes(seconds: tf.RaggedTensor, width: int, name: str) -> Check:
    bad = tf.strings.length(seconds.values) != width
    words = [f"{name} must hold {width} bytes a second"]
    return Check(tf.reduce_any(bad), row_of(seconds, bad), lambda _: words)


def _spaced(seconds: tf.RaggedTensor, frames: int | None) -> tf.RaggedTensor:
    """Picks the middles of `frames` equal parts of each row."""
    if frames is None:
        return seconds
    lengths = seconds.row_lengths()
    picked = tf.minimum(lengths, frames)
    parts = tf.ragged.range(picked)  # position among the picked, by row
    rows = parts.value_rowids()
    twice = (2 * parts.values + 1) * tf.gather(lengths, rows)
    places = twice // (2 * tf.gather(picked, rows))
    starts = tf.gather(seconds.row_starts(), rows)
    return parts.with_values(tf.gather(seconds.values, starts + places))


def _dequantise(seconds: tf.RaggedTensor, width: int) -> tf.RaggedTensor:
    """Byte q stands for q·4/255 + 4/512 − 2, as YouTube-8M's own reader has it."""
    quantised = tf.io.decode_raw(tf.identity(seconds.values), tf.uint8)
    values = tf.cast(quantised, tf.float32) * (4 / 255) + (4 / 512 - 2)
    return seconds.with_values(tf.reshape(values, (-1, width)))


def silent(audio: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
    """Recognises videos without sound, which nearly all carry the embedding of silence.

    Of 28,792 videos of 2018, 435 have one and the same audio vector and two more lie within 3e-4
    of it in each entry; the next is 8e-3 away. It is known by its first four entries, to 1e-4,
    and its norm, to 1e-3.

    Args:
        audio: (videos, steps, 128) float32; the steps may be ragged.

    Returns:
        (videos,) bool. True where the mean over the steps is the embedding of silence or zero,
        and where there are no steps.
    """
    mean = tf.reduce_mean(audio, axis=1)
    if isinstance(mean, tf.RaggedTensor):
        mean = mean.to_tensor()
    norm = tf.norm(mean, axis=-1)
    start = tf.reduce_max(tf.abs(mean[:, :4] - tf.constant(_SILENT_START)), axis=-1)
    silence = (start < 1e-4) & (tf.abs(norm - _SILENT_NORM) < 1e-3)
    return silence | ~(norm > 0)  # the mean of no steps is NaN


def silence() -> np.ndarray:
    """Returns a vector that `silent` takes for the embedding of silence: (128,) float32."""
    start = np.array(_SILENT_START)
    rest = ((_SILENT_NORM**2 - (start**2).sum()) / (AUDIO_DIM - len(start))) ** 0.5
    return np.concatenate([start, np.full(AUDIO_DIM - len(start), rest)]).astype(np.float32)


def means(batch: Batch) -> Batch:
    """Replaces the steps of each modality by their mean; zero where there are none."""

    def mean(steps: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        value = tf.reduce_mean(steps, axis=1)
        return tf.where(tf.math.is_nan(value), 0.0, value)

    return {
        "id": batch["id"],
        "labels": batch["labels"],
        "audio": mean(batch["audio"]),
        "visual": mean(batch["visual"]),
        "silent": silent(batch["audio"]),
    }
