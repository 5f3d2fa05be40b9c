"""Writing a corpus: the whole folder or nothing of it, one video in memory at a time."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kavc.data import splits as split_files
from kavc.data.features import header
from kavc.data.features.members import Members
from kavc.data.schema import ExampleSpec, Field
from kavc.data.tfrecord import write_records
from kavc.errors import DataError
from kavc.files import write_json
from kavc.folders import check_new
from kavc.inputs.columns import check_names
from kavc.partials import new_folder

SHARD = 4096
SHARD_BYTES = 256 * 2**20


def write_corpus(
    folder: str | os.PathLike,
    splits: Mapping[str, Iterable[Mapping[str, Any]]] | Iterable[Mapping[str, Any]],
    classes: Sequence[str] = (),
    *,
    fields: Mapping[str, Field] | None = None,
    provenance: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    shard: int = SHARD,
) -> None:
    """Writes a corpus of any named arrays. Examples are streamed.

    Args:
        folder: must not exist.
        splits: split name to examples; or examples alone, whose split is then the hash of the id.
            An example is a dict of

            - "id", a string;
            - "labels" (any,) integers, indices into `classes`, if there are classes;
            - "silent", optional: whether the sound is silence, in all examples or in none;
            - any other name: an array. Floats of two or more axes have one row a step of time,
              as many as there are; floats of one axis are one vector; whole numbers of one axis are
              a list. NAME_times holds the seconds at which the rows of NAME begin, (rows,) floats.
              Text is kept as it is.

            The first example fixes the names, kinds and widths, where `fields` does not.
        classes: names of the labels, by index.
        fields: optional. Name to field, of arrays: with meanings, hops and shapes that the first
            example does not show.
        provenance: optional. Where the arrays come from: extractors, versions, tables.
        extra: more entries for `corpus.json`.
        shard: most videos a file. Defaults to 4,096; a file ends at 256 MiB, too.

    Raises:
        DataError: the folder exists, a split is empty or has an unknown name, or an example does
            not fit.

    Example:
        write_corpus("corpus", {"train": videos, "test": more}, ["Cars", "Food"])
    """
    folder = Path(folder)
    if folder.exists():
        raise DataError(f"{folder}: exists; choose another folder or remove it")
    check_new(folder)
    published = isinstance(splits, Mapping)
    streams = dict(splits) if isinstance(splits, Mapping) else {"videos": splits}
    for name in streams if published else ():
        split_files.check_name(name)
    if shard < 1:
        raise DataError(f"{folder}: a file needs at least one video")
    names = check_names(list(classes), f"{folder}: classes")
    with new_folder(folder) as temporary:
        writer = _Writer(temporary, names, dict(fields or {}), shard)
        files = {name: writer.write(name, stream) for name, stream in streams.items()}
        described = {name: header.field_to_json(field) for name, field in writer.spec.items()}
        content = {"format": header.FORMAT, "version": header.VERSION, "fields": described}
        content |= {"classes": names, "provenance": dict(provenance or {})}
        named = {"splits": files} if published else {}
        write_json(temporary / header.NAME, {**(extra or {}), **content, **named})


class _Writer:
    def __init__(self, folder: Path, classes: list[str], fields: dict[str, Field], shard: int):
        self.folder, self.classes, self.fields, self.shard = folder, classes, fields, shard
        self.spec: ExampleSpec = {}

    def write(self, name: str, examples: Iterable[Mapping[str, Any]]) -> list[str]:
        """Writes one split's files; returns their names."""
        stream = iter(examples)
        files: list[str] = []
        for first in stream:
            file = f"{name}-{len(files):05d}.tfrecord"
            self.spec = self.spec or self._spec(first, file)
            members, arrays = Members(), header.Header(self.spec).arrays
            part = self._checked(self._shard(first, stream), file)
            write_records(self.folder / file, members.watch(part, arrays), self.spec, name=file)
            members.save(self.folder / file)
            files.append(file)
        if not files:
            raise DataError(f"split {name!r} has no videos; leave it out or fill it")
        return files

    def _shard(
        self, first: Mapping[str, Any], stream: Iterator[Mapping[str, Any]]
    ) -> Iterator[Mapping[str, Any]]:
        size = 0
        for example in itertools.chain([first], itertools.islice(stream, self.shard - 1)):
            yield example
            size += sum(np.asarray(value).nbytes for value in example.values())
            if size >= SHARD_BYTES:
                return

    def _spec(self, example: Mapping[str, Any], file: str) -> ExampleSpec:
        spec = {"id": header.ID}
        if self.classes:
            spec["labels"] = header.LABELS
        if "silent" in example:
            spec["silent"] = header.SILENT
        others = [name for name in example if name not in ("id", "labels", "silent")]
        for name in dict.fromkeys([*self.fields, *others]):
            header.check_array_name(name, file)
            spec[name] = self.fields.get(name) or field_of(name, example[name], file)
        if not header.Header(spec).arrays:
            raise DataError(f"{file}: the first video has no array of features; it has "
                            f"{', '.join(sorted(example))}")  # fmt: skip
        return spec

    def _checked(self, examples: Iterable[Mapping[str, Any]], file: str) -> Iterator[Any]:
        for record, example in enumerate(examples):
            where = f"{file}, record {record}"
            if example.get("id") in ("", b""):
                raise DataError(f"{where}: id is empty")
            where = f"{where} (id {example.get('id')})"
            if extra := sorted(set(example) - set(self.spec)):
                raise DataError(f"{where}: {extra[0]!r} is not in the first video, which has"
                                f" {', '.join(self.spec)}; all must have the same")  # fmt: skip
            self._check_labels(example.get("labels", ()), where)
            self._check_times(example, where)
            told: dict[str, Any] = {"silent": int(example["silent"])} if "silent" in example else {}
            if "labels" in self.spec and not len(example.get("labels", ())):
                told["labels"] = np.zeros(0, np.int64)  # an empty list is of no dtype
            yield {**example, **told}

    def _check_labels(self, labels: Sequence[int], where: str) -> None:
        for label in labels:
            if not 0 <= int(label) < len(self.classes):
                raise DataError(f"{where}: label {label} is not one of 0 to"
                                f" {len(self.classes) - 1}")  # fmt: skip

    def _check_times(self, example: Mapping[str, Any], where: str) -> None:
        for name in self.spec:
            if not name.endswith(header.TIMES):
                continue
            array, times = name.removesuffix(header.TIMES), np.asarray(example.get(name))
            rows = len(example.get(array, ()))
            if len(times) != rows or np.any(np.diff(times) < 0):
                raise DataError(f"{where}: {name} must be {rows} seconds, one for each row of"
                                f" {array}, none before the one before it")  # fmt: skip


def field_of(name: str, value: Any, where: str) -> Field:
    """Returns the field that an example's value shows.

    Args:
        name: of the array.
        value: array or text.
        where: names the example in the message.

    Raises:
        DataError: an array of another kind.

    Example:
        >>> field_of("audio", np.zeros((3, 128), "float32"), "corpus, video 0")
        Field(shape=(None, 128), dtype='float32', meaning='', hop=None)
        >>> field_of("mood", "calm", "corpus, video 0").dtype
        'string'
    """
    array = np.asarray(value)
    if array.dtype.kind in "US":
        return Field((), "string", "")
    if array.dtype.kind in "iu" and array.ndim == 1:
        return Field((None,), "int32", "")
    if array.dtype.kind == "f" and array.ndim and all(array.shape[1:]):
        if name.endswith(header.TIMES) and array.ndim == 1:
            return Field((None,), "float32", f"seconds at which the rows of {name} begin")
        rows = None if array.ndim > 1 else array.shape[0]
        if rows != 0:
            return Field((rows, *array.shape[1:]), "float32", "")
    raise DataError(
        f"{where}: {name} is {array.dtype} of shape {array.shape}; expected floats (rows, width) or"
        " (width,), whole numbers (any,), or text"
    )
