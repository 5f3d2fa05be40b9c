"""Which files of YouTube-8M there are, in which splits, and with which vocabulary."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kavc.data import splits as split_files
from kavc.data import vocabulary
from kavc.data.shards import files_in
from kavc.data.source import Source
from kavc.data.splits import SPLITS, Part
from kavc.data.vocabulary import Vocabulary
from kavc.data.youtube8m_records import CLASSES, Release
from kavc.errors import DataError
from kavc.inputs.opening import check_file, open_file

PUBLISHED = {
    "train": Part(globs=("train*.tfrecord",)),
    "validation": Part(globs=("validate*.tfrecord",)),
    "test": Part(globs=("test*.tfrecord",)),
}


@dataclass(frozen=True, eq=False)
class Opened:
    """The files of a source.

    Args:
        source: where they are.
        files: all of them, sorted by path.
        parts: what belongs to which split: of the splits file, or of the files' names.
    """

    source: Source
    files: Sequence[Path]
    parts: Mapping[str, Part]

    def of(self, split: str) -> list[Path]:
        """Returns the files among which the videos of a split lie.

        Raises:
            DataError: as `kavc.data.splits.files_of`, or there are no files.
        """
        if not self.files:
            raise DataError(f"{self.source}: no *.tfrecord files")
        return split_files.files_of(split, self.files, self.source.path, self.parts)

    def present(self) -> list[str]:
        """Names the splits that there are: all of a splits file, of the published those with files.

        Raises:
            DataError: there is none.
        """
        if self.parts is not PUBLISHED:
            return [split for split in SPLITS if split in self.parts]
        patterns = {split: self.parts[split].globs[0] for split in SPLITS}
        path = self.source.path
        found = [split for split, pattern in patterns.items() if any(path.glob(pattern))]
        if not found:
            raise DataError(
                f"{self.source}: no files named {', '.join(patterns.values())}; a splits file"
                " (--splits) can say which to take"
            )
        return found

    def taken(self) -> list[Path]:
        """Returns the files that any split takes, in their order."""
        files = {file for split in self.present() for file in self.of(split)}
        return [file for file in self.files if file in files]

    @cached_property
    def fingerprint(self) -> str:
        """As `fingerprint` of all files."""
        return fingerprint(self.files)


def open_files(source: Source) -> Opened:
    """Looks which files there are and which split they belong to.

    Raises:
        DataError: as `kavc.data.splits.load`.
    """
    return Opened(source, sorted(files_in(source.path, "*.tfrecord")), source.parts() or PUBLISHED)


def fingerprint(files: Sequence[Path]) -> str:
    """SHA-256 over the files' names, lengths, first and last 4 KiB: cheap for 31 GB, not proof.

    Raises:
        DataError: one can't be opened (`kavc.inputs.opening.open_file`).
    """
    digest = hashlib.sha256()
    for file in files:
        with open_file(file) as stream:
            size = os.fstat(stream.fileno()).st_size
            digest.update(f"{file.name} {size}\n".encode())
            digest.update(stream.read(4096))
            stream.seek(max(0, size - 4096))
            digest.update(stream.read(4096))
    return digest.hexdigest()


def words_of(source: Source, release: Release) -> Vocabulary:
    """Reads the vocabulary of a source.

    Args:
        source: see `kavc.data.vocabulary.find`.
        release: of its records.

    Raises:
        DataError: there is none, it is malformed, or it is another release's.
    """
    path = vocabulary.find(source)
    state = check_file(path)
    words = _words(path, state.st_size, state.st_mtime_ns)
    # A smaller one may be made for few classes; labels beyond it are refused where they are read.
    if len(words) > release.classes or len(words) in set(CLASSES.values()) - {release.classes}:
        raise DataError(f"{path}: the {len(words)} classes of another release; the records in"
                        f" {source} are {release}, which has {release.classes}: put the vocabulary"
                        " of that release there")  # fmt: skip
    return words


def words_near(source: Source, release: Release) -> Vocabulary | None:
    """As `words_of`; None where there is no vocabulary."""
    try:
        vocabulary.find(source)
    except DataError:
        return None
    return words_of(source, release)


@functools.lru_cache(maxsize=8)
def _words(path: Path, size: int, changed: int) -> Vocabulary:
    """Reads a vocabulary once for as long as the file stays the same."""
    del size, changed
    return vocabulary.read(path)
