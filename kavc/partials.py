"""New folders under a lock that dies with the writer, and what killed writers left of theirs.

A folder that is being written bears a temporary name, and its writer holds a lock on it. What has
such a name and is held by nobody will never be finished, and is removed by the next writer.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from kavc.files import PARTIAL, whole_folder


@contextlib.contextmanager
def locked(folder: str | os.PathLike, *, wait: bool = True) -> Iterator[None]:
    """Holds a folder itself; the system releases it if the process dies.

    Args:
        folder: must exist; nothing is written into it.
        wait: whether to wait for whoever holds it.

    Raises:
        BlockingIOError: somebody holds it, and `wait` is False.
        OSError: it isn't there.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def new_folder(path: str | os.PathLike, *, alone: bool = False) -> Iterator[Path]:
    """Yields a temporary folder beside `path`; renames it to `path` if the block ends well.

    First, what killed writers left is removed. What a living one is writing stays.

    Args:
        path: the new folder; folders above it are made.
        alone: whether nothing but this function makes folders beside `path`, so that all partial
            ones are looked at; else those that were to become `path`.

    Raises:
        FileExistsError: `path` exists, before the block or, by another writer, after it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as above:
        ...     with new_folder(f"{above}/corpus") as temporary:
        ...         _ = (temporary / "corpus.json").write_text("{}")
        ...     os.listdir(above)
        ['corpus']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        held = stack.enter_context(contextlib.ExitStack())  # let go of after the rename
        with locked(path.parent):  # nobody sweeps a folder between its making and its lock
            _sweep(path.parent, "" if alone else f"-{path.name}")
            temporary = stack.enter_context(whole_folder(path))
            held.enter_context(locked(temporary))
        yield temporary


def _sweep(parent: Path, ending: str) -> None:
    """Removes partial folders that nobody holds."""
    for left in parent.glob(f"{PARTIAL}*"):
        if left.name.endswith(ending) and left.is_dir() and not left.is_symlink():
            with contextlib.suppress(OSError), locked(left, wait=False):
                shutil.rmtree(left, ignore_errors=True)
