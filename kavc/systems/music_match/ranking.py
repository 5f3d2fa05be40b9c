"""Which of many tracks fits a video best, and which moment of each: asked of a run or of a server.

Neither Keras nor TensorFlow is needed here: what asks, a function, has them or a server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kavc.errors import DataError
from kavc.serving.lengths import LENGTH

TRACK = "audio"
SCORE, EMBED, RANK = "score", "embed_track", "rank"
Arrays = Mapping[str, np.ndarray]
# From the name of a signature and its inputs to its outputs.
Ask = Callable[[str, Arrays], Arrays]
IN_A_CALL = 2**16  # vectors of tracks, or moments, that are scored together
AT_ONCE = 256  # tracks, or moments of them, that go through a network together, at most
NUMBERS = 2**22  # of these together, padded: a row of sound may be a patch of a spectrogram
COMPARED = 1000  # tracks against which the chances of each are told
MOST_MOMENTS = 1_000_000


@dataclass(frozen=True)
class Track:
    """A track to be ranked.

    Args:
        id: of the track.
        rows: (rows, ...) float32, of its sound.
        times: (rows,) seconds at which the rows begin; None where nobody says.
    """

    id: str
    rows: np.ndarray
    times: np.ndarray | None = None


@dataclass(frozen=True)
class Ranked:
    """A track, and how well it fits.

    Args:
        track: its id.
        score: the higher, the better; a difference of two is a log odds, with the symmetric head,
            and something like it with the plain one.
        chance: to be preferred to another one of the tracks, on average; 1/2 for an only one.
        start, end: seconds of its best moment; None for the whole track.
    """

    track: str
    score: float
    chance: float
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Moments:
    """The vectors of tracks, or of moments of them.

    Args:
        of: (n,) int64. Index of the track that each is of.
        vectors: (n, width) float32.
        spans: (n, 2) float64. Seconds at which each begins and ends; NaN for whole tracks.
    """

    of: np.ndarray
    vectors: np.ndarray
    spans: np.ndarray


def request(video: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns what signatures take of a video, a batch of one.

    Args:
        video: name of what is seen to (rows, ...) float32.

    Example:
        >>> {name: array.shape for name, array in request({"visual": np.zeros((3, 2048))}).items()}
        {'visual': (1, 3, 2048), 'visual_length': (1,)}
    """
    found: dict[str, np.ndarray] = {}
    for name, rows in video.items():
        found[name] = np.asarray(rows, np.float32)[None]
        found[name + LENGTH] = np.array([len(rows)], np.int32)
    return found


def moments(ask: Ask, tracks: Sequence[Track], seconds: float | None = None) -> Moments:
    """Returns the vectors of whole tracks, or of all their moments of some length.

    Args:
        ask: answers "embed_track".
        tracks: at least one.
        seconds: of a moment, one from each row on; a shorter track is one moment. None for whole
            tracks.

    Raises:
        DataError: a track has no rows, or no times where moments are wanted; or moments are too
            many.

    Example:
        >>> def ask(signature, inputs):
        ...     return {"vector": inputs["audio"].mean(axis=1)}
        >>> track = Track("song", np.zeros((4, 2), np.float32), times=np.arange(4.0))
        >>> moments(ask, [track], seconds=2.0).spans.tolist()
        [[0.0, 2.0], [1.0, 3.0], [2.0, 4.0]]
    """
    windows, of, spans = [], [], []
    for track in tracks:
        if not len(track.rows):
            raise DataError(f"track {track.id!r} has no sound; leave it out")
    steps = [1.0] * len(tracks) if seconds is None else _steps(tracks, seconds)
    for index, (track, step) in enumerate(zip(tracks, steps, strict=True)):
        for first, last, span in _windows(track, seconds, step):
            windows.append(track.rows[first:last])
            of.append(index)
            spans.append(span)
        if len(windows) > MOST_MOMENTS:
            raise DataError(f"more than {MOST_MOMENTS:,} moments; rank fewer tracks at once")
    parts = [embedded(ask, together) for together in _together(windows)]
    return Moments(np.array(of), np.concatenate(parts), np.array(spans))


