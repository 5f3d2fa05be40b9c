"""Where LLP's features lie, and which videos have theirs."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kavc.data.llp import scan
from kavc.data.llp.features import KINDS
from kavc.data.llp.videos import Video
from kavc.errors import DataError

PLACES = ("", "feats", "data/feats")  # of the folders of features, below the folder of a source


@dataclass(frozen=True)
class Features:
    """Where the features lie, by the name of their array.

    Args:
        path: folder of the source.
        folders: array to the folder of its files; of those that there are.
        names: array to the names of the files in that folder.

    Example:
        >>> folders, names = {"audio": Path("LLP/vggish")}, {"audio": {"AP0061o0Nvk.npy"}}
        >>> features = Features(Path("LLP"), folders, names)
        >>> features.has("audio", "AP0061o0Nvk"), str(features.file("audio", "AP0061o0Nvk"))
        (True, 'LLP/vggish/AP0061o0Nvk.npy')
    """

    path: Path
    folders: Mapping[str, Path]
    names: Mapping[str, Collection[str]]

    def has(self, array: str, id_: str) -> bool:
        """Returns whether a video has its file of an array."""
        return f"{id_}.npy" in self.names.get(array, ())

    def file(self, array: str, id_: str) -> Path:
        """Returns the file of an array of a video."""
        return self.folders[array] / f"{id_}.npy"

    def missing(self, array: str, videos: Sequence[Video]) -> list[str]:
        """Returns the ids of the videos that lack their file of an array."""
        return [video.id for video in videos if not self.has(array, video.id)]

    def files(self, videos: Sequence[Video]) -> dict[str, dict[str, Path]]:
        """Returns array to id to file, of the files of some videos that there are."""
        ids = sorted(video.id for video in videos)
        return {
            array: {id_: self.file(array, id_) for id_ in ids if self.has(array, id_)}
            for array in self.folders
        }

    def none(self, array: str) -> DataError:
        """Returns the error that no video has its file of an array."""
        folder = KINDS[array].folder
        places = " or ".join(str(self.path / place / folder) for place in PLACES)
        return DataError(f"llp:{self.path}: no video has its {folder}/ID.npy, looked for in"
                         f" {places}; ID is the first 11 characters of filename: put the features"
                         f" there ({KINDS[array].layer})")  # fmt: skip


def find_features(path: Path) -> Features:
    """Looks which features there are.

    Raises:
        DataError: a folder of features is in two places.
    """
    folders = {}
    for array, kind in KINDS.items():
        found = [path / place / kind.folder for place in PLACES]
        found = [folder for folder in found if folder.is_dir()]
        if len(found) > 1:
            raise DataError(f"llp:{path}: {kind.folder} is in {' and in '.join(map(str, found))};"
                            " remove or rename one")  # fmt: skip
        if found:
            folders[array] = found[0]
    names = {array: frozenset(os.listdir(folder)) for array, folder in folders.items()}
    return Features(path, folders, names)


@dataclass(frozen=True)
class Looked:
    """What a look at all files of features tells.

    Args:
        fingerprint: SHA-256 of ids, sizes, first and last bytes; hexadecimal.
        widths: array to the width of its rows.
        silent: ids of the videos whose audio is nothing but zeros.
    """

    fingerprint: str
    widths: Mapping[str, int]
    silent: frozenset[str]


def look(files: Mapping[str, Mapping[str, Path]], *, any_width: bool) -> Looked:
    """Looks at the ends of all files (see `kavc.data.llp.scan`), and checks them.

    Args:
        files: as of `Features.files`.
        any_width: whether the rows of an array may have another width than the published one, all
            of them the same.

    Raises:
        DataError: as `kavc.data.llp.scan.read_ends` and `check`.
    """
    digest, widths, silent = hashlib.sha256(), {}, frozenset[str]()
    for array, by_id in files.items():
        ids, paths = list(by_id), list(by_id.values())
        ends = scan.read_ends(paths)
        shape = ends[0].header.shape if ends else ()
        widths[array] = shape[-1] if any_width and shape else KINDS[array].width
        scan.check(paths, ends, KINDS[array], widths[array])
        for id_, end in zip(ids, ends, strict=True):
            digest.update(f"{array} {id_}\n".encode() + end.digest)
        if array == "audio":
            silent = frozenset(id_ for id_, end in zip(ids, ends, strict=True) if end.zero)
    return Looked(digest.hexdigest(), widths, silent)


def state(files: Mapping[str, Mapping[str, Path]]) -> str:
    """Returns a digest of the files' names, sizes and times: while it stays, so do they.

    Args:
        files: as of `Features.files`.
    """
    digest = hashlib.sha256()
    for file in (file for by_id in files.values() for file in by_id.values()):
        with contextlib.suppress(OSError):  # what can't be opened is told when it is
            found = file.stat()
            digest.update(f"{file} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
