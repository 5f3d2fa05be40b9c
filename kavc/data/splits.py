"""Which examples are for training, validation and test.

A split that was published wins; where none exists, the hash of the id decides; a splits file
overrides both:

    {"train": ["part-00*"], "validation": ["part-01*"], "test": {"ids": ["x7Ad", "pQ0w"]}}
"""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import tensorflow as tf

from kavc.errors import DataError, unknown
from kavc.files import read_json

SPLITS = ("train", "validation", "test")
_BUCKETS = 1_000_000


@dataclass(frozen=True)
class Part:
    """What belongs to one split: files by pattern, or examples by id.

    Args:
        globs: patterns relative to the source's folder; `**` stands for any folders.
        ids: ids, wherever they lie.
    """

    globs: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    def to_json(self) -> list[str] | dict[str, list[str]]:
        """Returns what a splits file says of it."""
        return {"ids": list(self.ids)} if self.ids else list(self.globs)


def check_name(split: str) -> str:
    """Returns `split` if it is the name of a split.

    Raises:
        DataError: it is none; the message names the nearest.
    """
    if split not in SPLITS:
        raise DataError(unknown("split", split, SPLITS))
    return split


def load(file: str | os.PathLike) -> dict[str, Part]:
    """Reads a splits file: JSON, per split a list of file patterns or `{"ids": [...]}`.

    Raises:
        DataError: not such a file, larger than 64 MiB, an unknown split or key, a pattern that
            leaves the source's folder, an empty id, or a split, pattern or id that comes twice.
    """
    content = read_json(file)
    # What JSON repeats, Python's reader drops in silence.
    json.loads(Path(file).read_text(encoding="utf-8"), object_pairs_hook=_Once(file))
    if not isinstance(content, dict) or not content:
        raise DataError(f'{file}: expected {{"train": [patterns] or {{"ids": [...]}}, ...}}')
    parts = {}
    for name, value in content.items():
        if name not in SPLITS:
            raise DataError(f"{file}: {unknown('split', name, SPLITS)}")
        parts[name] = _part(value, f"{file}: {name}")
    for kind in ("globs", "ids"):
        _check_once({name: getattr(part, kind) for name, part in parts.items()}, kind, file)
    return parts


def _check_once(listed: Mapping[str, Sequence[str]], kind: str, file: str | os.PathLike) -> None:
    owner: dict[str, str] = {}
    word = {"globs": "pattern", "ids": "id"}[kind]
    for name, values in listed.items():
        for value in values:
            if value in owner:
                where = "twice in" if owner[value] == name else f"in {owner[value]} and in"
                raise DataError(f"{file}: {word} {value!r} is {where} {name}; list it once")
            owner[value] = name


def _part(value: object, where: str) -> Part:
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        for pattern in value:
            pure = PurePosixPath(pattern)
            if not pattern or pure.is_absolute() or ".." in pure.parts or "\\" in pattern:
                raise DataError(f"{where}: pattern {pattern!r} must be relative to the source's"
                                " folder and stay inside it")  # fmt: skip
        return Part(globs=tuple(value))
    known: dict = value if isinstance(value, dict) else {}
    ids = known.get("ids")
    if isinstance(ids, list) and ids and all(isinstance(v, str) and v for v in ids):
        if extra := set(known) - {"ids"}:
            raise DataError(
                f"{where}: {unknown('key', min(extra), ['ids'])}; expected a list of"
                ' file patterns or {"ids": [...]}'
            )
        for id_ in ids:
            try:
                id_.encode()
            except UnicodeEncodeError:
                raise DataError(
                    f"{where}: id {id_!a} is no Unicode text; videos whose ids are other bytes can"
                    " be divided by file patterns alone"
                ) from None
        return Part(ids=tuple(ids))
    raise DataError(f'{where}: expected a list of file patterns or {{"ids": [...]}}, not empty')


