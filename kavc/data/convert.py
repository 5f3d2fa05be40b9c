"""From one `.npz` a video and a CSV of themes to a corpus that `kavc.data.kwai` reads.

The on-disk layout of the published KWAI-AD-AudVis corpus (Zenodo record 4023390) could not be
established, so this is an interchange layout of our own, not a reader of the published files:

    features/ID.npz   "audio" (steps, 128), "visual" (frames, 1280), floats
    videos.csv        columns id, theme (a name, or an index in every row), and optionally split;
                      case and space do not count in these words nor in the values of split
"""

from __future__ import annotations

import csv
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kavc.data import splits as split_files
from kavc.data.columns import check_not_misspelt, columns, plain
from kavc.data.kwai import write_corpus
from kavc.data.splits import SPLITS
from kavc.errors import DataError

MAX_CSV_BYTES = 256 * 2**20
MAX_NPZ_BYTES = 64 * 2**20
_ARRAYS = ("audio", "visual")
# What people call splits, by which a column of them is known whatever its own name is.
SPLIT_NAMES = {*SPLITS, "training", "val", "valid", "dev", "eval", "testing"}


@dataclass(frozen=True)
class _Row:
    id: str
    theme: str
    split: str | None
    where: str


def convert(
    features: str | os.PathLike, table: str | os.PathLike, out: str | os.PathLike
) -> dict[str, int]:
    """Writes a corpus from feature files and a table; the whole folder or nothing of it.

    One video is in memory at a time. Files that the table does not name are left out.

    Args:
        features: folder of ID.npz, each with "audio" (steps, audio_dim) and "visual" (frames,
            visual_dim), float16 to float64; the same widths in all.
        table: CSV with a header. "id" names the file; "theme" is a name, or an index from 0 in
            every row; "split", if there is such a column, is train, validation or test.
        out: folder of the corpus; must not exist. Without a "split" column the hash of the id
            decides when it is read.

    Returns:
        Split name (or "videos", without a "split" column) to number of videos written.

    Raises:
        DataError: a file or row is missing, too large or malformed; two columns have one name, or
            one is nearly called "split"; an id is not a plain file name, comes twice or leads out
            of the folder.
    """
    folder, path = Path(features), Path(table)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of .npz files")
    rows = _read_table(path)
    names = _theme_names([row.theme for row in rows])
    index = {name: i for i, name in enumerate(names)}
    if rows[0].split is None:
        write_corpus(out, _videos(rows, folder, index), names)
        return {"videos": len(rows)}
    parts = {split: [row for row in rows if row.split == split] for split in SPLITS}
    parts = {split: part for split, part in parts.items() if part}
    write_corpus(out, {s: _videos(part, folder, index) for s, part in parts.items()}, names)
    return {split: len(part) for split, part in parts.items()}


def _read_table(path: Path) -> list[_Row]:
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if path.stat().st_size > MAX_CSV_BYTES:
        raise DataError(f"{path}: larger than {MAX_CSV_BYTES >> 20} MiB; not read as a table")
    rows: dict[str, _Row] = {}
    values: dict[str, set[str]] = {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            reader.fieldnames = _header(reader.fieldnames, path)
            for record in reader:
                row = _row(record, f"{path}, line {reader.line_num}")
                if row.id in rows:
                    raise DataError(f"{row.where}: id {row.id!r} comes twice")
                rows[row.id] = row
                for name, value in record.items():
                    values.setdefault(name, set()).add(plain(value))
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as CSV ({error})") from None
    if not rows:
        raise DataError(f"{path}: the table has no rows")
    _check_no_other_split(values, path)
    return list(rows.values())


def _header(header: Sequence[str] | None, path: Path) -> list[str]:
    names = columns(header, path)
    if missing := {"id", "theme"} - set(names):
        raise DataError(f"{path}: no column {min(missing)!r}; it needs id and theme")
    check_not_misspelt("split", names, f"{path}: column", words=True)
    return names


def _check_no_other_split(values: Mapping[str, set[str]], path: Path) -> None:
    """Refuses a table without "split" in which another column holds nothing but such names."""
    for name, found in values.items() if "split" not in values else ():
        if name not in ("id", "theme") and found <= SPLIT_NAMES:
            raise DataError(
                f"{path}: column {name!r} holds names of splits and is not read; call it split, "
                "with train, validation and test, or remove it"
            )


def _row(record: dict[Any, Any], where: str) -> _Row:
    if None in record or None in record.values():
        raise DataError(f"{where}: the row has another number of columns than the header")
    id_, theme, split = record["id"], record["theme"].strip(), record.get("split")
    if not id_ or id_.startswith(".") or any(sign in id_ for sign in "/\\\0"):
        raise DataError(f"{where}: id {id_!r} is not a plain file name")
    if not theme:
        raise DataError(f"{where}: id {id_!r} has no theme")
    if split is not None:
        split = plain(split)
        try:
            split_files.check_name(split)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
    return _Row(id_, theme, split, where)


def _theme_names(themes: Sequence[str]) -> list[str]:
    """Sorts the names; indices stand for themselves, from 0 to the largest."""
    if not all(theme.isascii() and theme.isdigit() for theme in themes):
        return sorted(set(themes))
    largest = max(int(theme) for theme in themes)
    if largest >= len(themes):
        raise DataError(f"theme index {largest} in a table of {len(themes)} videos: indices start"
                        " at 0 and leave no gaps as large as that")  # fmt: skip
    names = [str(index) for index in range(largest + 1)]
    if set(themes) - set(names):
        raise DataError(f"theme index {min(set(themes) - set(names))!r}: write it without zeros")
    return names


def _videos(rows: Sequence[_Row], folder: Path, index: dict[str, int]) -> Iterator[dict[str, Any]]:
    widths: dict[str, int] = {}
    for row in rows:
        file = folder / f"{row.id}.npz"
        arrays = _load(file, folder, row.where)
        for name, array in arrays.items():
            if array.shape[1] != widths.setdefault(name, array.shape[1]):
                raise DataError(f"{file}: {name} is {array.shape[1]} wide, {widths[name]} in the"
                                " files before")  # fmt: skip
        yield {"id": row.id, **arrays, "theme": index[row.theme]}


def _load(file: Path, folder: Path, where: str) -> dict[str, np.ndarray]:
    if not file.is_file():
        raise DataError(f"{where}: there is no {file}")
    if file.resolve().parent != folder.resolve():
        raise DataError(f"{where}: {file} leads out of the folder; links are not followed")
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_NPZ_BYTES:
            raise DataError(f"{file}: unpacks to {size >> 20} MiB; at most {MAX_NPZ_BYTES >> 20}")
        with np.load(file, allow_pickle=False) as content:
            missing = set(_ARRAYS) - set(content.files)
            if missing:
                raise DataError(f"{file}: no array {min(missing)!r}; it has {content.files}")
            return {name: _floats(content[name], f"{file}: {name}") for name in _ARRAYS}
    except DataError:
        raise
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{file}: not readable as .npz ({error})") from None
    except zipfile.BadZipFile as error:
        raise DataError(f"{file}: not a .npz file or damaged ({error})") from None


def _floats(array: np.ndarray, where: str) -> np.ndarray:
    if array.ndim != 2 or not array.shape[1] or array.dtype.kind != "f":
        raise DataError(f"{where} is {array.shape} {array.dtype}; floats of two axes are expected")
    with np.errstate(over="ignore"):  # too large for float32 becomes infinity, refused here
        floats = array.astype(np.float32)
    if not np.isfinite(floats).all():
        raise DataError(f"{where} holds NaN or infinity")
    return floats
