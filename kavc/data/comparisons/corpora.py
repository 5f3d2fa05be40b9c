"""The two corpora of features beside a table of judgements: `videos/` and `tracks/`.

Whatever splits they have is left aside: the splits are those of the judgements.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data.damage import data_errors
from kavc.data.features.header import NAME, read_header
from kavc.data.features.reader import FeaturesReader
from kavc.data.ids import shown, spelling_hint
from kavc.data.layouts import View
from kavc.data.source import Source
from kavc.data.splits import Part
from kavc.data.views import example_spec
from kavc.errors import DataError

VIDEOS, TRACKS = "videos", "tracks"
MADE_OF = {  # what each is extracted from, in a command, as the published features are
    VIDEOS: "CLIPS --for music-match --only visual,flow",
    TRACKS: "TRACKS --for music-match --only audio",
}
WHOLE = "train"  # the one split as which all of a corpus is read


@dataclass(frozen=True, eq=False)
class Described:
    """What a corpus holds of the arrays of a view.

    Args:
        ids: (n,) object, bytes.
        there: (n,) bool. Whether there is something to hear, or to see, in the first array.
        fields: name in the view to the shape of a row.
        fingerprint: hexadecimal.
        extractors: name in the view to what made it, where that is known.
    """

    ids: np.ndarray
    there: np.ndarray
    rows: Mapping[str, tuple[int, ...]]
    fingerprint: str
    extractors: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Rows:
    """Arrays of some videos or tracks, in memory: all rows one after another.

    Args:
        place: id to its number.
        values: array to (rows, ...) float32.
        starts, lengths: array to (n,) int64; where each video's or track's rows are.

    Example:
        >>> starts, lengths = {"audio": np.array([0, 2])}, {"audio": np.array([2, 1])}
        >>> rows = Rows({b"a": 0, b"b": 1}, {"audio": np.zeros((3, 128))}, starts, lengths)
        >>> rows.of([b"b", b"a"]).tolist()
        [1, 0]
    """

    place: Mapping[bytes, int]
    values: Mapping[str, np.ndarray]
    starts: Mapping[str, np.ndarray]
    lengths: Mapping[str, np.ndarray]

    def of(self, ids: Iterable[bytes]) -> np.ndarray:
        """Returns the numbers of some ids: (n,) int64."""
        return np.array([self.place[id_] for id_ in ids], np.int64)


def corpus(folder: Path, name: str) -> Source | None:
    """Returns the corpus of that name, as a source of one split; None where there is none."""
    if not (folder / name / NAME).is_file():
        return None
    return Source("features", folder / name, said={WHOLE: Part(globs=("*.tfrecord",))})


def command(folder: Path, name: str) -> str:
    """Returns the command that makes a corpus.

    >>> command(Path("judged"), "tracks")
    'kavc extract TRACKS --for music-match --only audio --out judged/tracks'
    """
    return f"kavc extract {MADE_OF[name]} --out {folder / name}"


def needed(source: Source, name: str) -> Source:
    """Returns the corpus of that name.

    Raises:
        DataError: there is none; it names the command that makes it.
    """
    found = corpus(source.path, name)
    if found is None:
        raise DataError(f"{source}: no corpus of features in {name}/ (no {name}/{NAME}); make it:"
                        f" {command(source.path, name)}")  # fmt: skip
    return found


def described(found: Source, arrays: Mapping[str, str], view: View, kind: str) -> Described:
    """Looks at a corpus without reading its features.

    Args:
        found: as `corpus` gives it.
        arrays: name in the view to name in the data.
        view: says which rows are allowed.
        kind: "audio" or "visual": whether the first of `arrays` is heard or seen.

    Raises:
        DataError: it is damaged, or lacks an array.
    """
    rows = {name: view.rows[name] for name in arrays if name in view.rows}
    told = found.describe(View(arrays, vectors=view.vectors, rows=rows))
    first = dict([(kind, there) for there in arrays.values()][:1])
    roster = found.describe(View(first, vectors=view.vectors))["rosters"][WHOLE]
    header = read_header(found.path)
    fields = {n: {**header.arrays, **header.times}[there] for n, there in arrays.items()}
    spec = example_spec(fields, View(arrays))
    return Described(
        roster.ids,
        roster.heard if kind == "audio" else roster.seen,
        {name: tuple(n or 0 for n in spec[name].shape[1:]) for name in arrays},
        told["fingerprint"],
        told.get("extractors", {}),
    )


def check_there(
    asked: Mapping[bytes, int], there: Iterable[bytes], *, table: str, name: str
) -> None:
    """Raises unless a corpus has all videos, or tracks, that a table asks for.

    Args:
        asked: id to the line that asks for it first.
        there: ids of the corpus.
        table: names the table in the message.
        name: of the corpus, "videos" or "tracks".

    Raises:
        DataError: some are missing; it says how many, the first, and what is spelt nearly so.

    Example:
        >>> check_there({b"v1": 2}, [b"v10"], table="a.csv", name="videos")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: a.csv, line 2: video 'v1' is not in videos/; ...; did you mean 'v10'?
    """
    known = set(there)
    if not (missing := [id_ for id_ in asked if id_ not in known]):
        return
    first, names = shown(missing[0]), sorted(map(shown, known))
    hint = spelling_hint([first], set(names))
    if not hint and (near := difflib.get_close_matches(first, names, 1)):
        hint = f"; did you mean {near[0]!r}?"
    raise DataError(f"{table}, line {asked[missing[0]]}: {name[:-1]} {first!r} is not in {name}/;"
                    f" {len(missing)} of {len(asked)} are not: extract them, or take their rows out"
                    f"{hint}")  # fmt: skip


def load(found: Source, arrays: Mapping[str, str], view: View, wanted: Iterable[bytes]) -> Rows:
    """Reads arrays of some videos or tracks into memory, each once.

    Args:
        found: as `corpus` gives it.
        arrays: name in the view to name in the data.
        view: as of `described`.
        wanted: ids.

    Raises:
        DataError: a record is damaged or does not fit.
    """
    asked = View(arrays, vectors=view.vectors)
    place: dict[bytes, int] = {}
    values: dict[str, list[np.ndarray]] = {name: [] for name in arrays}
    lengths: dict[str, list[np.ndarray]] = {name: [] for name in arrays}
    open_ = set(wanted)
    with data_errors():
        for batch in FeaturesReader().read_batches(found, WHOLE, asked).prefetch(1):
            keep = _fresh(batch["id"].numpy(), open_, place)
            for name in arrays:
                each = batch[name].row_lengths().numpy()
                rows = batch[name].values.numpy()
                values[name].append(rows if keep.all() else rows[np.repeat(keep, each)])
                lengths[name].append(each[keep])
    whole, counts, starts = {}, {}, {}
    for name in arrays:
        whole[name] = np.concatenate(values.pop(name))
        counts[name] = np.concatenate(lengths[name]).astype(np.int64)
        starts[name] = np.cumsum(counts[name]) - counts[name]
    return Rows(place, whole, starts, counts)


def _fresh(ids: np.ndarray, wanted: set[bytes], place: dict[bytes, int]) -> np.ndarray:
    """Gives those of some ids that are wanted a number; returns which these are, (n,) bool."""
    keep = np.zeros(len(ids), bool)
    for row, id_ in enumerate(ids):
        if id_ in wanted:
            wanted.discard(id_)  # what comes again is left out
            place[id_] = len(place)
            keep[row] = True
    return keep


def tensors(rows: Rows) -> dict[str, tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """Returns array to values, starts and lengths, on the CPU: they may be larger than a GPU."""
    with tf.device("CPU:0"):
        return {
            name: (
                tf.convert_to_tensor(values),
                tf.constant(rows.starts[name]),
                tf.constant(rows.lengths[name]),
            )
            for name, values in rows.values.items()
        }
