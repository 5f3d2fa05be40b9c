"""Reads judgements of which of two tracks fits a video better, as `triples:PATH`."""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data.comparisons import corpora, table
from kavc.data.comparisons.corpora import TRACKS, VIDEOS, Described
from kavc.data.comparisons.division import Rows, divided, overlaps
from kavc.data.comparisons.table import Comparisons, read_comparisons
from kavc.data.layouts import Reader, View
from kavc.data.roster import Roster
from kavc.data.schema import ExampleSpec
from kavc.data.source import Source
from kavc.data.splits import check_name
from kavc.errors import DataError
from kavc.inputs.opening import named, sha256

A, B = "_a", "_b"  # behind the name of a track's array: of which of both tracks it is
KINDS = {VIDEOS: "visual", TRACKS: "audio"}  # what the first array of a corpus tells


@dataclass(frozen=True, eq=False)
class Judged:
    """The judgements of a source.

    Args:
        table: all of them.
        rows: split name to (n,) int64 rows of the table.
        files: the tables that decide what there is.
        notes: sentences for a report.
    """

    table: Comparisons
    rows: Rows
    files: Sequence[Path]
    notes: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Names the tables in messages."""
        return named(self.files[0])

    def of(self, split: str) -> np.ndarray:
        """Returns the rows of a split.

        Raises:
            DataError: no such split.

        Example:
            judged = TriplesReader().judged(Source.parse("triples:judged"), view)
            judged.table.answer[judged.of("train")]
        """
        if check_name(split) not in self.rows:
            raise DataError(f"no split {split!r}; there are: {', '.join(self.rows)}")
        return self.rows[split]


class ComparisonReader(Reader):
    """What readers of judgements share: features of videos and tracks in two corpora beside them.

    An example is a dict of "id", "video", "track_a", "track_b" and "rater", () strings; each array
    of the view by its name, (rows, ...) float32; for each name N of the view's tracks "N_a" and
    "N_b", (rows, ...) float32; and "answer" () int32, 0 where a is preferred and 1 where b is.
    Videos and tracks may have no rows of an array.

    Reference:
        Langlois, 2019, section 2.2, of the question that is asked.
    """

    @abc.abstractmethod
    def judged(self, source: Source, view: View) -> Judged:
        """Returns the judgements of a source, in splits."""

    def asked(self, judged: Judged, name: str) -> dict[bytes, int]:
        """Returns the ids that a corpus must have, each with the first line that needs it."""
        found = judged.table
        columns = found.tracks() if name == TRACKS else found.video[:, None]
        lines = np.repeat(found.lines, columns.shape[1])
        pairs = zip(columns.ravel()[::-1], lines[::-1].tolist(), strict=True)
        return dict(sorted(dict(pairs).items(), key=lambda pair: pair[1]))

    def loaded(
        self, found: Source, view: View, name: str, ids: set[bytes], judged: Judged
    ) -> corpora.Rows:
        """Reads what a corpus, `name`, has of some videos or tracks, by the table's ids."""
        del judged
        return corpora.load(found, _arrays(view, name), view, ids)

    def described(self, source: Source, view: View, judged: Judged) -> dict[str, Described]:
        """Returns what both corpora hold, by name.

        Raises:
            DataError: one is missing or damaged, or lacks what the view or the table asks for.
        """
        found = {}
        for name in (VIDEOS, TRACKS):
            arrays = _arrays(view, name)
            sub = corpora.needed(source, name)
            found[name] = corpora.described(sub, arrays, view, KINDS[name])
            self.check_there(judged, name, found[name].ids)
        return found

    def check_there(self, judged: Judged, name: str, ids: np.ndarray) -> None:
        """Raises unless a corpus has all that the judgements are of."""
        asked = self.asked(judged, name)
        corpora.check_there(asked, ids.tolist(), table=judged.name, name=name)

    def describe(self, source: Source, view: View) -> dict[str, Any]:
        _check(view)
        judged = self.judged(source, view)
        return self.told(judged, self.described(source, view, judged))

    def told(self, judged: Judged, found: Mapping[str, Described]) -> dict[str, Any]:
        """Returns what `describe` does, of judgements and what both corpora hold."""
        shapes = {name: shape for each in found.values() for name, shape in each.rows.items()}
        extractors = {n: by for each in found.values() for n, by in each.extractors.items()}
        rosters = self.rosters(judged, found)
        return {
            "counts": {split: len(rows) for split, rows in judged.rows.items()},
            "widths": {name: shape[-1] if shape else 1 for name, shape in shapes.items()},
            "shapes": shapes,
            "classes": table.ANSWERS,
            "fingerprint": _fingerprint(judged.files, found),
            "notes": (
                *judged.notes,
                *overlaps(judged.table, judged.rows),
                *_nothing_there(rosters),
            ),
            "rosters": rosters,
            **({"extractors": extractors} if extractors else {}),
        }

    def rosters(self, judged: Judged, found: Mapping[str, Described]) -> dict[str, Roster]:
        """Returns who is in each split, with the answers as labels."""
        all_ = judged.table
        told = {
            name: dict(zip(each.ids.tolist(), each.there.tolist(), strict=True))
            for name, each in found.items()
        }
        of_track, of_video = told.get(TRACKS, {}), told.get(VIDEOS, {})
        heard = np.array([[of_track.get(self.of_corpus(judged, track), True) for track in pair]
                          for pair in all_.tracks()], bool).reshape(-1, 2)  # fmt: skip
        seen = np.array([of_video.get(video, True) for video in all_.video], bool)
        whole = Roster(
            all_.ids, all_.answer.astype(np.int64), np.arange(len(all_) + 1), heard.all(1), seen
        )
        return {split: whole.select(rows) for split, rows in judged.rows.items()}

    def of_corpus(self, judged: Judged, track: bytes) -> bytes:
        """Returns the id under which the corpus has a track of the table."""
        del judged
        return track

    def read(self, source: Source, split: str, view: View) -> tf.data.Dataset:
        _check(view)
        judged = self.judged(source, view)
        rows = judged.of(split)
        sources = {name: corpora.needed(source, name) for name in (VIDEOS, TRACKS)}
        all_ = judged.table
        ids = {VIDEOS: set(all_.video[rows]), TRACKS: set(all_.tracks()[rows].ravel())}
        loaded = {}
        for name, sub in sources.items():
            there = corpora.described(sub, _arrays(view, name), view, KINDS[name])
            self.check_there(judged, name, there.ids)
            loaded[name] = self.loaded(sub, view, name, ids[name], judged)
        return _examples(all_, rows, loaded[VIDEOS], loaded[TRACKS])

    def compares(self, source: Source) -> bool:
        return True

    def corpora(self, source: Source) -> Mapping[str, Source]:
        found = {name: corpora.corpus(source.path, name) for name in (VIDEOS, TRACKS)}
        return {name: sub for name, sub in found.items() if sub is not None}

    def arrays(self, source: Source) -> Sequence[ExampleSpec]:
        return [
            {f"{name}/{array}": field for group in sub.arrays() for array, field in group.items()}
            for name, sub in self.corpora(source).items()
        ]

    def extractors(self, source: Source) -> Mapping[str, str]:
        return {
            f"{name}/{array}": by
            for name, sub in self.corpora(source).items()
            for array, by in sub.extractors().items()
        }


