"""Which examples are for training, validation and test.

A split that was published wins; where none exists, the hash of the id decides; a splits file
overrides both:

    {"train": ["part-00*"], "validation": ["part-01*"], "test": {"ids": ["x7Ad", "pQ0w"]}}
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kavc.errors import DataError, unknown
from kavc.inputs.json_files import read_json

SPLITS = ("train", "validation", "test")
MAX_BYTES = 64 * 2**20  # the ids of all of YouTube-8M take 43 MiB


@dataclass(frozen=True)
class Part:
    """What belongs to one split: files by pattern, or examples by id.

    Args:
        globs: patterns relative to the source's folder; `**` stands for any folders.
        ids: ids, wherever they lie.

    Example:
        >>> Part(ids=("x7Ad", "pQ0w")).to_json(), Part(globs=("part-00*",)).to_json()
        ({'ids': ['x7Ad', 'pQ0w']}, ['part-00*'])
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

    Example:
        >>> check_name("test")
        'test'
        >>> check_name("validate")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: unknown split 'validate'; did you mean 'validation'?...
    """
    if split not in SPLITS:
        raise DataError(unknown("split", split, SPLITS))
    return split


def load(file: str | os.PathLike) -> dict[str, Part]:
    """Reads a splits file: JSON, per split a list of file patterns or `{"ids": [...]}`.

    Raises:
        DataError: not such a file, larger than 64 MiB, an unknown split or key, a pattern that
            leaves the source's folder, an empty id, or a split, pattern or id that comes twice.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile(suffix=".json") as file:
        ...     _ = Path(file.name).write_text('{"train": ["part-00*"], "test": {"ids": ["x7Ad"]}}')
        ...     load(file.name)["test"]
        Part(globs=(), ids=('x7Ad',))
    """
    content = read_json(file, most=MAX_BYTES)
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

    Example:
        >>> parts = {"train": Part(globs=("part-0*",)), "test": Part(globs=("part-1*",))}
        >>> files = [Path("corpus/part-00"), Path("corpus/part-10")]
        >>> [file.name for file in files_of("test", files, Path("corpus"), parts)]
        ['part-10']
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
