"""Which videos LLP has, in which split, and their weak labels."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kavc.data.llp.classes import index_of
from kavc.data.llp.tables import read_rows
from kavc.errors import DataError

COLUMNS = ("filename", "event_labels")
FILES = {
    "train": "AVVP_train.csv",
    "validation": "AVVP_val_pd.csv",
    "test": "AVVP_test_pd.csv",
}
PLACES = ("", "data")  # below the folder of a source
# Of YouTube's ids 1,470 hold "_", so a name can't be split at it.
NAME = re.compile(r"[A-Za-z0-9_-]{11}_\d+(\.\d+)?_\d+(\.\d+)?")
ID_LENGTH = 11


@dataclass(frozen=True)
class Video:
    """One row of a table of weak labels.

    Args:
        name: id, and the seconds at which the clip begins and ends, as "AP0061o0Nvk_101.8_111.8".
        given: indices of the labels, as they stand there.
        where: names the row in messages.

    Example:
        >>> video = Video("AP0061o0Nvk_101.8_111.8", given=(4, 0, 4), where="line 2")
        >>> video.id, video.labels
        ('AP0061o0Nvk', [0, 4])
    """

    name: str
    given: tuple[int, ...]
    where: str

    @property
    def id(self) -> str:
        """The id alone, by which the files of features are named."""
        return self.name[:ID_LENGTH]

    @property
    def labels(self) -> list[int]:
        """The indices of the labels, sorted, each once."""
        return sorted(set(self.given))


def find_tables(path: Path) -> Path:
    """Returns the folder in which the tables lie.

    Raises:
        DataError: there are tables in no place, or in more than one.
    """
    places = [path / place for place in PLACES]
    found = [place for place in places if any((place / file).exists() for file in FILES.values())]
    if len(found) == 1:
        return found[0]
    names = ", ".join(FILES.values())
    if found:
        raise DataError(f"llp:{path}: tables ({names}) in {' and in '.join(map(str, found))};"
                        " remove one set of them")  # fmt: skip
    raise DataError(f"llp:{path}: none of {names}, in {' or in '.join(map(str, places))}; take them"
                    " from the folder data of the LLP repository")  # fmt: skip


def read_videos(folder: Path) -> dict[str, list[Video]]:
    """Reads the videos of each published split that there is, in the order of the tables.

    Args:
        folder: as of `find_tables`.

    Raises:
        DataError: a table is damaged, a video comes twice, or all that `read_table` raises.
    """
    there = {split: folder / file for split, file in FILES.items() if (folder / file).exists()}
    videos = {split: read_table(file) for split, file in there.items()}
    _check_once(videos)
    return videos


def read_table(path: str | os.PathLike) -> list[Video]:
    """Reads a table of videos and their weak labels.

    Raises:
        DataError: it is no such table, has no row, or one without a name, without a label or with
            a class that LLP doesn't have.

    Reference:
        The tables of Tian et al., 2020.
    """
    videos = [_video(values, where) for where, values in read_rows(path, COLUMNS)]
    if not videos:
        raise DataError(f"{path}: the table has no rows")
    return videos


def _video(values: Sequence[str], where: str) -> Video:
    name, labels = values
    if not NAME.fullmatch(name):
        raise DataError(f"{where}: {name!r} is no name of a video: an id of {ID_LENGTH} characters,"
                        " _START_END in seconds, as CSWQ_HzQ-aB_10_20")  # fmt: skip
    if not labels:
        raise DataError(f"{where}: video {name!r} has no label; at least one is expected")
    given = [label.strip() for label in labels.split(",")]
    if "" in given:
        raise DataError(f"{where}: {labels!r} holds an empty label; one comma between two is"
                        " expected")  # fmt: skip
    return Video(name, tuple(index_of(label, where) for label in given), where)


def _check_once(videos: Mapping[str, Sequence[Video]]) -> None:
    first: dict[str, Video] = {}
    for video in (video for rows in videos.values() for video in rows):
        other = first.setdefault(video.id, video)
        if other is not video:
            raise DataError(f"{video.where}: video {video.id!r} comes a second time, after"
                            f" {other.where}; an id is in one split, once: remove one")  # fmt: skip


def repeats(videos: Mapping[str, Sequence[Video]]) -> list[str]:
    """Returns a sentence for each split in which videos name a label twice.

    >>> print(*repeats({"train": [Video("AP0061o0Nvk_0_10", given=(4, 0, 4), where="line 2")]}))
    AVVP_train.csv: a label given twice, in 1 of 1 videos (AP0061o0Nvk_0_10); it counts once
    """
    found = {
        split: [video.name for video in rows if len(set(video.given)) < len(video.given)]
        for split, rows in videos.items()
    }
    return [
        f"{FILES[split]}: a label given twice, in {len(names)} of {len(videos[split])} videos"
        f" ({names[0]}); it counts once"
        for split, names in found.items()
        if names
    ]