class TriplesReader(ComparisonReader):
    """A table of judgements of your own, and the two corpora that `kavc extract` makes.

    Ids are VIDEO|TRACK_A|TRACK_B[|RATER]. A splits file lists them; else the column "split"
    decides, else the hash of the video's id, the tracks' or both, as `View.split_by` says.
    """

    def judged(self, source: Source, view: View) -> Judged:
        file = source.path / table.NAME
        found = read_comparisons(file)
        rows, notes = divided(source, view, found, file)
        return Judged(found, rows, [file], notes)

    def title(self, source: Source) -> str:
        return f"own judgements ({source.path.name})"


def _arrays(view: View, name: str) -> Mapping[str, str]:
    return view.tracks if name == TRACKS else view.arrays


def _check(view: View) -> None:
    if view.means or view.theme:
        raise ValueError("comparisons are read row by row, and have no themes")
    if both := set(view.arrays) & set(view.tracks):
        raise ValueError(f"{min(both)!r} names an array of the videos and one of the tracks")


def _nothing_there(rosters: Mapping[str, Roster]) -> list[str]:
    """Returns a sentence for each split in which tracks are silent, or nothing is seen."""
    found = []
    for split, roster in rosters.items():
        for what, there in (("a silent track", roster.heard), ("an unseen video", roster.seen)):
            if count := int(np.sum(~there)):
                found.append(f"{split}: {count} of {len(roster)} judgements are of {what}; kept")
    return found


def _fingerprint(files: Sequence[Path], found: Mapping[str, Described]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name} {sha256(file)}\n".encode())
    for name, each in found.items():
        digest.update(f"{name} {each.fingerprint}\n".encode())
    return digest.hexdigest()


def _examples(
    all_: Comparisons, rows: np.ndarray, videos: corpora.Rows, tracks: corpora.Rows
) -> tf.data.Dataset:
    """Yields judgements in their order, from arrays that are in memory."""
    texts = ("video", "track_a", "track_b", "rater")
    columns = {"id": tf.constant(all_.ids[rows], tf.string)}
    columns |= {name: tf.constant(getattr(all_, name)[rows], tf.string) for name in texts}
    columns["answer"] = tf.constant(all_.answer[rows])
    places = (videos.of(all_.video[rows]), tracks.of(all_.track_a[rows]),
              tracks.of(all_.track_b[rows]))  # fmt: skip
    seen, heard = corpora.tensors(videos), corpora.tensors(tracks)

    @tf.autograph.experimental.do_not_convert
    def example(told: dict[str, tf.Tensor], place: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        video, a, b = place
        arrays = {name: _taken(stored, video) for name, stored in seen.items()}
        for name, stored in heard.items():
            arrays |= {f"{name}{A}": _taken(stored, a), f"{name}{B}": _taken(stored, b)}
        return {**told, **arrays}

    numbered = tf.data.Dataset.from_tensor_slices((columns, places))
    return numbered.map(example)


def _taken(stored: tuple[tf.Tensor, tf.Tensor, tf.Tensor], place: tf.Tensor) -> tf.Tensor:
    values, starts, lengths = stored
    start = starts[place]
    found = values[start : start + lengths[place]]
    return tf.ensure_shape(found, (None, *values.shape[1:]))
