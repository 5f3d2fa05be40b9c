"""Reads corpora of any named arrays, as `features:PATH`, in the view that a system asks for."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data import splits as split_files
from kavc.data.damage import data_errors
from kavc.data.features.header import NAME, OF_SYNTHETIC, Header, files_of, read_header
from kavc.data.features.members import read_lengths, read_roster
from kavc.data.layouts import Reader, View
from kavc.data.manifest import check_records, count_records
from kavc.data.membership import cache_key, members, read_rosters
from kavc.data.roster import Roster, collect, join, repeated
from kavc.data.schema import ExampleSpec, Field
from kavc.data.source import Source
from kavc.data.splits import SPLITS, Part
from kavc.data.tfrecord import read_batches
from kavc.data.views import Batch, silence, viewed, with_one_label
from kavc.errors import DataError
from kavc.inputs.json_files import MAX_BYTES
from kavc.inputs.opening import read_bytes


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
        notes += [OF_SYNTHETIC] if corpus.header.synthetic else []
        if view.theme:
            rosters, left_out = with_one_label(rosters)
            notes += left_out
        _check_rows(source, corpus, rosters, view)
        known = corpus.header.made_by
        made_by = {name: known[there] for name, there in corpus.names.items() if there in known}
        shapes = {name: field.shape[1:] for name, field in corpus.arrays.items()}
        return {
            "counts": {split: len(roster) for split, roster in rosters.items()},
            "widths": {name: field.shape[-1] for name, field in corpus.arrays.items()},
            "classes": tuple(corpus.header.classes),
            "fingerprint": fingerprint,
            "notes": (*notes, *repeated(rosters)),
            "rosters": rosters,
            **({"extractors": made_by} if made_by else {}),
            **({"shapes": shapes} if any(len(shape) > 1 for shape in shapes.values()) else {}),
        }

    def read(self, source: Source, split: str, view: View) -> tf.data.Dataset:
        batches = self.read_batches(source, split, view)
        return viewed(batches, _open(source, view).arrays, view)

    def read_batches(self, source: Source, split: str, view: View) -> tf.data.Dataset:
        """Reads the videos of one split some at a time, which is several times as fast.

        Returns:
            Data set of batches as `kavc.data.views` has them, before means and themes.

        Example:
            source = Source.parse("features:corpus")
            for batch in FeaturesReader().read_batches(source, "train", View()):
                print(batch["audio"].row_lengths())
        """
        corpus = _open(source, view)
        files = _files_of(source, corpus, split)
        check_records(files, corpus.header.spec)
        batches = _batches(corpus, files).map(functools.partial(_standard, arrays=corpus.arrays))
        return members(batches, split, corpus.parts)

    def title(self, source: Source) -> str:
        title = read_header(source.path).content.get("title", "own features")
        return f"{title} ({source.path.name})"

    def arrays(self, source: Source) -> Sequence[ExampleSpec]:
        header = read_header(source.path)
        return [{**header.arrays, **header.times}]

    def extractors(self, source: Source) -> Mapping[str, str]:
        return read_header(source.path).extractors


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
    files = files_of(source.path, header)
    return _Corpus(header, files, source.parts() or header.splits, arrays, dict(view.arrays))


def _array(source: Source, header: Header, name: str, there: str, view: View) -> Field:
    found = header.arrays.get(there)
    if found is None and not view.vectors:
        found = header.times.get(there)
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
    said = tf.cast(batch.get("silent", tf.zeros([tf.size(ids)], tf.int32)), tf.bool)
    return {"id": ids, "labels": labels, **rows, "silent": said | silence({"id": ids, **rows})}


def _ragged(values: tf.Tensor | tf.RaggedTensor) -> tf.RaggedTensor:
    """Returns (videos, rows, ...): a vector is one row."""
    if isinstance(values, tf.RaggedTensor):
        return values
    rows = values[:, None] if values.shape.rank == 2 else values
    return tf.RaggedTensor.from_tensor(rows, row_splits_dtype=tf.int64)


@functools.lru_cache(maxsize=8)
def _rosters_at(
    source: Source, state: tuple[object, ...], audio: str | None, visual: str | None
) -> dict[str, Roster]:
    """Reads the rosters once for as long as the files and the splits (`state`) stay the same."""
    names = {name: there for name, there in (("audio", audio), ("visual", visual)) if there}
    corpus = _open(source, View(names, vectors=False))  # whether they must be, `describe` saw
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


def _check_rows(source: Source, corpus: _Corpus, rosters: Mapping[str, Roster], view: View) -> None:
    """Raises if a video has another number of rows than the view needs."""
    if not (names := {name: corpus.names[name] for name in view.rows if name in corpus.names}):
        return
    lengths = [_lengths(corpus, file, names) for file in corpus.files]
    ids = np.concatenate([ids for ids, _ in lengths])
    for name in names:
        rows = dict(zip(ids, np.concatenate([found[name] for _, found in lengths]), strict=True))
        for roster in rosters.values():
            view.check_rows(name, roster.ids, [rows[id_] for id_ in roster.ids], str(source))


def _lengths(
    corpus: _Corpus, file: Path, names: Mapping[str, str]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns the ids of a file's videos and, by name in the view, how many rows each has."""
    beside = read_lengths(file, names.values())
    if beside is not None:
        return beside[0], {name: beside[1][there] for name, there in names.items()}

    def measured(batch: Batch) -> Batch:
        return {"id": batch["id"]} | {name: _ragged(batch[name]).row_lengths() for name in names}

    with data_errors([file]):
        came = list(_batches(corpus, [file]).map(measured).as_numpy_iterator())
    columns = {name: np.concatenate([batch[name] for batch in came]) for name in ("id", *names)}
    return columns.pop("id"), columns
