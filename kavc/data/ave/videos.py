"""AVE's annotations: a row a video, of its category and of the seconds of its one event."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kavc.data.ave.classes import index_of
from kavc.errors import DataError
from kavc.inputs.opening import named, read_text

FILE = "Annotations.txt"
COLUMNS = ("category", "id", "quality", "start", "end")
SECONDS = 10  # of each video
CLIP = re.compile(r"[A-Za-z0-9_-]{11}")
HEADER = "category&videoid&quality&starttime&endtime"  # of some copies
MAX_BYTES = 16 * 2**20
_NAMED = 3  # clips that a note names


@dataclass(frozen=True)
class Video:
    """One row: a video and its event.

    Args:
        row: its number, from 0; rows of features and of labels have the same.
        clip: YouTube's id of the video, which rows may share.
        label: index of the category.
        start, end: the event is in the seconds from `start` to before `end`, 0 to 10; both are the
            same where there is none.

    Reference:
        Zhu et al., 2021, section 3.1.

    Example:
        >>> video = Video(row=171, clip="2Jqm4wTVLu8", label=3, start=2, end=6)
        >>> video.id, video.length
        (b'0171_2Jqm4wTVLu8', 4)
    """

    row: int
    clip: str
    label: int
    start: int
    end: int

    @property
    def id(self) -> bytes:
        """Row and clip, as b"0171_2Jqm4wTVLu8": the clip alone would not tell rows apart."""
        return f"{self.row:04d}_{self.clip}".encode()

    @property
    def length(self) -> int:
        """Seconds of the event."""
        return self.end - self.start


def read_annotations(path: Path) -> list[Video]:
    """Reads the rows of `Annotations.txt`.

    Lines are `category&id&quality&start&end`, of which categories hold commas, spaces and brackets.

    Raises:
        DataError: as `kavc.inputs.opening.read_text`; or there is no row, or one that isn't of
            this form, or that has a category or times that AVE can't have.

    Reference:
        `Annotations.txt` of Tian et al., 2018.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        ...     _ = Path(file.name).write_text("Church bell&RUhOCu3LNXM&good&0&10")
        ...     read_annotations(Path(file.name))
        [Video(row=0, clip='RUhOCu3LNXM', label=0, start=0, end=10)]
    """
    lines = read_text(path, most=MAX_BYTES).rstrip().splitlines()
    first = int(bool(lines) and lines[0].strip().lower() == HEADER)
    file = named(path)
    videos = [
        _video(row, line.strip(), f"{file}, line {row + first + 1}")
        for row, line in enumerate(lines[first:])
    ]
    if not videos:
        raise DataError(f"{file}: it has no rows; {'&'.join(COLUMNS)} is expected in each")
    return videos


def _video(row: int, line: str, where: str) -> Video:
    values = [value.strip() for value in line.split("&")]
    if len(values) != len(COLUMNS):
        raise DataError(f"{where}: {line[:60]!r} is not of the form {'&'.join(COLUMNS)}; rows are"
                        " told by their number, so that none may be left out")  # fmt: skip
    category, clip, _, *times = values
    label = index_of(category, where)
    if not CLIP.fullmatch(clip):
        raise DataError(f"{where}: {clip[:60]!r} is no id of a clip: 11 letters, digits, - and _")
    for time in times:
        if not (time.isascii() and time.isdigit() and len(time) <= 2 and int(time) <= SECONDS):
            raise DataError(f"{where}: {time[:60]!r} is no whole second from 0 to {SECONDS}")
    start, end = map(int, times)
    if start > end:
        raise DataError(f"{where}: the event ends at {end}, before it starts at {start}")
    return Video(row, clip, label, start, end)


def events(videos: Sequence[Video]) -> np.ndarray:
    """Returns when the events of some videos are: (videos, 10) float32, 1 where there is one.

    >>> events([Video(row=0, clip="2Jqm4wTVLu8", label=3, start=2, end=6)]).tolist()
    [[0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]]
    """
    seconds = np.arange(SECONDS)
    starts, ends = np.array([(video.start, video.end) for video in videos]).reshape(-1, 2).T
    return ((seconds >= starts[:, None]) & (seconds < ends[:, None])).astype(np.float32)


def oddities(videos: Sequence[Video]) -> list[str]:
    """Returns what is odd about the annotations, a sentence each.

    >>> oddities([Video(row=26, clip="VWi2ENBuTbw", label=0, start=0, end=0)])
    ['Annotations.txt: 1 of 1 rows without an event: 26 (VWi2ENBuTbw)']
    """
    told = []
    empty = [f"{video.row} ({video.clip})" for video in videos if not video.length]
    if empty:
        told.append(f"{FILE}: {_rows(len(empty), len(videos))} without an event: {_some(empty)}")
    rows = defaultdict(list)
    for video in videos:
        rows[video.clip].append(video.row)
    if again := len(videos) - len(rows):
        clips = [f"{clip} in {', '.join(map(str, r))}" for clip, r in rows.items() if len(r) > 1]
        told.append(f"{FILE}: {_rows(again, len(videos))} that repeat a clip: {_some(clips)}")
    return told


def _rows(count: int, of: int) -> str:
    return f"{count} of {of} rows"


def _some(words: Sequence[str]) -> str:
    return f"{'such as ' if len(words) > _NAMED else ''}{', '.join(words[:_NAMED])}"
