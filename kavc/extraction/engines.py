"""Who makes the features of many clips: this process and its decoders, or a cluster's.

Both yield what becomes of each clip, in the order in which it comes.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from kavc.errors import ConfigError, DataError, KavcError
from kavc.extraction.clips import Clip
from kavc.inputs.opening import named
from kavc.inputs.records import fits
from kavc.media.decoders import Decoders, Done, Failed, Part
from kavc.media.extractors.base import Extractor, Recipe, checked
from kavc.media.windows import Taken, Windows, window_of, windows

WAIT = 1.0  # seconds between looks at a cluster
SAID = {"track", "truncated"}  # of a track at its end
MOST = 2**30  # bytes of the features of a clip: they are one record, of which none holds 2 GiB


@dataclass(frozen=True)
class Made:
    """The features of a clip.

    Args:
        clip: that they are of.
        arrays: by name, and the times of their rows as NAME_times, (rows,) float32 seconds.
        tracks: name to a dict of "track", the index of the track that it is of, and "truncated",
            why that ended too early, by damage, or "".
        seconds: of the clip, as far as rows reach.
    """

    clip: Clip
    arrays: Mapping[str, np.ndarray]
    tracks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Unmade:
    """A clip that gave no features.

    Args:
        clip: the clip.
        reason: one line.
    """

    clip: Clip
    reason: str


class Assembly:
    """Puts together the features of clips whose windows come bit by bit, those of several at once.

    Args:
        extractors: by the name of the array.
    """

    def __init__(self, extractors: Mapping[str, Extractor]):
        self._extractors = extractors
        # Who takes the same of a file gets the same windows, decoded once.
        self.taken = tuple(dict.fromkeys(each.recipe.taken() for each in extractors.values()))
        self._begun: dict[str, _Rows] = {}

    def add(self, clip: Clip, index: int, found: Windows | Mapping[str, Any]) -> None:
        """Takes windows of a kind of `taken`, or what is said of their track at its end.

        Raises:
            DataError: the rows of the clip are too large for a corpus.
        """
        rows = self._begun.setdefault(clip.id, _Rows())
        for name, extractor in self._extractors.items():
            if extractor.recipe.taken() != self.taken[index]:
                continue
            if not isinstance(found, Windows):
                rows.tracks[name] = found
            else:
                values = extractor(found.values)
                rows.times.setdefault(name, []).append(found.times)
                rows.values.setdefault(name, []).append(values)
                rows.size += values.nbytes
                if rows.size > MOST:
                    raise DataError(_too_large(clip, name, extractor.shape))

    def end(self, clip: Clip) -> Made:
        """Returns the features of a clip whose last windows have come.

        Raises:
            DataError: they hold NaN or infinity.
        """
        rows, arrays, seconds = self._begun.pop(clip.id, _Rows()), {}, 0.0
        if set(rows.values) != set(self._extractors) or set(rows.tracks) != set(self._extractors):
            raise DataError(f"{clip.path}: not all of it came; it is left out")
        for name, extractor in self._extractors.items():
            values, times = np.concatenate(rows.values[name]), np.concatenate(rows.times[name])
            arrays[name] = checked(values, clip.path)
            arrays[f"{name}_times"] = times.astype(np.float32)
            seconds = max(seconds, times[-1] + (extractor.recipe.step or 0.0))
        return Made(clip, arrays, rows.tracks, seconds)

    def drop(self, clip: Clip) -> None:
        """Forgets a clip."""
        self._begun.pop(clip.id, None)


@dataclass
class _Rows:
    times: dict[str, list[np.ndarray]] = field(default_factory=dict)
    values: dict[str, list[np.ndarray]] = field(default_factory=dict)
    tracks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    size: int = 0  # bytes


def _too_large(clip: Clip, name: str, shape: tuple[int, ...]) -> str:
    by = " x ".join(map(str, shape))
    return (
        f"{named(clip.path)}: its features have more than {MOST >> 20} MiB, with {by} numbers a row"
        f" of {name}; take fewer rows, smaller ones, or a part of the file"
    )


def here(
    clips: Iterable[Clip],
    extractors: Mapping[str, Extractor],
    *,
    workers: int,
    seconds: float,
) -> Iterator[Made | Unmade]:
    """Makes features in this process, of what decoders beside it give.

    Args:
        clips: to be done.
        extractors: by the name of the array.
        workers: decoders.
        seconds: for what comes at once of a file, after which it is given up.
    """
    assembly = Assembly(extractors)
    jobs = ((clip, clip.path, (assembly.taken,)) for clip in clips)
    odd: dict[str, DataError] = {}
    with Decoders(workers, seconds=seconds) as decoders:
        for event in decoders.stream(windows, jobs):
            clip = event.key
            try:
                if isinstance(event, Failed):
                    raise event.error
                if isinstance(event, Done):
                    if clip.id in odd:
                        raise odd[clip.id]
                    yield assembly.end(clip)
                elif clip.id not in odd:
                    assembly.add(clip, *as_asked(event.item, assembly.taken, clip.path))
            except KavcError as error:
                assembly.drop(clip)
                if isinstance(event, Part):
                    odd[clip.id] = DataError(str(error))  # told once it has ended
                else:
                    yield Unmade(clip, _reason(error, clip))


def as_asked(item: Any, taken: Sequence[Taken], path: Path) -> tuple[int, Any]:
    """Returns what a process sent of a file, if it is what it was asked for.

    A codec that was taken over by a file may send other arrays, or none.

    Args:
        item: as it came.
        taken: what was asked for.
        path: of the file.

    Raises:
        DataError: it is something else.

    Example:
        >>> from kavc.media.windows import Heard
        >>> said = {"track": 1, "truncated": ""}
        >>> as_asked((0, said), [Heard(16_000, 15_600, 15_360)], Path("dog.mp4"))
        (0, {'track': 1, 'truncated': ''})
        >>> as_asked((1, said), [Heard(16_000, 15_600, 15_360)], Path("dog.mp4"))
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: dog.mp4: what came of it is not what was asked for; it is left out
    """
    index, found = item if isinstance(item, tuple) and len(item) == 2 else (None, None)
    if type(index) is int and 0 <= index < len(taken):
        if isinstance(found, Windows) and _fits(found, taken[index]):
            return index, found
        if isinstance(found, dict) and fits(found, dict[str, int | str]) and set(found) == SAID:
            return index, found
    raise DataError(f"{path}: what came of it is not what was asked for; it is left out")


def _fits(found: Windows, kind: Taken) -> bool:
    times, values = found.times, found.values
    if not (isinstance(times, np.ndarray) and isinstance(values, np.ndarray)):
        return False
    shape, dtype = window_of(kind)
    is_time = times.dtype == np.float64 and times.ndim == 1 and np.isfinite(times).all()
    return bool(
        is_time and len(times) and values.dtype == dtype and values.shape == (len(times), *shape)
    )


def cluster(
    clips: Sequence[Clip],
    recipes: Mapping[str, Recipe],
    files: Mapping[str, Mapping[str, Path]],
    digests: Mapping[str, Mapping[str, str]],
    *,
    address: str,
    workers: int,
    seconds: float,
    report: Callable[[str], None],
) -> Iterator[Made | Unmade]:
    """Makes features in processes of a Ray cluster, which read clips and weights by these paths.

    Features alone go through Ray; frames stay in the process that decodes them.

    Args:
        clips, workers, seconds: as of `here`; workers are processes, each with one decoder.
        recipes, files, digests: by the name of the array: how it is made, the paths of its weights,
            and their digests here.
        address: HOST:PORT of its head.
        report: told, a line each, who dies and who is started again.
    """
    from kavc.cluster.slots import Died, Ended, Slots

    # Processes elsewhere stand in other folders than this one.
    places = {
        name: {key: path if "://" in str(path) else _absolute(path) for key, path in each.items()}
        for name, each in files.items()
    }
    ready = functools.partial(_worker, dict(recipes), places, dict(digests), seconds)
    waiting = list(reversed(clips))
    by_id = {clip.id: clip for clip in clips}
    again: set[str] = set()
    with Slots(workers, address=address, report=report).open(ready) as slots:
        running = 0
        while waiting or running:
            while waiting and slots.idle():
                clip = waiting.pop()
                slots.start(clip.id, replace(clip, path=_absolute(clip.path)))
                running += 1
            for event in slots.wait(WAIT):
                running -= 1
                clip = by_id[str(event.key)]
                if isinstance(event, Ended):
                    yield replace(event.result, clip=clip)
                elif clip.id not in again and isinstance(event, Died):
                    again.add(clip.id)
                    waiting.append(clip)
                else:
                    yield Unmade(clip, f"{event.where}: {event.reason}, twice")


def _worker(
    recipes: Mapping[str, Recipe],
    files: Mapping[str, Mapping[str, Path]],
    digests: Mapping[str, Mapping[str, str]],
    seconds: float,
) -> Callable[[Clip], Made | Unmade]:
    """Returns what a cluster's process does with a clip; called there once."""
    extractors = {name: recipe.load(files[name]) for name, recipe in recipes.items()}
    for name, extractor in extractors.items():
        if extractor.weights != digests[name]:
            raise ConfigError(f"the weights of {name} are others than where this was started")

    def work(clip: Clip) -> Made | Unmade:
        (made,) = here([clip], extractors, workers=1, seconds=seconds)
        return made

    return work


def _reason(error: KavcError, clip: Clip) -> str:
    """Returns what went wrong, without the file's name in front."""
    return str(error).removeprefix(f"{named(clip.path)}: ")


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))
