"""The files of a folder and of those below it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def files_in(
    folder: Path, pattern: str, above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[Path]:
    """Yields the files of a folder and of those below it, linked ones too, in no order.

    Hidden files are left out, and folders that may not be read.

    Args:
        folder: where to look.
        pattern: of the files' names, as "*.tfrecord".
        above: (device, inode) of each folder that led here.

    Example:
        sorted(files_in(Path("corpus"), "*.tfrecord"))
    """
    try:
        state = folder.stat()
        entries = list(folder.iterdir())
    except PermissionError:  # as of lost+found
        return
    here = above | {(state.st_dev, state.st_ino)}
    if len(here) == len(above):  # a link to a folder above: it would never end
        return
    for entry in entries:
        if entry.is_dir():
            yield from files_in(entry, pattern, here)
        elif entry.match(pattern) and not entry.name.startswith("."):
            yield entry