def embedded(ask: Ask, windows: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the vectors of some rows each, (n, width) float32, by "embed_track".

    Example:
        >>> def ask(signature, inputs):
        ...     return {"vector": inputs["audio_length"][:, None]}
        >>> embedded(ask, [np.zeros((2, 128)), np.zeros((5, 128))]).tolist()
        [[2], [5]]
    """
    lengths = np.array([len(rows) for rows in windows], np.int32)
    padded = np.zeros((len(windows), lengths.max(), *windows[0].shape[1:]), np.float32)
    for row, each in zip(padded, windows, strict=True):
        row[: len(each)] = each
    return ask(EMBED, {TRACK: padded, TRACK + LENGTH: lengths})["vector"]


def _together(windows: Sequence[np.ndarray]) -> Iterator[Sequence[np.ndarray]]:
    """Yields as many windows that follow each other as may go through a network together."""
    first = longest = 0
    for last, rows in enumerate(windows):
        longest = max(longest, len(rows))
        count = last - first + 1
        if count > 1 and (count > AT_ONCE or count * longest * rows[0].size > NUMBERS):
            yield windows[first:last]
            first, longest = last, len(rows)
    yield windows[first:]


def _steps(tracks: Sequence[Track], seconds: float) -> list[float]:
    """Returns the seconds from row to row of each; of an only row, as most others have it."""
    found = np.array([step_of(track) for track in tracks])
    known = found[np.isfinite(found)]
    return np.where(np.isinf(found), np.median(known) if len(known) else seconds, found).tolist()


def step_of(track: Track) -> float:
    """Returns the seconds from one row of a track to the next; infinite for an only row.

    Raises:
        DataError: it has no times, or they do not rise.

    Example:
        >>> step_of(Track("song", np.zeros((3, 128)), times=np.array([0.0, 0.96, 1.92])))
        0.96
        >>> step_of(Track("song", np.zeros((3, 128))))
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: track 'song': when its rows begin isn't known, as ...
    """
    if track.times is None:
        raise DataError(
            f"track {track.id!r}: when its rows begin isn't known, as moments need; extract it, or "
            f"give an array {TRACK}_times"
        )
    if len(track.times) < 2:
        return float("inf")
    step = float(np.median(np.diff(track.times)))
    if not step > 0:
        raise DataError(f"track {track.id!r}: the times of its rows do not rise")
    return step


def _windows(
    track: Track, seconds: float | None, step: float
) -> Sequence[tuple[int, int, tuple[float, float]]]:
    if seconds is None:
        return [(0, len(track.rows), (np.nan, np.nan))]
    rows = max(1, min(len(track.rows), round(seconds / step)))
    length = rows * step
    begins = np.asarray(track.times, np.float64)
    return [
        (first, first + rows, (begins[first], begins[first] + length))
        for first in range(len(track.rows) - rows + 1)
    ]


def ranked(ask: Ask, video: Arrays, tracks: Sequence[str], found: Moments) -> list[Ranked]:
    """Returns tracks by how well they fit, the best first; each with its best moment.

    Args:
        ask: answers "rank".
        video: what the signature takes of the video, a batch of one.
        tracks: their ids.
        found: as `moments` gives them.

    Reference:
        Bradley and Terry, 1952, for the chances.

    Example:
        >>> def ask(signature, inputs):
        ...     return {"scores": inputs["tracks"][..., 0]}
        >>> none = np.full((2, 2), np.nan)
        >>> found = Moments(np.array([0, 1]), np.array([[-1.0], [1.0]], np.float32), none)
        >>> [(each.track, each.score) for each in ranked(ask, {}, ["slow", "fast"], found)]
        [('fast', 1.0), ('slow', -1.0)]
    """
    parts = [
        _scores(ask, video, found.vectors[at : at + IN_A_CALL])
        for at in range(0, len(found.vectors), IN_A_CALL)
    ]
    scores = np.concatenate(parts)
    best = [int(rows[scores[rows].argmax()]) for rows in _rows_of(found.of, len(tracks))]
    order = sorted(range(len(tracks)), key=lambda track: (-scores[best[track]], tracks[track]))
    chances = chance(scores[best])
    return [_ranked(tracks[each], scores[best[each]], chances[each], found.spans[best[each]])
            for each in order]  # fmt: skip


def _scores(ask: Ask, video: Arrays, vectors: np.ndarray) -> np.ndarray:
    length = np.array([len(vectors)], np.int32)
    inputs = {"tracks": vectors[None], f"tracks{LENGTH}": length}
    return np.asarray(ask(RANK, {**video, **inputs})["scores"][0], np.float64)


def _ranked(track: str, score: float, chance: float, span: np.ndarray) -> Ranked:
    start, end = (None if np.isnan(at) else float(at) for at in span)
    return Ranked(track, float(score), float(chance), start, end)


def _rows_of(of: np.ndarray, count: int) -> list[np.ndarray]:
    order = np.argsort(of, kind="stable")
    return np.split(order, np.searchsorted(of[order], np.arange(1, count)))


def chance(scores: np.ndarray) -> np.ndarray:
    """Returns how likely each is to be preferred to another one of them, on average.

    Args:
        scores: (n,) of different tracks. Above 1,000, each is set against 1,000 of them, evenly
            spread from the best to the worst.

    Returns:
        (n,) float64, by Bradley and Terry; 1/2 for an only one.

    Reference:
        Bradley and Terry, "Rank analysis of incomplete block designs", 1952.

    Example:
        >>> chance(np.array([0.0, 0.0, 50.0])).tolist(), chance(np.array([3.0])).tolist()
        ([0.25, 0.25, 1.0], [0.5])
    """
    if len(scores) < 2:
        return np.full(len(scores), 0.5)
    others = np.sort(scores)
    if len(others) > COMPARED:
        others = others[np.linspace(0, len(others) - 1, COMPARED).round().astype(int)]
        return np.stack([_logistic(score - others).mean() for score in scores])
    # Itself is among the others, at 1/2.
    wins = np.stack([_logistic(score - others).sum() for score in scores])
    return (wins - 0.5) / (len(others) - 1)


def _logistic(odds: np.ndarray) -> np.ndarray:
    """Returns 1 / (1 + exp(-odds)), without SciPy, which who asks a server need not have."""
    return 0.5 * (1 + np.tanh(0.5 * odds))
