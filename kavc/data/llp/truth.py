"""What is heard and what is seen in LLP's videos, second by second: for evaluation.

The published evaluation reads the tables as half-open ranges of whole seconds, so that rows without
length, or with the end before the beginning, are no event; nor are rows that name no video.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from kavc.data.llp.classes import CLASSES, index_of
from kavc.data.llp.tables import read_rows
from kavc.errors import DataError

COLUMNS = ("filename", "onset", "offset", "event_labels")
FILES = {"audio": "AVVP_eval_audio.csv", "visual": "AVVP_eval_visual.csv"}
SECONDS = 10  # of each video
# Three rows of the audio were mended on 16 April 2024, of these two videos of the test split.
MENDED = ("JfZEqeLZqWk_30_40", "KvIjsmANkxI_10_20")
BROKEN = ("Baby_cry_infant_cry", "KvIjsmANkxI_10_20`")


@dataclass(frozen=True)
class Event:
    """One row of a table: a class in [onset, offset), whole seconds.

    Args:
        name: of the video.
        onset, offset: 0 to 10.
        label: index of the class.

    Reference:
        Lamba et al., 2021, section 3, equation 1.

    Example:
        >>> Event("AP0061o0Nvk_101.8_111.8", onset=2, offset=6, label=0).offset
        6
    """

    name: str
    onset: int
    offset: int
    label: int


def dense_masks(path: str | os.PathLike, names: Sequence[str]) -> np.ndarray:
    """Reads what is heard, or seen, in some videos.

    Args:
        path: of `AVVP_eval_audio.csv` or `AVVP_eval_visual.csv`.
        names: of videos, whole, as "AP0061o0Nvk_101.8_111.8".

    Returns:
        (names, 10, 25) bool: second, class in the order of `CLASSES`. False everywhere for what
        the table does not name.

    Raises:
        DataError: as `read_events`.

    Reference:
        The tables of Tian et al., 2020.
    """
    return masks(read_events(path), names)


def read_events(path: str | os.PathLike) -> list[Event]:
    """Reads the rows of a table of events, as they stand.

    Raises:
        DataError: it is no such table, or a row has a class that LLP doesn't have, or times that
            are no whole seconds from 0 to 10.
    """
    return [
        Event(name, _second(onset, "onset", where), _second(offset, "offset", where),
              index_of(label, where))
        for where, (name, onset, offset, label) in read_rows(path, COLUMNS)
    ]  # fmt: skip


def _second(text: str, column: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 2 and int(text) <= SECONDS):
        raise DataError(f"{where}: {column} is {text!r}; a whole second from 0 to {SECONDS} is"
                        " expected")  # fmt: skip
    return int(text)


def masks(events: Sequence[Event], names: Sequence[str]) -> np.ndarray:
    """As `dense_masks`, of events that were read.

    Reference:
        Lamba et al., 2021, section 3, equation 1; ranges are read as Tian et al., 2020, do.

    Example:
        >>> event = Event("AP0061o0Nvk_101.8_111.8", onset=2, offset=6, label=0)
        >>> masks([event], ["AP0061o0Nvk_101.8_111.8"])[0, :, 0].astype(int).tolist()
        [0, 0, 1, 1, 1, 1, 0, 0, 0, 0]
    """
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    found = np.zeros((len(names), SECONDS, len(CLASSES)), bool)
    for event in events:
        for row in rows.get(event.name, ()):
            found[row, event.onset : event.offset, event.label] = True
    return found


def oddities(events: Sequence[Event], file: str, known: Collection[str]) -> list[str]:
    """Returns a sentence for each kind of row that makes no event of its own.

    Args:
        events: of one table.
        file: its name.
        known: names of the videos of validation and test.

    Example:
        >>> event = Event("AP0061o0Nvk_101.8_111.8", onset=6, offset=6, label=0)
        >>> print(*oddities([event], "AVVP_eval_audio.csv", known=[event.name]))
        AVVP_eval_audio.csv: 1 of 1 rows have no length (such as 'AP0061o0Nvk_101.8_111.8'); they...
    """
    known = set(known)
    nameless = [event.name for event in events if event.name not in known]
    empty = [event.name for event in events if event.onset == event.offset]
    reversed_ = [event.name for event in events if event.onset > event.offset]
    again = [event.name for event, times in Counter(events).items() for _ in range(times - 1)]
    told = [
        (nameless, "name no video of validation or test", "they count for nothing"),
        (empty, "have no length", "they make no event"),
        (reversed_, "end before they begin", "they make no event"),
        (again, "repeat another row", "events are runs of seconds, so these merge"),
    ]
    return [
        f"{file}: {len(names)} of {len(events)} rows {words} (such as {names[0]!r}); {so}"
        for names, words, so in told
        if names
    ] + ([_older(file)] if is_older(events) else [])


def is_older(events: Sequence[Event]) -> bool:
    """Returns whether an audio table is the one published until 16 April 2024."""
    return any(event.name in BROKEN for event in events)


def is_later(events: Sequence[Event]) -> bool:
    """Returns whether an audio table is the one published since 16 April 2024."""
    return not is_older(events) and set(MENDED) <= {event.name for event in events}


def _older(file: str) -> str:
    return (
        f"{file}: as published until 16 April 2024 (134,360 bytes), with three broken names, so"
        f" that {' and '.join(MENDED)} of test lack sounds; papers until 2023 were scored with it"
    )
