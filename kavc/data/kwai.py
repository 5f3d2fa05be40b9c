"""Corpora of videos with a theme: KWAI-AD-AudVis style, real or synthetic.

A corpus is a folder of TFRecord files with their manifests (`kavc.data.tfrecord`) and a
`corpus.json`, which names the widths of the features, the themes and the files of each split.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data import splits as split_files
from kavc.data.columns import check_not_misspelt
from kavc.data.manifest import check_records, count_records
from kavc.data.membership import cache_key, read_rosters
from kavc.data.roster import Roster, collect, repeated
from kavc.data.schema import ExampleSpec, video_spec
from kavc.data.source import Source
from kavc.data.splits import SPLITS, Part
from kavc.data.tfrecord import one_by_one, read_batches, write_records
from kavc.errors import DataError
from kavc.files import read_json, write_json
from kavc.folders import check_new
from kavc.partials import new_folder

FORMAT = "kavc-videos"
VERSION = 1
SHARD = 4096


def write_corpus(
    folder: str | os.PathLike,
    splits: Mapping[str, Iterable[Mapping[str, Any]]] | Iterable[Mapping[str, Any]],
    themes: Sequence[str],
    *,
    extra: Mapping[str, Any] | None = None,
    shard: int = SHARD,
) -> None:
    """Writes a corpus: the whole folder or nothing of it. Examples are streamed.

    Args:
        folder: must not exist.
        splits: split name to examples; or examples alone, whose split is then the hash of the
            id. An example is a dict of "id" (a string), "audio" (steps, audio_dim), "visual"
            (frames, visual_dim) and "theme" (an index); the first one fixes the widths.
        themes: names, by index.
        extra: more entries for `corpus.json`, such as how the corpus was made.
        shard: most videos a file. Defaults to 4,096.

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
    with new_folder(folder) as temporary:
        writer = _Writer(temporary, tuple(themes), shard)
        files = {name: writer.write(name, stream) for name, stream in streams.items()}
        header = {"format": FORMAT, "version": VERSION, **writer.widths, "themes": list(themes)}
        named = {"splits": files} if published else {}
        write_json(temporary / "corpus.json", {**(extra or {}), **header, **named})


class _Writer:
    def __init__(self, folder: Path, themes: tuple[str, ...], shard: int):
        if not themes or shard < 1:
            raise DataError(f"{folder}: a corpus needs at least one theme, a file one video")
        self.folder, self.themes, self.shard = folder, themes, shard
        self.widths: dict[str, int] = {}

    def write(self, name: str, examples: Iterable[Mapping[str, Any]]) -> list[str]:
        """Writes one split's shards; returns their names."""
        stream = iter(examples)
        files: list[str] = []
        for first in stream:
            file = f"{name}-{len(files):05d}.tfrecord"
            part = itertools.chain([first], itertools.islice(stream, self.shard - 1))
            spec = self._spec(first, file)
            write_records(self.folder / file, self._checked(part, file), spec, name=file)
            files.append(file)
        if not files:
            raise DataError(f"split {name!r} has no videos; leave it out or fill it")
        return files

    def _spec(self, example: Mapping[str, Any], file: str) -> ExampleSpec:
        for name in () if self.widths else ("audio", "visual"):
            shape = np.shape(example.get(name, ()))
            if len(shape) != 2 or not shape[1]:
                raise DataError(f"{file}: {name} of the first video has shape {shape}, not"
                                f" (any, {name}_dim)")  # fmt: skip
            self.widths[f"{name}_dim"] = int(shape[1])
        return video_spec(**self.widths)

    def _checked(self, examples: Iterable[Mapping[str, Any]], file: str) -> Iterator[Any]:
        for record, example in enumerate(examples):
            if example.get("id") in ("", b""):
                raise DataError(f"{file}, record {record}: id is empty")
            theme = example.get("theme", 0)
            if not 0 <= int(theme) < len(self.themes):
                raise DataError(f"{file}, record {record} (id {example.get('id')}): theme {theme}"
                                f" is not one of 0 to {len(self.themes) - 1}")  # fmt: skip
            yield example


def read(source: Source, split: str) -> tf.data.Dataset:
    """Reads the videos of one split, one by one, in the order of the files.

    Args:
        source: folder of a corpus; `source.splits` overrides the corpus' own split.
        split: "train", "validation" or "test".

    Returns:
        Data set of dicts "id" () string, "audio" (steps, audio_dim) float32, "visual" (frames,
        visual_dim) float32, "theme" () int32.

    Raises:
        DataError: not a corpus, no such split, or a file is missing, cut or of another schema. A
            record that does not fit raises while it is read (see `kavc.data.damage.data_errors`).
    """
    corpus = _open(source)
    return one_by_one(_batches(source, corpus, split), corpus.spec)


