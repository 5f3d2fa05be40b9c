"""AVE's files of labels: they say what the annotations do, which count where they don't.

Some later works replace them by others; what they hold is compared and not used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from kavc.data.ave import places
from kavc.data.ave.classes import BACKGROUND
from kavc.data.ave.videos import FILE, SECONDS, Video, events
from kavc.inputs.hdf5_arrays import open_array

KEY = "avadataset"
COLUMNS = BACKGROUND + 1
AT_ONCE = 512  # videos
_NAMED = 5  # rows that a note names


def segment_labels(videos: Sequence[Video]) -> np.ndarray:
    """Returns (videos, 10, 29) float32, as `labels.h5`: one 1 a second.

    Reference:
        Tian et al., 2018: 28 categories, and the background last.

    Example:
        >>> video = Video(row=0, clip="2Jqm4wTVLu8", label=3, start=2, end=6)
        >>> segment_labels([video])[0].argmax(axis=1).tolist()
        [28, 28, 3, 3, 3, 3, 28, 28, 28, 28]
    """
    labels = np.array([video.label for video in videos], np.int64)[:, None]
    return _one_hot(np.where(events(videos) > 0, labels, BACKGROUND))


def video_labels(videos: Sequence[Video]) -> np.ndarray:
    """Returns (videos, 29) float32, as `mil_labels.h5`: one 1 a video, also without an event.

    >>> video = Video(row=0, clip="2Jqm4wTVLu8", label=3, start=2, end=6)
    >>> labels = video_labels([video])
    >>> labels.shape, int(labels.argmax())
    ((1, 29), 3)
    """
    return _one_hot(np.array([video.label for video in videos], np.int64))


FILES: Mapping[str, Callable[[Sequence[Video]], np.ndarray]] = {
    "labels.h5": segment_labels,
    "labels_closs.h5": events,
    "mil_labels.h5": video_labels,
}
SHAPES: Mapping[str, tuple[int, ...]] = {
    "labels.h5": (SECONDS, COLUMNS),
    "labels_closs.h5": (SECONDS,),
    "mil_labels.h5": (COLUMNS,),
}


def disagreements(path: Path, videos: Sequence[Video]) -> list[str]:
    """Returns a sentence for each file of labels that says something else than the annotations.

    Args:
        path: the folder; files that aren't there say nothing.
        videos: of the annotations.

    Raises:
        DataError: as `kavc.inputs.hdf5_arrays.open_array`; or a file lies in two places.
    """
    told = []
    for name in FILES:
        file = places.find(path, name)
        rows = [] if file is None else _other_rows(file, name, videos)
        if rows:
            some = f"{'such as ' if len(rows) > _NAMED else ''}{', '.join(map(str, rows[:_NAMED]))}"
            told.append(f"{name}: {len(rows)} of {len(videos)} rows differ from {FILE}, which"
                        f" counts: {some}")  # fmt: skip
    return told


def _other_rows(file: Path, name: str, videos: Sequence[Video]) -> list[int]:
    rows: list[int] = []
    with open_array(file, KEY, (len(videos), *SHAPES[name])) as array:
        for start in range(0, len(videos), AT_ONCE):
            some = videos[start : start + AT_ONCE]
            found, wanted = array.rows(start, start + len(some)), FILES[name](some)
            differ = (found != wanted).reshape(len(some), -1).any(axis=1)
            rows += (start + np.flatnonzero(differ)).tolist()
    return rows


def _one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(COLUMNS, dtype=np.float32)[labels]
