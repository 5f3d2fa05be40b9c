"""From records of named arrays to the examples of a view: what readers of several layouts do.

A batch, as a reader makes it, is a dict of "id" (batch,) string, "labels" (batch, ragged) int64,
each array of the view (batch, ragged, ...) float32, and "silent" (batch,) bool.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data.layouts import View
from kavc.data.roster import Roster
from kavc.data.schema import ExampleSpec, Field
from kavc.data.tfrecord import one_by_one

LABEL = Field((), "int32", "index of the video's theme")
LABELS = Field((None,), "int64", "indices of the video's classes; none where it has none")
QUIET = Field((), "bool", "whether there is nothing to hear")
Batch = dict[str, tf.Tensor | tf.RaggedTensor]


def example_spec(arrays: ExampleSpec, view: View) -> ExampleSpec:
    """Returns what an example of a view holds.

    Args:
        arrays: name in the view to field, (width,) or (rows, ...); times are (rows,).
        view: the view.

    Example:
        >>> arrays = {"audio": Field((None, 128), "float32", "")}
        >>> spec = example_spec(arrays, View(means=True, theme=True))
        >>> {name: field.shape for name, field in spec.items()}
        {'id': (), 'audio': (128,), 'theme': (), 'silent': ()}
    """
    spec = {"id": Field((), "string", "identifies the video; equal ids are the same video")}
    for name, field in arrays.items():
        rows = len(field.shape) > 1 or field.shape[:1] == (None,)  # else one vector a video
        row = field.shape[1:] if rows else field.shape
        spec[name] = replace(field, shape=row if view.means else (None, *row))
    spec |= {"theme": LABEL} if view.theme else {"labels": LABELS}
    return spec | ({"silent": QUIET} if view.means else {})


def viewed(batches: tf.data.Dataset, arrays: ExampleSpec, view: View) -> tf.data.Dataset:
    """Returns the examples of a view, one by one, as `kavc.data.layouts.Reader.read` tells.

    Args:
        batches: see above.
        arrays, view: as of `example_spec`.
    """
    if view.theme:
        batches = batches.map(_themed)
    if view.means:
        batches = batches.map(functools.partial(_means, names=tuple(arrays)))
    elif "audio" in view.rows:  # so many rows, whatever they are
        batches = batches.map(lambda batch: {n: v for n, v in batch.items() if n != "silent"})
    else:
        batches = batches.map(functools.partial(_muted, arrays=arrays))
    return one_by_one(batches, example_spec(arrays, view))


def silence(batch: Mapping[str, Any]) -> tf.Tensor:
    """Tells which videos have no sound: no row of "audio", or nothing but zeros.

    Args:
        batch: dict of "id", and maybe of "audio" (batch, ragged, ...).

    Returns:
        (batch,) bool; all False without "audio".

    Example:
        >>> rows = [[[0.0]], [[0.0], [0.5]], []]
        >>> audio = tf.ragged.constant(rows, ragged_rank=1, inner_shape=(1,))
        >>> silence({"id": tf.constant(["a", "b", "c"]), "audio": audio}).numpy().tolist()
        [True, False, True]
    """
    size = tf.size(batch["id"])
    if "audio" not in batch:
        return tf.zeros([size], tf.bool)
    values = batch["audio"].values
    loudest = tf.reduce_max(tf.abs(values), axis=list(range(1, values.shape.rank)))
    heard = tf.math.unsorted_segment_max(loudest, batch["audio"].value_rowids(), size)
    return ~(heard > 0)


def with_one_label(rosters: Mapping[str, Roster]) -> tuple[dict[str, Roster], list[str]]:
    """Keeps the videos with exactly one label, as a view of themes does.

    Returns:
        Split name to roster, and a sentence for each split in which there are others.

    Example:
        >>> there = np.array([True, True])
        >>> ids = np.array([b"a", b"b"], object)
        >>> roster = Roster(ids, np.array([0, 1, 0]), np.array([0, 2, 3]), there, there)
        >>> kept, notes = with_one_label({"train": roster})
        >>> kept["train"].ids.tolist(), notes
        ([b'b'], ['train: 1 of 2 videos without exactly one theme'])
    """
    one = {name: np.diff(roster.label_splits) == 1 for name, roster in rosters.items()}
    kept = {
        name: roster if one[name].all() else roster.select(one[name])
        for name, roster in rosters.items()
    }
    notes = [
        f"{name}: {count} of {len(rosters[name])} videos without exactly one theme"
        for name in rosters
        if (count := int(np.sum(~one[name])))
    ]
    return kept, notes


def _themed(batch: Batch) -> Batch:
    labels = batch["labels"]
    keep = labels.row_lengths() == 1
    kept = {name: tf.ragged.boolean_mask(values, keep) for name, values in batch.items()}
    theme = tf.cast(kept.pop("labels").values, tf.int32)
    return kept | {"theme": theme}


def _means(batch: Batch, names: Sequence[str]) -> Batch:
    def mean(rows: tf.RaggedTensor) -> tf.Tensor:
        value = tf.reduce_mean(rows, axis=1)
        return tf.where(tf.math.is_nan(value), 0.0, value)

    return batch | {name: mean(batch[name]) for name in names}


def _muted(batch: Batch, arrays: ExampleSpec) -> Batch:
    """Leaves silent videos no row of sound."""
    batch = dict(batch)
    silent = batch.pop("silent")
    if "audio" in arrays:
        audio = batch["audio"]
        lengths = tf.where(silent, tf.constant(0, tf.int64), audio.row_lengths())
        values = tf.boolean_mask(audio.values, tf.gather(~silent, audio.value_rowids()))
        batch["audio"] = tf.RaggedTensor.from_row_lengths(values, lengths, validate=False)
    return batch
