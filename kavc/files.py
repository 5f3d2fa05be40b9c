"""Files that are whole or not there: written under a temporary name, synced, renamed.

A reader of any file that this package writes sees the old content or the new one, never a part,
also when the writer is killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kavc.errors import DataError
from kavc.inputs.opening import read_text, sha256

PARTIAL = ".partial-"
DIGEST = ".sha256"
MAX_DIGEST = 4096  # bytes of the file that holds one


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _partial(path: Path) -> Path:
    """Returns a new name beside `path`, with its suffixes: some writers look at them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f"{PARTIAL}{uuid.uuid4().hex[:8]}-{path.name}")


def _name(error: OSError, temporary: Path, path: Path) -> None:
    """Has an error name what was to be written; that of a full disk names nothing."""
    name = error.filename
    if error.errno is None:
        return  # its text is all that it has
    if name is None:
        error.filename = os.fspath(path)
    elif isinstance(name, str | os.PathLike):
        error.filename = os.fspath(name).replace(os.fspath(temporary), os.fspath(path))


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renames it to `path` if the block ends well.

    The file has the permissions that the process's umask leaves to a new one.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(f"{folder}/notes.txt") as temporary:
    ...         _ = temporary.write_text("all of it")
    ...         os.path.exists(f"{folder}/notes.txt")
    ...     os.listdir(folder)
    False
    ['notes.txt']
    """
    path = Path(path)
    temporary = _partial(path)
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        _name(error, temporary, path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary folder beside `path`; renames it to `path` if the block ends well.

    Raises:
        FileExistsError: `path` exists, before the block or, by another writer, after it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as above:
        ...     with whole_folder(f"{above}/report") as temporary:
        ...         write_text(temporary / "report.md", "# Report")
        ...     os.listdir(f"{above}/report")
        ['report.md']
    """
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"{path} exists")
    temporary = _partial(path)
    try:
        temporary.mkdir()
        yield temporary
        for file in temporary.rglob("*"):
            _sync(file)
        if path.exists():  # rename() would replace an empty folder in silence
            raise FileExistsError(f"{path} exists")
        temporary.rename(path)
        _sync(path.parent)
    except OSError as error:
        _name(error, temporary, path)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def whole_files(folder: str | os.PathLike, last: str) -> Iterator[Path]:
    """Yields a temporary folder whose files go into `folder` if the block ends well.

    Before that `folder` is as it was; then each file is renamed into it.

    Args:
        folder: made if it isn't there; others of its files stay.
        last: name of the file that comes last: where it is, the others are, too.
    """
    folder = Path(folder)
    temporary = _partial(folder / "files")
    try:
        temporary.mkdir()
        yield temporary
        files = [path for path in temporary.rglob("*") if path.is_file()]
        for file in sorted(files, key=lambda path: path.name == last):
            place = folder / file.relative_to(temporary)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, place)
        _sync(folder)
    except OSError as error:
        _name(error, temporary, folder)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep_partials(folder: str | os.PathLike) -> None:
    """Removes what a killed writer left behind in `folder` (call it under the folder's lock)."""
    for left in Path(folder).rglob(f"{PARTIAL}*-*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text file whole, UTF-8."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_npz(
    path: str | os.PathLike, arrays: Mapping[str, Any], *, compressed: bool = False
) -> None:
    """Writes arrays to an `.npz` file, whole; from memory: NumPy hides what writing fails of."""
    import numpy as np

    content = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(content, **arrays)
    with whole_file(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def write_npy(path: str | os.PathLike, array: Any) -> None:
    """Writes an array as `np.save` does, whose error on a full disk has no reason; in C order.

    It is not whole until this returns: for a file of a folder that is.
    """
    import numpy as np

    header = np.lib.format.header_data_from_array_1_0(np.ascontiguousarray(array))
    with open(path, "wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(np.ascontiguousarray(array).data)


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Writes `value` as indented JSON, whole. NaN is refused, as strict readers refuse it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(f"{folder}/a.json", {"recall": 0.25})
    ...     json.loads(Path(f"{folder}/a.json").read_text())
    {'recall': 0.25}
    """
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def fingerprint(files: Iterable[str | os.PathLike]) -> str:
    """SHA-256 over the names and contents of `files`, in the order given; hexadecimal.

    Raises:
        DataError: one can't be opened (`kavc.inputs.opening.open_file`).
    """
    digest = hashlib.sha256()
    for file in files:
        digest.update(Path(file).name.encode() + b"\0")
        digest.update(bytes.fromhex(sha256(file)))
    return digest.hexdigest()


def write_with_digest(path: str | os.PathLike, content: bytes | memoryview) -> None:
    """Writes a file whole, and `PATH.sha256` beside it, as `sha256sum --check` reads it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_with_digest(f"{folder}/weights.h5", b"some bytes")
    ...     sorted(os.listdir(folder)), is_as_written(f"{folder}/weights.h5")
    (['weights.h5', 'weights.h5.sha256'], True)
    """
    path = Path(path)
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
        # Before the file has its name: where it is, its digest is, too.
        digest = hashlib.sha256(content).hexdigest()
        write_text(f"{path}{DIGEST}", f"{digest}  {path.name}\n")


def is_as_written(path: str | os.PathLike) -> bool:
    """Whether a file has the digest beside it. One without, of an earlier version, passes.

    Raises:
        DataError: the file can't be opened (`kavc.inputs.opening.open_file`).

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_with_digest(f"{folder}/weights.h5", b"some bytes")
        ...     _ = Path(f"{folder}/weights.h5").write_bytes(b"others")
        ...     is_as_written(f"{folder}/weights.h5")
        False
    """
    path, beside = Path(path), Path(f"{path}{DIGEST}")
    if not os.path.lexists(beside):
        return True
    try:
        said = read_text(beside, most=MAX_DIGEST)
    except DataError:
        return False
    return said.split()[:1] == [sha256(path)]
