"""Reads MGSV's published manifests as judgements, `mgsv:PATH`: the song that was used, or another.

Each row is a short video and the moment of the song that was put under it. That moment is set
against the moment of another song, which was put under another video of the same split.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data.comparisons import corpora
from kavc.data.comparisons.corpora import TRACKS, VIDEOS
from kavc.data.comparisons.division import check_split_by, divided
from kavc.data.comparisons.reader import ComparisonReader, Judged
from kavc.data.comparisons.table import BETWEEN, Comparisons, check_text
from kavc.data.features.header import TIMES, read_header
from kavc.data.layouts import View
from kavc.data.membership import hash_split
from kavc.data.source import Source
from kavc.data.splits import SPLITS
from kavc.errors import DataError
from kavc.inputs.columns import check_not_misspelt
from kavc.inputs.opening import named
from kavc.inputs.table import read_table

PATTERN = "mgsv_*_data.csv"
MAX_BYTES = 256 * 2**20
NEEDED = ("video_id", "music_id", "music_start", "music_end", "music_total_duration")
OF_FILE = {"train": "train", "val": "validation", "valid": "validation",
           "validation": "validation", "test": "test"}  # fmt: skip
SEED = 0  # of which other song a video gets
AT = "@"  # between a song and the second at which its moment begins


@dataclass(frozen=True)
class Moment:
    """A video, and what was put under it.

    Args:
        video, song: ids.
        start, end: seconds of the song.
        length: of the song, seconds.
        split: as the file's name says; None where it says none.
        file, line: where it stands.
        id: names the moment in a judgement: SONG@START, as it is written, with -END where others
            begin there and end elsewhere.
    """

    video: str
    song: str
    start: float
    end: float
    length: float
    split: str | None
    file: str
    line: int
    id: bytes = b""


@dataclass(frozen=True, eq=False)
class Moments(Judged):
    """Judgements, and the moments that they are of.

    Args:
        moments: by their ids.
    """

    moments: Mapping[bytes, Moment] = field(default_factory=dict)

    @property
    def name(self) -> str:
        files = [file.name for file in self.files]
        return super().name if len(files) == 1 else named(self.files[0].with_name(PATTERN))


class MgsvReader(ComparisonReader):
    """Published manifests, `mgsv_*_data.csv`, and the two corpora that `kavc extract` makes.

    Videos are named by `video_id`, songs by `music_id`; of a song those rows are read that begin
    within the moment, by the times that its corpus has. A judgement's tracks are MUSIC_ID@START.
    The names of the files say the splits; else the hash of the ids, as `View.split_by` says. Where
    the corpora are missing, what the manifests hold is described all the same.

    Reference:
        Xin et al., 2025, "Music Grounding by Short Video" (arXiv 2408.16990).
    """

    def judged(self, source: Source, view: View) -> Moments:
        by = check_split_by(view)
        files = sorted(source.path.glob(PATTERN))
        if not files:
            raise DataError(f"{source}: no {PATTERN} in the folder itself")
        told = _named([moment for file in files for moment in _read(file)])
        _check_once(told, source)
        groups, dropped = _groups(told, by)
        table = _judgements(told, groups, source)
        rows, notes = divided(source, view, table, files[0])
        moments = {moment.id: moment for moment in told}
        notes = [*_counted(told, rows), *dropped, *notes]
        return Moments(table, rows, files, notes, moments)

    def describe(self, source: Source, view: View) -> dict[str, Any]:
        if missing := [n for n in (VIDEOS, TRACKS) if corpora.corpus(source.path, n) is None]:
            return self._without_features(source, view, missing)
        return super().describe(source, view)

    def _without_features(
        self, source: Source, view: View, missing: Sequence[str]
    ) -> dict[str, Any]:
        judged = self.judged(source, view)
        notes = [
            f"no features: no corpus in {name}/; make it: {corpora.command(source.path, name)}"
            for name in missing
        ]
        told = self.told(judged, {})
        return {**told, "notes": (*told["notes"], *notes)}

    def asked(self, judged: Judged, name: str) -> dict[bytes, int]:
        asked = super().asked(judged, name)
        if name == VIDEOS:
            return asked
        of_song: dict[bytes, int] = {}
        for moment, line in asked.items():
            of_song.setdefault(self.of_corpus(judged, moment), line)
        return of_song

    def of_corpus(self, judged: Judged, track: bytes) -> bytes:
        assert isinstance(judged, Moments)
        return judged.moments[track].song.encode()

    def loaded(
        self, found: Source, view: View, name: str, ids: set[bytes], judged: Judged
    ) -> corpora.Rows:
        if name == VIDEOS:
            return super().loaded(found, view, name, ids, judged)
        assert isinstance(judged, Moments)
        moments = [judged.moments[id_] for id_ in sorted(ids)]
        header = read_header(found.path)
        times = {n: f"{n}{TIMES}" for n in view.tracks.values() if f"{n}{TIMES}" in header.times}
        arrays = {**view.tracks, **{there: there for there in times.values()}}
        songs = {moment.song.encode() for moment in moments}
        whole = corpora.load(found, arrays, replace(view, vectors=False), songs)
        hops = {n: header.arrays[n].hop for n in view.tracks.values() if n in header.arrays}
        return _cut(whole, moments, view.tracks, times, hops)

    def title(self, source: Source) -> str:
        return f"MGSV ({source.path.name})"


def _read(file: Path) -> list[Moment]:
    where = named(file)
    names, records = read_table(file, most=MAX_BYTES)
    for name in NEEDED:
        if name not in names:
            check_not_misspelt(name, [n for n in names if n not in NEEDED], f"{where}: column",
                               words=False)  # fmt: skip
            raise DataError(f"{where}: no column {name!r}; it has {', '.join(names[:20])}")
    words = [word for word in re.split(r"[\W_]+", file.stem.lower()) if word in OF_FILE]
    split = OF_FILE[words[-1]] if words else None
    moments = [_moment(record, split, line, where) for line, record in records]
    if not moments:
        raise DataError(f"{where}: the table has no rows")
    return moments


def _moment(record: Mapping[str, str], split: str | None, line: int, file: str) -> Moment:
    where = f"{file}, line {line}"
    for name in NEEDED[:2]:
        check_text(name, record[name], where)
    start, end, length = (_seconds(record[name], name, where) for name in NEEDED[2:])
    if not start < end:
        raise DataError(f"{where}: music_end {end} is not after music_start {start}")
    id_ = f"{record['music_id']}{AT}{record['music_start'].strip()}".encode()
    return Moment(
        record["video_id"], record["music_id"], start, end, length, split, file, line, id_
    )


def _named(told: Sequence[Moment]) -> list[Moment]:
    """Tells moments apart that begin alike and end elsewhere."""
    ends: dict[bytes, set[float]] = {}
    for moment in told:
        ends.setdefault(moment.id, set()).add(moment.end)
    return [
        moment
        if len(ends[moment.id]) == 1
        else replace(moment, id=moment.id + f"-{moment.end:.12g}".encode())
        for moment in told
    ]


def _seconds(text: str, name: str, where: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise DataError(f"{where}: {name} {text[:40]!r}; expected seconds, 0 or more")
    return found


def _check_once(told: Sequence[Moment], source: Source) -> None:
    first: dict[str, Moment] = {}
    for moment in told:
        other = first.setdefault(moment.video, moment)
        if other is not moment:
            raise DataError(f"{source}: video {moment.video!r} is in {other.file}, line"
                            f" {other.line}, and in {moment.file}, line {moment.line}; each is"
                            " expected once")  # fmt: skip


def _groups(told: Sequence[Moment], by: str) -> tuple[np.ndarray, list[str]]:
    """Returns the split of each row, (n,) objects, None where it is dropped; and what was."""
    if all(moment.split is not None for moment in told):
        return np.array([moment.split for moment in told], object), []
    videos = hash_split(tf.constant([moment.video for moment in told])).numpy()
    songs = hash_split(tf.constant([moment.song for moment in told])).numpy()
    place = songs if by == "track" else videos
    found = np.array(SPLITS, object)[place]
    notes = [f"no published split: 80/10/10 by the hash of the id, by {by}"]
    if by == "both":
        found[videos != songs] = None
        notes[0] += f"; {int(np.sum(videos != songs)):,} of {len(told):,} rows are dropped"
    return found, notes


def _judgements(told: Sequence[Moment], groups: np.ndarray, source: Source) -> Comparisons:
    """Sets each moment against that of another song of its split."""
    partner = np.full(len(told), -1)
    for split in SPLITS:
        if len(rows := np.flatnonzero(groups == split)):
            partner[rows] = rows[_others([told[row] for row in rows], split, source)]
    rows = np.flatnonzero(partner >= 0)
    used = [told[row] for row in rows]
    others = [told[row] for row in partner[rows]]
    answer = np.array([_coin(moment.video) for moment in used], np.int32)
    pairs = [(one.id, other.id) for one, other in zip(used, others, strict=True)]
    a = [pair[second] for pair, second in zip(pairs, answer, strict=True)]
    b = [pair[1 - second] for pair, second in zip(pairs, answer, strict=True)]
    video = [moment.video.encode() for moment in used]
    ids = [BETWEEN.encode().join(parts) for parts in zip(video, a, b, strict=True)]
    return Comparisons(
        ids=np.array(ids, object),
        video=np.array(video, object),
        track_a=np.array(a, object),
        track_b=np.array(b, object),
        rater=np.array([b""] * len(used), object),
        answer=answer,
        split=groups[rows],
        lines=np.array([moment.line for moment in used], np.int64),
    )


def _others(moments: Sequence[Moment], split: str, source: Source) -> np.ndarray:
    """Returns for each moment one of another song, each once: (n,) int64.

    Rows of one song stand together, songs in an order drawn at random; a shift by as many rows as
    the most common song has leads to another song.
    """
    rng = np.random.default_rng(SEED)
    songs, of = np.unique([moment.song for moment in moments], return_inverse=True)
    counts = np.bincount(of)
    if 2 * counts.max() > len(moments):
        most = str(songs[counts.argmax()])
        raise DataError(f"{source}: {split} has {len(moments)} rows, {counts.max()} of them of song"
                        f" {most!r}; no other song is left for each")  # fmt: skip
    videos = np.argsort([moment.video for moment in moments], kind="stable")
    rank = np.empty(len(moments), np.int64)
    rank[videos] = rng.permutation(len(moments))  # whatever the order of the rows
    order = np.lexsort((rank, rng.permutation(len(songs))[of]))
    found = np.empty(len(moments), np.int64)
    found[order] = np.roll(order, -int(counts.max()))
    return found


def _coin(video: str) -> int:
    """Returns 0 or 1, by the id alone: whether the song that was used is a or b."""
    return hashlib.sha256(f"order {video}".encode()).digest()[0] & 1


def _counted(told: Sequence[Moment], rows: Mapping[str, np.ndarray]) -> Iterator[str]:
    songs, moments = {m.song for m in told}, {m.id for m in told}
    yield (f"{len(told):,} videos, {len(songs):,} songs, {len(moments):,} moments of them; a moment"
           f" has {np.mean([m.end - m.start for m in told]):.1f} s, its song"
           f" {np.mean([m.length for m in told]):.1f} s on average")  # fmt: skip
    if len(rows) == 1:
        yield (f"all are for {next(iter(rows))}, as the file's name says; a splits file (--splits)"
               " with ids can say otherwise")  # fmt: skip


def _cut(
    whole: corpora.Rows,
    moments: Sequence[Moment],
    arrays: Mapping[str, str],
    times: Mapping[str, str],
    hops: Mapping[str, float | None],
) -> corpora.Rows:
    """Returns the rows of moments, from those of their songs.

    Args:
        whole: of the songs, with their times.
        moments: each is one track.
        arrays: name in the view to name in the data.
        times: name of an array in the data to that of its times.
        hops: to seconds from row to row, where they are known.
    """
    song = whole.of(moment.song.encode() for moment in moments)
    starts, lengths = {}, {}
    for name, there in arrays.items():
        firsts, counts = np.empty(len(moments), np.int64), np.empty(len(moments), np.int64)
        for number, (moment, row) in enumerate(zip(moments, song, strict=True)):
            begin, rows = whole.starts[name][row], whole.lengths[name][row]
            seconds: np.ndarray | None = None  # without times and a hop all rows are taken
            if there in times:
                at = whole.starts[times[there]][row]
                seconds = whole.values[times[there]][at : at + rows]
            elif hop := hops.get(there):
                seconds = np.arange(rows) * hop
            first, last = (0, rows) if seconds is None else _within(seconds, moment)
            if seconds is not None and first == last and rows:
                raise DataError(
                    f"track {moment.song!r}: its rows end at {seconds[-1]:.2f} s, and its moment "
                    f"begins at {moment.start:g} s; extract the whole song, or leave it out"
                )
            firsts[number], counts[number] = begin + first, last - first
        starts[name], lengths[name] = firsts, counts
    place = {moment.id: number for number, moment in enumerate(moments)}
    return corpora.Rows(place, {name: whole.values[name] for name in arrays}, starts, lengths)


def _within(seconds: np.ndarray, moment: Moment) -> tuple[int, int]:
    """Returns the first row that begins within a moment, and the first after it.

    A moment that is shorter than a row has the one that it lies in; one after the last row, none.
    """
    seconds = np.asarray(seconds, np.float64)
    near = 1e-4  # of what float32 makes of a time
    first, last = np.searchsorted(seconds, [moment.start - near, moment.end - near])
    step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else math.inf
    if first == last and len(seconds) and moment.start < seconds[-1] + step:
        first = max(int(first) - 1, 0)
        last = first + 1
    return int(first), int(last)