class _Once:
    """Hook of `json.loads` that refuses an object in which a name comes twice."""

    def __init__(self, file: str | os.PathLike):
        self.file = file

    def __call__(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len(names := dict(pairs)) < len(pairs):
            twice = next(name for name in names if [n for n, _ in pairs].count(name) > 1)
            raise DataError(f"{self.file}: {twice!r} comes twice; list it once")
        return names


def files_of(
    split: str, files: Sequence[Path], folder: Path, parts: Mapping[str, Part]
) -> list[Path]:
    """Returns the files among which the examples of a split lie.

    Args:
        split: "train", "validation" or "test".
        files: the data files in `folder`.
        folder: the source's folder, which patterns are relative to.
        parts: what `load` returned, or patterns that the data set's publisher chose.

    Returns:
        Those of `files` that the split's patterns match; all of them for a list of ids (see
        `in_split`).

    Raises:
        DataError: no such split, no file matches, or a file is in two splits.
    """
    if check_name(split) not in parts:
        raise DataError(f"no split {split!r}; there are: {', '.join(parts)}")
    if parts[split].ids:
        return list(files)
    matched = {
        name: {file for file in files if _matches(file.relative_to(folder), part.globs)}
        for name, part in parts.items()
    }
    chosen = [file for file in files if file in matched[split]]
    for name in set(parts) - {split}:
        if both := matched[name].intersection(chosen):
            raise DataError(f"{min(both)}: matches the patterns of {split} and of {name};"
                            " each file must be in one split")  # fmt: skip
    if not chosen:
        raise DataError(
            f"no file of split {split!r}: {', '.join(parts[split].globs)} matches none of"
            f" {_summary(files)} in {folder}; a splits file (--splits) can say which to take"
        )
    return chosen


def _matches(file: Path, patterns: Sequence[str]) -> bool:
    """Tells by the name alone: `Path.glob` would pass over linked folders below `**`."""
    return any(_fits(file.parts, PurePosixPath(pattern).parts) for pattern in patterns)


def _fits(names: Sequence[str], patterns: Sequence[str]) -> bool:
    if not (names and patterns):
        return not names and not patterns
    if patterns[0] == "**":  # any number of folders
        return any(_fits(names[skipped:], patterns[1:]) for skipped in range(len(names)))
    return fnmatch.fnmatchcase(names[0], patterns[0]) and _fits(names[1:], patterns[1:])


def _summary(files: Sequence[Path]) -> str:
    names = [file.name for file in files]
    if len(names) <= 4:
        return ", ".join(names) or "no files"
    return f"{names[0]}, {names[1]}, ... {names[-1]} ({len(names)} files)"


def hash_split(
    ids: tf.Tensor | Sequence[str], fractions: Sequence[float] = (0.8, 0.1, 0.1)
) -> tf.Tensor:
    """Assigns ids to splits by their hash alone: the same on each run and in each order.

    Args:
        ids: (examples,) strings.
        fractions: expected share of train, validation and test. Defaults to 80/10/10, as the
            paper of Ti-AVC splits its corpus.

    Returns:
        (examples,) int32, index into `SPLITS`. Also in graph mode.
    """
    if len(fractions) != len(SPLITS) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(f"fractions must be three shares that sum to 1; got {tuple(fractions)}")
    bucket = tf.strings.to_hash_bucket_fast(ids, _BUCKETS)  # FarmHash: never changes
    bounds = [round(_BUCKETS * fractions[0]), round(_BUCKETS * (fractions[0] + fractions[1]))]
    return tf.searchsorted(tf.constant(bounds, tf.int64), tf.reshape(bucket, (-1,)), side="right")


def in_split(ids: tf.Tensor, split: str, parts: Mapping[str, Part] | None) -> tf.Tensor:
    """Tells which ids belong to a split, in graph.

    Args:
        ids: (examples,) strings.
        split: name of the split.
        parts: what `load` returned; None for a split by hash.

    Returns:
        (examples,) bool. All true where the split is a list of files.
    """
    if parts is None:
        return tf.equal(hash_split(ids), SPLITS.index(check_name(split)))
    if not parts[split].ids:
        return tf.ones_like(ids, tf.bool)
    # 63-bit fingerprints, sorted, stand for the set: no table whose lifetime must be managed.
    listed = tf.sort(tf.strings.to_hash_bucket_fast(list(parts[split].ids), 2**63 - 1))
    wanted = tf.strings.to_hash_bucket_fast(ids, 2**63 - 1)
    place = tf.minimum(tf.searchsorted(listed, wanted), len(parts[split].ids) - 1)
    return tf.equal(tf.gather(listed, place), wanted)


def members(
    batches: tf.data.Dataset, split: str, parts: Mapping[str, Part] | None
) -> tf.data.Dataset:
    """Keeps the examples of a split, where files alone do not make it.

    Args:
        batches: data set of dicts with "id" (batch,) string; what varies is ragged.
        split, parts: as of `in_split`.
    """
    if parts is not None and not parts[split].ids:
        return batches

    def kept(batch: dict) -> dict:
        keep = in_split(batch["id"], split, parts)
        return {name: tf.ragged.boolean_mask(values, keep) for name, values in batch.items()}

    return batches.map(kept)
