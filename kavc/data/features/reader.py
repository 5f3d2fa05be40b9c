"""Reads corpora of any named arrays, as `features:PATH`, in the view that a system asks for."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data import splits as split_files
from kavc.data.features.header import NAME, Header, read_header
from kavc.data.features.members import read_roster
from kavc.data.layouts import Reader, View
from kavc.data.manifest import check_records, count_records
from kavc.data.membership import cache_key, members, read_rosters
from kavc.data.roster import Roster, collect, join, repeated
from kavc.data.schema import ExampleSpec, Field
from kavc.data.source import Source
from kavc.data.splits import SPLITS, Part
from kavc.data.tfrecord import one_by_one, read_batches
from kavc.errors import DataError
from kavc.inputs.json_files import MAX_BYTES
from kavc.inputs.opening import read_bytes

LABEL = Field((), "int32", "index of the video's theme")
LABELS = Field((None,), "int64", "indices of the video's classes; none where it has none")
QUIET = Field((), "bool", "whether there is nothing to hear")
Batch = dict[str, tf.Tensor | tf.RaggedTensor]


class FeaturesReader(Reader):
    """Corpora that `kavc data convert` and `kavc.data.features.write_corpus` write."""

    def describe(self, source: Source, view: View) -> dict[str, Any]:
        corpus = _open(source, view)
        manifests = check_records(corpus.files, corpus.header.spec)
        digest = hashlib.sha256(read_bytes(source.path / NAME, most=MAX_BYTES))
        for file, manifest in zip(corpus.files, manifests, strict=True):
            digest.update(f"{file.relative_to(source.path)} {manifest.sha256}\n".encode())
        fingerprint = digest.hexdigest()
        state = cache_key(fingerprint, corpus.files, corpus.parts)
        audio, visual = (view.arrays.get(name) for name in ("audio", "visual"))
        rosters = dict(_rosters_at(source, state, audio, visual))
        by_hash = "no published split: 80/10/10 by the hash of the id"
        notes = [] if corpus.parts else [by_hash]
        if view.theme:
            notes += [note for name in rosters if (note := _left_out(name, rosters[name]))]
            rosters = {name: _with_one_label(roster) for name, roster in rosters.items()}
        return {
            "counts": {split: len(roster) for split, roster in rosters.items()},
            "widths": {name: field.shape[-1] for name, field in corpus.arrays.items()},
            "classes": tuple(corpus.header.classes),
            "fingerprint": fingerprint,
            "notes": (*notes, *repeated(rosters)),
            "rosters": rosters,
        }

    def read(self, source: Source, split: str, view: View) -> tf.data.Dataset:
        corpus = _open(source, view)
        files = _files_of(source, corpus, split)
        check_records(files, corpus.header.spec)
        batches = _batches(corpus, files).map(functools.partial(_standard, arrays=corpus.arrays))
        batches = members(batches, split, corpus.parts)
        if view.theme:
            batches = batches.map(_themed)
        if view.means:
            batches = batches.map(functools.partial(_means, names=tuple(corpus.arrays)))
        else:
            batches = batches.map(functools.partial(_rows, arrays=corpus.arrays))
        return one_by_one(batches, example_spec(corpus.arrays, view))

    def title(self, source: Source) -> str:
        title = read_header(source.path).content.get("title", "own features")
        return f"{title} ({source.path.name})"


def example_spec(arrays: ExampleSpec, view: View) -> ExampleSpec:
    """Returns what an example of a view holds.

    Args:
        arrays: name in the view to field, (width,) or (rows, ...).
        view: the view.
    """
    spec = {"id": Field((), "string", "identifies the video; equal ids are the same video")}
    for name, field in arrays.items():
        row = field.shape[1:] if len(field.shape) > 1 else field.shape
        spec[name] = replace(field, shape=row if view.means else (None, *row))
    spec |= {"theme": LABEL} if view.theme else {"labels": LABELS}
    return spec | ({"silent": QUIET} if view.means else {})


@dataclass(frozen=True)
class _Corpus:
    header: Header
    files: Sequence[Path]
    parts: Mapping[str, Part] | None
    arrays: ExampleSpec  # by their names in the view
    names: Mapping[str, str]  # those to the names in the records


def _open(source: Source, view: View) -> _Corpus:
    header = read_header(source.path)
    arrays = {
        name: _array(source, header, name, there, view) for name, there in view.arrays.items()
    }
    if view.theme and not header.classes:
        raise DataError(f"{source}: its videos have no labels, and a theme each is needed; convert"
                        " them with a column theme")  # fmt: skip
    if header.splits is None:
        files = sorted(f for f in source.path.glob("*.tfrecord") if not f.name.startswith("."))
    else:
        files = [source.path / glob for part in header.splits.values() for glob in part.globs]
    if not files:
        raise DataError(f"{source}: no *.tfrecord files beside {NAME}")
    return _Corpus(header, files, source.parts() or header.splits, arrays, dict(view.arrays))


def _array(source: Source, header: Header, name: str, there: str, view: View) -> Field:
    found = header.arrays.get(there)
    if found is None:
        raise DataError(
            f"{source}: no array {there!r} to read as {name!r}; it has {', '.join(header.arrays)};"
            f" say which one is meant: --set {name}_array=NAME"
        )
    if view.vectors and len(found.shape) > 2:
        shape = str(found.shape).replace("None", "any")
        raise DataError(f"{source}: {there} is {shape}; one vector a step of time is expected")
    return found


def _files_of(source: Source, corpus: _Corpus, split: str) -> list[Path]:
    split_files.check_name(split)
    if corpus.parts is None:
        return list(corpus.files)
    return split_files.files_of(split, corpus.files, source.path, corpus.parts)


def _batches(corpus: _Corpus, files: Sequence[Path]) -> tf.data.Dataset:
    """Reads the records' ids, labels and the view's arrays, and nothing else of them."""
    spec = corpus.header.spec
    wanted = {"id", "labels", "theme", "silent", *corpus.names.values()}
    classes = len(corpus.header.classes)
    return read_batches(
        files,
        {name: field for name, field in spec.items() if name in wanted},
        limits={name: classes for name in ("labels", "theme") if name in spec},
        filled=("id",),
    ).map(functools.partial(_renamed, names=corpus.names))


def _renamed(batch: Batch, names: Mapping[str, str]) -> Batch:
    others = {name: batch[name] for name in ("id", "labels", "theme", "silent") if name in batch}
    return others | {name: batch[there] for name, there in names.items()}


def _standard(batch: Batch, arrays: ExampleSpec) -> Batch:
    """Gives every video labels, and rows of every array; marks those without sound."""
    ids = batch["id"]
    if "theme" in batch:
        theme = tf.cast(batch["theme"], tf.int64)[:, None]
        labels = tf.RaggedTensor.from_tensor(theme, row_splits_dtype=tf.int64)
    elif "labels" in batch:
        labels = tf.cast(batch["labels"], tf.int64)
    else:
        none = tf.zeros([tf.size(ids)], tf.int64)
        labels = tf.RaggedTensor.from_row_lengths(none[:0], none, validate=False)
    rows = {name: _ragged(batch[name]) for name in arrays}
    return {"id": ids, "labels": labels, **rows, "silent": _silent(batch, rows)}


def _ragged(values: tf.Tensor | tf.RaggedTensor) -> tf.RaggedTensor:
    """Returns (videos, rows, ...): a vector is one row."""
    if isinstance(values, tf.RaggedTensor):
        return values
    rows = values[:, None] if values.shape.rank == 2 else values
    return tf.RaggedTensor.from_tensor(rows, row_splits_dtype=tf.int64)


def _silent(batch: Batch, rows: Mapping[str, tf.RaggedTensor]) -> tf.Tensor:
    """Tells which videos have no sound: no row, nothing but zeros, or so the record says."""
    size = tf.size(batch["id"])
    said = tf.cast(batch.get("silent", tf.zeros([size], tf.int32)), tf.bool)
    if "audio" not in rows:
        return said
    values = rows["audio"].values
    loudest = tf.reduce_max(tf.abs(values), axis=list(range(1, values.shape.rank)))
    heard = tf.math.unsorted_segment_max(loudest, rows["audio"].value_rowids(), size)
    return said | ~(heard > 0)


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


def _rows(batch: Batch, arrays: ExampleSpec) -> Batch:
    """Leaves silent videos no row of sound."""
    batch = dict(batch)
    silent = batch.pop("silent")
    if "audio" in arrays:
        audio = batch["audio"]
        lengths = tf.where(silent, tf.constant(0, tf.int64), audio.row_lengths())
        values = tf.boolean_mask(audio.values, tf.gather(~silent, audio.value_rowids()))
        batch["audio"] = tf.RaggedTensor.from_row_lengths(values, lengths, validate=False)
    return batch


@functools.lru_cache(maxsize=8)
def _rosters_at(
    source: Source, state: tuple[object, ...], audio: str | None, visual: str | None
) -> dict[str, Roster]:
    """Reads the rosters once for as long as the files and the splits (`state`) stay the same."""
    names = {name: there for name, there in (("audio", audio), ("visual", visual)) if there}
    corpus = _open(source, View(names))
    rosters = read_rosters(
        source,
        list(corpus.parts or SPLITS),
        corpus.files,
        corpus.parts,
        count=count_records,
        read=functools.partial(_roster, corpus),
    )
    for split, roster in rosters.items():
        if not len(roster):
            raise DataError(f"{source}: split {split!r} is empty")
    _check_digests(source, state)
    return rosters


@functools.lru_cache(maxsize=8)
def _check_digests(source: Source, state: tuple[object, ...]) -> None:
    """Compares the files with their digests: the fingerprint is of the manifests alone."""
    del state
    corpus = _open(source, View({}))
    check_records(corpus.files, corpus.header.spec, deep=True)


def _roster(corpus: _Corpus, files: Sequence[Path]) -> Roster:
    """Returns who is in some files: of their members, or, of an earlier release, of the records."""
    names = corpus.names.get("audio"), corpus.names.get("visual")
    beside = [read_roster(file, *names) for file in files]
    known = [roster for roster in beside if roster is not None]
    if len(known) == len(beside):
        return join(known)

    def marked(batch: Batch) -> Batch:
        batch = _standard(batch, corpus.arrays)
        heard = ~batch["silent"]
        seen = batch["visual"].row_lengths() > 0 if "visual" in batch else tf.ones_like(heard)
        return {"id": batch["id"], "labels": batch["labels"], "heard": heard, "seen": seen}

    return collect(_batches(corpus, files).map(marked), files)


def _with_one_label(roster: Roster) -> Roster:
    one = np.diff(roster.label_splits) == 1
    return roster if one.all() else roster.select(one)


def _left_out(split: str, roster: Roster) -> str | None:
    count = int(np.sum(np.diff(roster.label_splits) != 1))
    return f"{split}: {count} of {len(roster)} videos without exactly one theme" if count else None
