"""Statistics of the arrays of a source, over its first videos.

They are what tells one kind of features from another, see `kavc.data.likeness`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kavc import progress
from kavc.data.damage import data_errors
from kavc.data.layouts import View
from kavc.data.schema import ExampleSpec, Field
from kavc.data.source import Source
from kavc.errors import DataError

VIDEOS = 2000
SAMPLE_BYTES = 64 * 2**20  # of one array, as float32
TIMES = "_times"  # behind an array's name: the seconds at which its rows begin
UNKNOWN = Field((None, None), "float32", "")
_BLOCK = 2**17  # values that are looked at together: they stay in the cache
_ROWS = 2**17  # a row of few values would make a sample of too many
_NEAR = 1e-3  # of a step of a grid: float32 is off by 2e-5 of one
_UNIT = 1e-3  # how far a length may be from 1: float16 is off by less


@dataclass(frozen=True)
class ArrayStatistics:
    """Statistics of an array's rows; those of values are over all of its values.

    Args:
        name: of the array, in the data.
        width: of a row; of maps, of a vector of them.
        videos: that were looked at.
        rows: that were looked at.
        hop: seconds from row to row: as the data say, or the median of the rows' times; None if
            nothing tells it.
        meaning: what the data say of it.
        mean, std, least, most: of the values.
        zeros, negative, whole: share of the values that are 0, below 0, whole numbers.
        ends: share of the values that are at most -1.992 or at least 1.9999, where bytes and
            clipping have their ends.
        on_grid: share of the values that a byte u stands for by u*4/255 + 4/512 - 2.
        on_plain_grid: by u*4/255 - 2.
        length: mean L2 norm of the rows.
        lengths: least and most of those that are not 0; both 0 where there is none.
        within: share of the variance that is within columns; the rest is between their means.
        standard: share of the columns whose mean is within 0.15 of 0, their deviation of 1.
        constant: columns whose values are all the same.
        repeated: rows that equal an earlier one.
        not_finite: rows with NaN or infinity, which are left out of all else.
        uneven: whether the times of the rows have other steps than `hop`.
        fault: why the array could not be read; then all else is 0.

    Example:
        >>> found = measure("audio", np.array([[3.0, 4.0], [0.0, 0.0]]))
        >>> found.mean, found.zeros, found.lengths
        (1.75, 0.5, (5.0, 5.0))
    """

    name: str
    width: int
    videos: int = 0
    rows: int = 0
    hop: float | None = None
    meaning: str = ""
    mean: float = 0.0
    std: float = 0.0
    least: float = 0.0
    most: float = 0.0
    zeros: float = 0.0
    negative: float = 0.0
    whole: float = 0.0
    ends: float = 0.0
    on_grid: float = 0.0
    on_plain_grid: float = 0.0
    length: float = 0.0
    lengths: tuple[float, float] = (0.0, 0.0)
    within: float = 0.0
    standard: float = 0.0
    constant: int = 0
    repeated: int = 0
    not_finite: int = 0
    uneven: bool = False
    fault: str = ""

    @property
    def unit(self) -> bool:
        """Whether all rows that are not 0 have the length 1."""
        return bool(self.rows) and all(abs(each - 1) < _UNIT for each in self.lengths)

    @property
    def grid(self) -> str:
        """On which grid all values lie, as a formula of bytes; "" if on none.

        >>> measure("audio", np.array([[0.0, 255.0], [7.0, 128.0]])).grid
        'u'
        """
        if self.rows and self.whole == 1 and self.least >= 0 and 1 < self.most <= 255:
            return "u"
        if self.rows and self.on_grid == 1:
            return "u*4/255 + 4/512 - 2"
        return "u*4/255 - 2" if self.rows and self.on_plain_grid == 1 else ""


def statistics(
    source: Source,
    splits: Sequence[str] | None = None,
    *,
    view: View | None = None,
    videos: int = VIDEOS,
    most_bytes: int = SAMPLE_BYTES,
) -> list[ArrayStatistics]:
    """Measures every array of a source, over its first videos.

    Args:
        source: in any layout. Of a reader that does not say which arrays there are, those of
            `view` are taken.
        splits: names of those whose videos are read, in that order. Defaults to all. Of
            comparisons, videos and tracks of all splits are read, in the order of their corpora.
        view: what a system reads. An array that it does not ask for may be damaged: that is told,
            and not raised.
        videos: most of them; at least 1.
        most_bytes: of an array, as float32. The video with which one comes so far is the last, of
            all arrays that are read in the same pass.

    Returns:
        One for each array, in the order of the data; of comparisons they are called videos/NAME
        and tracks/NAME.

    Raises:
        DataError: as `kavc.data.layouts.Reader.read`, of an array that `view` asks for.

    Example:
        for array in statistics(Source.parse("features:corpus")):
            print(array.name, array.mean, array.std)
    """
    view = view or View()
    if source.compares():
        return _of_corpora(source, view, videos, most_bytes)
    asked = set(view.arrays.values())
    groups = source.arrays() or [dict.fromkeys(view.arrays.values(), UNKNOWN)]
    if splits is None:
        splits = list(source.describe(view)["counts"])
    found = []
    for group in groups:
        try:
            found += _measured(source, splits, view, group, (videos, most_bytes))
        except DataError as error:
            if asked & set(group):
                raise
            found += [
                ArrayStatistics(name, each.shape[-1] or 0, meaning=each.meaning, fault=str(error))
                for name, each in group.items()
                if not name.endswith(TIMES)
            ]
    return found


def measure(name: str, rows: np.ndarray, *, videos: int = 1) -> ArrayStatistics:
    """Measures rows that are in memory.

    Args:
        name: of the array; from it follows whether it is heard or seen.
        rows: (rows, ..., width), any numbers.
        videos: that they are of.

    Example:
        judge(measure("audio", np.load("vggish.npy"))).looks
    """
    sample = _Sample()
    sample.add(np.asarray(rows, np.float32))
    shape = (None, *np.shape(rows)[1:])
    return replace(sample.finish(name, Field(shape, "float32", "")), videos=videos)


@dataclass
class Moments:
    """What is known of the rows that have passed by.

    Args:
        width: of a row.

    Reference:
        Chan et al., 1983, of how the moments of parts are joined.

    Example:
        >>> moments = Moments(2)
        >>> moments.add(np.array([[1.0, 2.0]], np.float32))
        >>> moments.add(np.array([[3.0, np.nan]], np.float32))
        >>> moments.rows, moments.not_finite
        (1, 1)
    """

    width: int
    rows: int = 0
    not_finite: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    seen: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.mean, self.squares = np.zeros(self.width), np.zeros(self.width)
        self.least, self.most = np.full(self.width, np.inf), np.full(self.width, -np.inf)
        self.length, self.shortest, self.longest = 0.0, np.inf, 0.0

    def add(self, rows: np.ndarray) -> None:
        """Looks at some rows, (n, width) float32."""
        good = np.isfinite(rows).all(axis=1)
        if not good.all():
            self.not_finite += int(np.sum(~good))
            rows = rows[good]
        if not len(rows):
            return
        self._add_columns(rows)
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
        self.length += float(lengths.sum())
        self.longest = max(self.longest, float(lengths.max()))
        if lengths.any():
            self.shortest = min(self.shortest, float(lengths[lengths > 0].min()))
        for name, count in _counts(rows).items():
            self.counts[name] = self.counts.get(name, 0) + count
        whole = np.ascontiguousarray(rows + np.float32(0))  # -0.0 equals 0.0, its bytes do not
        self.seen.update(_digests(whole))

    def _add_columns(self, rows: np.ndarray) -> None:
        """Joins means and sums of squares, so that large means cost no digits."""
        mean = rows.mean(axis=0, dtype=np.float64)
        squares = np.square(rows - mean).sum(axis=0)
        total = self.rows + len(rows)
        apart = mean - self.mean
        self.squares += squares + apart**2 * (self.rows * len(rows) / total)
        self.mean += apart * (len(rows) / total)
        self.rows = total
        self.least = np.minimum(self.least, rows.min(axis=0))
        self.most = np.maximum(self.most, rows.max(axis=0))

    def result(self) -> dict[str, Any]:
        """Returns what they tell, by the names of `ArrayStatistics`."""
        if not self.rows:
            return {"not_finite": self.not_finite}
        variances = self.squares / self.rows
        total = float(variances.mean() + self.mean.var())
        values = self.rows * self.width
        standard = (np.abs(self.mean) < 0.15) & (np.abs(np.sqrt(variances) - 1) < 0.15)
        return {
            "rows": self.rows,
            "mean": float(self.mean.mean()),
            "std": total**0.5,
            "least": float(self.least.min()),
            "most": float(self.most.max()),
            **{name: count / values for name, count in self.counts.items()},
            "length": self.length / self.rows,
            "lengths": (self.shortest, self.longest) if self.longest else (0.0, 0.0),
            "within": float(variances.mean()) / total if total else 0.0,
            "standard": float(standard.mean()),
            "constant": int(np.sum(self.least == self.most)),
            "repeated": self.rows - len(self.seen),
            "not_finite": self.not_finite,
        }


def _counts(rows: np.ndarray) -> dict[str, int]:
    steps = (rows - np.float32(4 / 512 - 2)) * np.float32(255 / 4)
    plain = (rows + np.float32(2)) * np.float32(255 / 4)
    return {
        "zeros": rows.size - int(np.count_nonzero(rows)),
        "negative": int(np.count_nonzero(rows < 0)),
        "whole": int(np.count_nonzero(rows == np.rint(rows))),
        "ends": int(np.count_nonzero((rows <= -1.992) | (rows >= 1.9999))),
        "on_grid": int(np.count_nonzero(_on(steps))),
        "on_plain_grid": int(np.count_nonzero(_on(plain))),
    }


def _on(steps: np.ndarray) -> np.ndarray:
    return (np.abs(steps - np.rint(steps)) < _NEAR) & (steps > -0.5) & (steps < 255.5)


def _digests(rows: np.ndarray) -> Iterator[bytes]:
    """Yields the bytes of each row, or of a wide row a digest, so that the sample is not kept."""
    import hashlib

    for row in rows:
        content = row.tobytes()
        yield content if len(content) <= 16 else hashlib.blake2b(content, digest_size=16).digest()


def _of_corpora(source: Source, view: View, videos: int, most_bytes: int) -> list[ArrayStatistics]:
    """Measures the arrays of the corpora that comparisons are of."""
    asked = {"videos": view.arrays, "tracks": view.tracks}
    views = {name: replace(view, arrays=of, tracks={}) for name, of in asked.items()}
    return [
        replace(found, name=f"{name}/{found.name}")
        for name, corpus in source.corpora().items()
        for found in statistics(corpus, view=views[name], videos=videos, most_bytes=most_bytes)
    ]


def _measured(
    source: Source,
    splits: Sequence[str],
    view: View,
    group: ExampleSpec,
    limits: tuple[int, int],
) -> list[ArrayStatistics]:
    """Measures arrays in one pass."""
    samples = {name: _Sample() for name in group}
    videos = 0
    examples = _examples(source, splits, view, list(group))
    with data_errors():
        for example in itertools.islice(examples, limits[0]):
            videos += 1
            for name, sample in samples.items():
                sample.add(example[name])
            if any(sample.full(limits[1]) for sample in samples.values()):
                break
    measured = []
    for name in (name for name in group if not name.endswith(TIMES)):
        said = group[name]
        told: dict[str, Any] = {"videos": videos, "hop": said.hop, "meaning": said.meaning}
        if name + TIMES in samples and (steps := samples[name + TIMES].steps):
            hop = float(np.median(steps))
            told |= {"hop": hop, "uneven": bool(np.ptp(steps) > 0.02 * max(hop, 0))}
        measured.append(replace(samples[name].finish(name, said), **told))
    return measured


def _examples(
    source: Source, splits: Sequence[str], view: View, names: Sequence[str]
) -> Iterator[Mapping[str, np.ndarray]]:
    # Silent videos keep their rows of "audio" where a view names it among its rows.
    wanted = replace(
        view, arrays={name: name for name in names}, means=False, vectors=False, theme=False,
        frames=None, rows={"audio": ()},
    )  # fmt: skip
    for split in splits:
        dataset = source.read(split, wanted)
        chosen = dataset.map(lambda example: {n: example[n] for n in names})
        with progress.counting(f"measuring {split}", "videos") as told:
            for example in chosen.as_numpy_iterator():
                told.advance()
                yield example


class _Sample:
    """The rows of one array as they come, looked at some at a time."""

    def __init__(self) -> None:
        self.moments: Moments | None = None
        self.waiting: list[np.ndarray] = []
        self.size = self.values = self.rows = 0
        self.steps: list[float] = []  # of times: from each to the next

    def add(self, array: np.ndarray) -> None:
        """Takes the rows of a video, (rows, ..., width), or the times of some, (rows,)."""
        self.values += array.size
        if array.ndim == 1:
            self.steps += np.diff(array.astype(np.float64)).tolist()
            return
        rows = array.reshape(-1, array.shape[-1])
        self.waiting.append(rows)
        self.rows += len(rows)
        self.size += array.size
        if self.size >= _BLOCK:
            self._look()

    def full(self, most_bytes: int) -> bool:
        """Whether there is as much as may be."""
        return self.values * 4 >= most_bytes or self.rows >= _ROWS

    def finish(self, name: str, described: Field) -> ArrayStatistics:
        """Returns what the rows tell."""
        self._look()
        width = described.shape[-1] or 0
        if self.moments is None:
            return ArrayStatistics(name, width)
        return ArrayStatistics(name, self.moments.width, **self.moments.result())

    def _look(self) -> None:
        if self.waiting:
            rows = np.concatenate(self.waiting)
            self.moments = self.moments or Moments(rows.shape[1])
            self.moments.add(rows)
        self.waiting, self.size = [], 0
