"""Which examples are for training, validation and test.

A split that was published wins; where none exists, the hash of the id decides; a splits file
overrides both:

    {"train": ["part-00*"], "validation": ["part-01*"], "test": {"ids": ["x7Ad", "pQ0w"]}}
"""

from __future__ import annotations

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
        globs: patterns relative to the source's folder.
        ids: ids, wherever they lie.
    """

    globs: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


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
        DataError: not such a file, an unknown split, a pattern that leaves the source's folder,
            or an id in two splits.
    """
    content = read_json(file)
    if not isinstance(content, dict) or not content:
        raise DataError(f'{file}: expected {{"train": [patterns] or {{"ids": [...]}}, ...}}')
    parts = {}
    for name, value in content.items():
        if name not in SPLITS:
            raise DataError(f"{file}: {unknown('split', name, SPLITS)}")
        parts[name] = _part(value, f"{file}: {name}")
    owner: dict[str, str] = {}
    for name, part in parts.items():
        for id_ in part.ids:
            if owner.setdefault(id_, name) != name:
                raise DataError(f"{file}: id {id_!r} is in {owner[id_]} and in {name}")
    return parts


def _part(value: object, where: str) -> Part:
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        for pattern in value:
            pure = PurePosixPath(pattern)
            if not pattern or pure.is_absolute() or ".." in pure.parts or "\\" in pattern:
                raise DataError(f"{where}: pattern {pattern!r} must be relative to the source's"
                                " folder and stay inside it")  # fmt: skip
        return Part(globs=tuple(value))
    ids = value.get("ids") if isinstance(value, dict) and set(value) == {"ids"} else None
    if isinstance(ids, list) and ids and all(isinstance(v, str) for v in ids):
        return Part(ids=tuple(ids))
    raise DataError(f'{where}: expected a list of file patterns or {{"ids": [...]}}, not empty')


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
        name: {path for glob in part.globs for path in _matches(folder, glob)}
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


def _matches(folder: Path, pattern: str) -> list[Path]:
    if any(sign in pattern for sign in "*?["):
        return list(folder.glob(pattern))
    return [folder / pattern]  # also where it is missing: the reader says so


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