def describe(source: Source) -> dict[str, Any]:
    """Tells what a corpus holds, for the splits that it has: reads all of it, once a process.

    Returns:
        dict of "counts" (split name to number of videos), "widths" ("audio" and "visual"),
        "classes" (names of the themes, by index), "fingerprint" (hexadecimal; changes with
        `corpus.json` and with any file's content), "notes" (sentences for a report) and "rosters"
        (split name to `kavc.data.roster.Roster`).

    Raises:
        DataError: as `read`; a split is empty; a video is in two splits; a splits file lists ids
            that are not there; a record is damaged or does not fit.
    """
    corpus = _open(source)
    manifests = dict(zip(corpus.files, check_records(corpus.files, corpus.spec), strict=True))
    digest = hashlib.sha256((source.path / "corpus.json").read_bytes())
    for file, manifest in manifests.items():
        digest.update(f"{file.relative_to(source.path)} {manifest.sha256}\n".encode())
    fingerprint = digest.hexdigest()
    rosters = _rosters_at(source, cache_key(fingerprint, corpus.files, corpus.parts))
    by_hash = ["no published split: 80/10/10 by the hash of the id"] if not corpus.parts else []
    return {
        "counts": {split: len(roster) for split, roster in rosters.items()},
        "widths": {name: corpus.header[f"{name}_dim"] for name in ("audio", "visual")},
        "classes": tuple(corpus.header["themes"]),
        "fingerprint": fingerprint,
        "notes": (*by_hash, *repeated(rosters)),
        "rosters": dict(rosters),
    }


@functools.lru_cache(maxsize=8)
def _rosters_at(source: Source, state: tuple[object, ...]) -> dict[str, Roster]:
    """Reads the rosters once for as long as the files and the splits (`state`) stay the same."""
    del state
    corpus = _open(source)

    def marked(batch: dict[str, Any]) -> dict[str, Any]:
        themes = tf.RaggedTensor.from_tensor(batch["theme"][:, None], row_splits_dtype=tf.int64)
        heard, seen = (batch[name].row_lengths() > 0 for name in ("audio", "visual"))
        return {"id": batch["id"], "labels": themes, "heard": heard, "seen": seen}

    rosters = read_rosters(
        source,
        list(corpus.parts or SPLITS),
        corpus.files,
        corpus.parts,
        count=count_records,
        read=lambda files: collect(_read(corpus, files).map(marked)),
    )
    for split, roster in rosters.items():
        if not len(roster):
            raise DataError(f"{source}: split {split!r} is empty")
    check_records(corpus.files, corpus.spec, deep=True)  # the fingerprint is of the manifests
    return rosters


def header(source: Source) -> dict[str, Any]:
    """Returns what `corpus.json` holds, with what its writer added (`extra`).

    Raises:
        DataError: not a corpus.
    """
    return dict(_open(source).header)


@dataclass(frozen=True)
class _Opened:
    header: Mapping[str, Any]
    files: Sequence[Path]
    parts: Mapping[str, Part] | None
    spec: ExampleSpec


def _open(source: Source) -> _Opened:
    path = source.path / "corpus.json"
    header = read_json(path)
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise DataError(f"{path}: not a corpus of videos (no format {FORMAT!r})")
    if header.get("version") != VERSION:
        raise DataError(f"{path}: version {header.get('version')!r}, this release reads {VERSION}")
    check_not_misspelt("splits", header, f"{path}: key", words=False)
    themes = header.get("themes")
    if not isinstance(themes, list) or not themes or not all(isinstance(t, str) for t in themes):
        raise DataError(f"{path}: themes must be a list of names")
    for width in ("audio_dim", "visual_dim"):
        if type(header.get(width)) is not int or header[width] < 1:
            raise DataError(f"{path}: {width} must be a positive whole number")
    parts = _published(header.get("splits"), path)
    if parts is None:
        files = sorted(f for f in source.path.glob("*.tfrecord") if not f.name.startswith("."))
    else:
        files = [source.path / glob for part in parts.values() for glob in part.globs]
    if not files:
        raise DataError(f"{source}: no *.tfrecord files beside corpus.json")
    parts = source.parts() or parts
    return _Opened(header, files, parts, video_spec(header["audio_dim"], header["visual_dim"]))


def _published(splits: Any, path: Path) -> dict[str, Part] | None:
    if splits is None:
        return None
    listed = splits.values() if isinstance(splits, dict) else [None]
    names: list = [n for part in listed for n in (part if isinstance(part, list | str) else [None])]
    if not names or not all(isinstance(n, str) and Path(n).name == n for n in names):
        raise DataError(f"{path}: splits must map split names to names of files beside it")
    if len(set(names)) < len(names):
        twice = min(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}: splits name {twice} twice; each file must be in one split")
    return {split_files.check_name(name): Part(tuple(files)) for name, files in splits.items()}


def _batches(source: Source, corpus: _Opened, split: str) -> tf.data.Dataset:
    split_files.check_name(split)
    files = list(corpus.files)
    if corpus.parts is not None:
        files = split_files.files_of(split, files, source.path, corpus.parts)
    check_records(files, corpus.spec)
    return split_files.members(_read(corpus, files), split, corpus.parts)


def _read(corpus: _Opened, files: Sequence[Path]) -> tf.data.Dataset:
    limits = {"theme": len(corpus.header["themes"])}
    return read_batches(files, corpus.spec, limits=limits, filled=("id",))
