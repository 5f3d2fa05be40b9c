"""The frame-level records of YouTube-8M: one quantised vector a second, read and dequantised."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from kavc.data.damage import Check, Where, row_of
from kavc.data.tfrecord import below, not_empty, parse_files
from kavc.data.youtube8m_records import AUDIO_DIM, VISUAL_DIM, Batch, Release

_FRAME_RECORDS = 8  # 64 whole videos of 300 s would take 88 MB


def read_frames(
    files: Sequence[Path],
    release: Release,
    frames: int | None,
    max_steps: int | None,
    *,
    classes: int | None = None,
) -> tf.data.Dataset:
    """Reads frame-level files in batches, dequantised.

    Args:
        files: paths.
        release: their layout.
        frames: most visual features a video, evenly spaced; None for all.
        max_steps: most audio features a video, the first; None for all.
        classes: number that labels must stay below. Defaults to the release's.

    Returns:
        Data set of dicts "id" (batch,) string, and ragged in their second axis: "labels" int64,
        "audio" (batch, ragged, 128) float32 and "visual" (batch, ragged, 1024) float32.

    Reference:
        Abu-El-Haija et al., 2016; records as in `readers.py` of google/youtube-8m.
    """
    strings = tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64)
    labels = tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64)

    def parse(serialized: tf.Tensor, where: Where) -> Batch:
        context, lists, _ = tf.io.parse_sequence_example(
            serialized,
            {release.key: strings, "labels": labels},
            {"audio": strings, "rgb": strings},
        )
        where.ids = ids = context[release.key]
        checks = [
            _one_id(ids, release.key),
            not_empty(ids, release.key),
            below(context["labels"], "labels", classes or release.classes),
            *(_one_value(lists[name], name) for name in ("audio", "rgb")),
        ]
        with tf.control_dependencies([where.refuse(checks)]):
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


def _one_id(ids: tf.RaggedTensor, key: str) -> Check:
    lengths = ids.row_lengths()
    bad = lengths != 1
    return Check(
        tf.reduce_any(bad),
        lambda: tf.argmax(tf.cast(bad, tf.int32)),
        lambda row: [
            f"{key} must be one value; this record holds ",
            tf.strings.as_string(lengths[row]),
        ],
    )


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
