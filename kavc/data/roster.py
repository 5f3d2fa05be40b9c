"""Who is in a split, and with which labels, without features: what must be known before a training.

A roster is made in one pass over the records. From it follow whether the splits are apart, whether
a list of ids names videos that there are, how many videos a store will keep, and a digest by which
two runs can be told to have had the same examples.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from kavc import progress
from kavc.data.damage import data_errors
from kavc.data.ids import shown, spelling_hint
from kavc.data.pairing import distinct
from kavc.data.splits import Part
from kavc.errors import ConfigError, DataError

SILENT = ("drop", "keep")
_NAMED = 5  # ids that a message names
_KINDS = (object, np.int64, np.int64, bool, bool)  # of ids, labels, lengths, heard, seen


@dataclass(frozen=True, eq=False)
class Roster:
    """The videos of a split: ids and labels, and whether there is something to hear and to see.

    Args:
        ids: (videos,) bytes, in the order in which they are read; an id may come twice.
        labels: (sum,) int64. All videos' labels, one after another; a theme is one label each.
        label_splits: (videos + 1,) int64. Video i has the labels from `label_splits[i]` on.
        heard: (videos,) bool. Whether a video has sound that is not silence.
        seen: (videos,) bool. Whether it has at least one frame.

    Example:
        >>> there = np.array([True, True])
        >>> ids, labels = np.array([b"a", b"b"], object), np.array([3, 0, 1])
        >>> roster = Roster(ids, labels, np.array([0, 2, 3]), there, there)
        >>> len(roster), roster.label_counts(4).tolist()
        (2, [1, 1, 0, 1])
    """

    ids: np.ndarray
    labels: np.ndarray
    label_splits: np.ndarray
    heard: np.ndarray
    seen: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: np.ndarray) -> Roster:
        """Returns the roster of some rows, in their order.

        Args:
            rows: (n,) integers, or (videos,) bool.
        """
        rows = np.arange(len(self))[rows]
        lengths = np.diff(self.label_splits)[rows]
        splits = np.concatenate([[0], np.cumsum(lengths)])
        within = np.arange(splits[-1]) - np.repeat(splits[:-1], lengths)
        labels = self.labels[np.repeat(self.label_splits[:-1][rows], lengths) + within]
        return Roster(self.ids[rows], labels, splits, self.heard[rows], self.seen[rows])

    def first(self) -> np.ndarray:
        """Returns which videos have an id that did not come before: (videos,) bool."""
        first = np.zeros(len(self), bool)
        first[distinct(self.ids)] = True
        return first

    def usable(self, silent: str) -> np.ndarray:
        """Returns the rows that a store keeps: first of their id, with frames and with sound.

        Args:
            silent: "drop" or "keep" the videos without sound, as a store does.

        Returns:
            (n,) int64, ascending.

        Raises:
            ConfigError: unknown value of `silent`.

        Example:
            >>> ids, labels = np.array([b"a", b"a", b"b"], object), np.array([3, 0, 1])
            >>> heard, seen = np.array([True, True, False]), np.array([True, True, True])
            >>> roster = Roster(ids, labels, np.arange(4), heard, seen)
            >>> roster.usable("drop").tolist(), roster.usable("keep").tolist()
            ([0], [0, 2])
        """
        if silent not in SILENT:
            raise ConfigError(f"silent must be one of {SILENT}; got {silent!r}")
        heard = self.heard | (silent == "keep")
        return np.flatnonzero(self.first() & heard & self.seen)

    def theme(self, rows: np.ndarray) -> np.ndarray:
        """Returns the themes of some rows, where a video's one label is its theme: (n,) int64."""
        return self.labels[self.label_splits[rows]]

    def label_counts(self, classes: int, rows: np.ndarray | None = None) -> np.ndarray:
        """Returns how many times each label, or theme, is given: (classes,) int64.

        Args:
            classes: number of labels.
            rows: optional. Counts these rows alone, as `usable` gives them.
        """
        labels = self.labels if rows is None else self.select(rows).labels
        return np.bincount(labels, minlength=classes)

    def multi_hot(self, classes: int, rows: np.ndarray) -> np.ndarray:
        """Returns which labels some rows have: (n, classes) bool.

        Args:
            classes: number of labels.
            rows: integers, as `usable` gives them.

        Example:
            >>> there = np.array([True, True])
            >>> ids, labels = np.array([b"a", b"b"], object), np.array([3, 0, 1])
            >>> roster = Roster(ids, labels, np.array([0, 2, 3]), there, there)
            >>> roster.multi_hot(4, np.array([0])).astype(int).tolist()
            [[1, 0, 0, 1]]
        """
        chosen = self.select(rows)
        has = np.zeros((len(chosen), classes), bool)
        has[np.repeat(np.arange(len(chosen)), np.diff(chosen.label_splits)), chosen.labels] = True
        return has

    def digest(self, classes: Sequence[str]) -> str:
        """Returns the SHA-256 of the ids with the names of their labels, in any order of videos.

        Labels of one video are a set. A name that several classes have, as "" in YouTube-8M, is
        taken with the label's index.

        Args:
            classes: the labels' names, by index.

        Returns:
            Hexadecimal.

        Raises:
            DataError: a label has no name.

        Example:
            >>> there = np.array([True, True])
            >>> ids, labels = np.array([b"a", b"b"], object), np.array([0, 1])
            >>> roster = Roster(ids, labels, np.arange(3), there, there)
            >>> turned = roster.select(np.array([1, 0]))
            >>> roster.digest(["Dog", "Cat"]) == turned.digest(["Dog", "Cat"])
            True
            >>> roster.digest(["Dog", "Cat"]) == roster.digest(["Cat", "Dog"])
            False
        """
        check_labels(self, len(classes), "roster")
        times = Counter(classes)
        unique = [None if times[name] == 1 else index for index, name in enumerate(classes)]
        named = [json.dumps(both) for both in zip(classes, unique, strict=True)]
        labels = [named[label] for label in self.labels.tolist()]
        ends = itertools.pairwise(self.label_splits.tolist())
        videos = [
            (id_, sorted(set(labels[start:end])))
            for id_, (start, end) in zip(self.ids.tolist(), ends, strict=True)
        ]
        found = hashlib.sha256()
        for id_, names in sorted(videos):
            found.update(f"{len(id_)} {len(names)}\n".encode() + id_ + "\n".join(names).encode())
        return found.hexdigest()


def collect(batches: tf.data.Dataset, files: Sequence[Path] = ()) -> Roster:
    """Reads a data set once and keeps no features of it.

    Args:
        batches: data set of dicts "id" (batch,) string, "labels" (batch, ragged) integers, "heard"
            and "seen" (batch,) bool.
        files: TFRecord files that it reads, one of which a message names.

    Raises:
        DataError: a record is damaged or does not fit.

    Example:
        roster = collect(batches, files=["corpus/train-00000.tfrecord"])
        print(len(roster), "videos;", roster.heard.sum(), "with sound")
    """

    def flat(batch: dict) -> tuple[tf.Tensor, ...]:
        labels = batch["labels"]
        lengths = labels.row_lengths()
        return batch["id"], labels.values, lengths, batch["heard"], batch["seen"]

    nothing: tuple[list, ...] = ([], [], [0], [], [])
    came = [nothing]
    with data_errors(files), progress.counting("looking at videos", "videos") as told:
        for batch in batches.map(flat).prefetch(2).as_numpy_iterator():
            came.append(batch)
            told.advance(len(batch[0]))
    ids, labels, lengths, heard, seen = (
        np.concatenate([np.asarray(part, kind) for part in column])
        for column, kind in zip(zip(*came, strict=True), _KINDS, strict=True)
    )
    return Roster(ids, labels, np.cumsum(lengths), heard, seen)


def join(rosters: Sequence[Roster]) -> Roster:
    """Returns the videos of several rosters as one, in their order.

    Args:
        rosters: at least one.

    Example:
        >>> there = np.array([True])
        >>> one = Roster(np.array([b"a"], object), np.array([3, 0]), np.array([0, 2]), there, there)
        >>> join([one, one]).label_splits.tolist()
        [0, 2, 4]
    """
    lengths = [np.diff(roster.label_splits) for roster in rosters]
    splits = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    columns = {
        name: np.concatenate([getattr(roster, name) for roster in rosters])
        for name in ("ids", "labels", "heard", "seen")
    }
    return Roster(label_splits=splits, **columns)


def check_apart(rosters: Mapping[str, Roster], where: str) -> None:
    """Raises if a video is in two splits, whatever made them.

    Args:
        rosters: split name to roster.
        where: names the source in the message.

    Raises:
        DataError: ids are in two splits; it names some and says how many they are.

    Example:
        >>> there = np.array([True])
        >>> one = Roster(np.array([b"a"], object), np.array([3, 0]), np.array([0, 2]), there, there)
        >>> check_apart({"train": one, "test": one}, "llp:data")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: llp:data: 1 id ('a') is both in train and in test; ...
    """
    members = {split: set(roster.ids.tolist()) for split, roster in rosters.items()}
    shared = [
        f"{_some(both)} both in {one} and in {other}"
        for one, other in itertools.combinations(members, 2)
        if (both := members[one] & members[other])
    ]
    if shared:
        raise DataError(
            f"{where}: {'; '.join(shared)}; a video must be in one split: take the files or ids out"
            " of one (a splits file, --splits, can)"
        )


def check_listed(
    parts: Mapping[str, Part] | None, rosters: Mapping[str, Roster], where: str
) -> None:
    """Raises if a splits file lists ids that the data don't have.

    Args:
        parts: what the splits file says; None where there is none.
        rosters: split name to roster.
        where: names the splits file in the message.

    Raises:
        DataError: ids are not there; it names some and says how many they are.
    """
    for split, roster in rosters.items():
        listed = {id_.encode() for id_ in parts[split].ids} if parts else set()
        if missing := listed.difference(roster.ids.tolist()):
            hint = spelling_hint(map(shown, sorted(missing)), set(map(shown, roster.ids)))
            raise DataError(
                f"{where}: {split} lists {len(listed)} ids, of which {_some(missing)}"
                f" not in the data; take them out or add their files{hint}"
            )


def check_labels(roster: Roster, classes: int, where: str) -> None:
    """Raises if a label is outside the classes.

    Args:
        roster: of any videos.
        classes: number of classes.
        where: names the videos in the message.

    Raises:
        DataError: it names the label and the first video that has it.
    """
    beyond = np.flatnonzero((roster.labels < 0) | (roster.labels >= classes))
    if len(beyond):
        row = np.searchsorted(roster.label_splits, beyond[0], side="right") - 1
        raise DataError(f"{where}: label {roster.labels[beyond[0]]} is outside the vocabulary of"
                        f" {classes} classes (video {_text(roster.ids[row])}); take the vocabulary"
                        " of the data's own release")  # fmt: skip


def repeated(rosters: Mapping[str, Roster]) -> list[str]:
    """Returns a sentence for each split in which ids come more than once."""
    counts = {name: len(roster) - int(roster.first().sum()) for name, roster in rosters.items()}
    return [
        f"{name}: left out for an id that came before: {count}"
        for name, count in counts.items()
        if count
    ]


def unseen(rosters: Mapping[str, Roster]) -> list[str]:
    """Returns a sentence for each split in which videos have no frames.

    >>> there = np.array([True])
    >>> one = Roster(np.array([b"a"], object), np.array([0]), np.arange(2), there, ~there)
    >>> unseen({"train": one})
    ['train: left out for want of frames: 1']
    """
    counts = {name: int(np.sum(~roster.seen)) for name, roster in rosters.items()}
    return [f"{name}: left out for want of frames: {n}" for name, n in counts.items() if n]


def _some(ids: set[bytes]) -> str:
    named = ", ".join(_text(id_) for id_ in sorted(ids)[:_NAMED])
    if len(ids) == 1:
        return f"1 id ({named}) is"
    return f"{len(ids)} ids ({'such as ' if len(ids) > _NAMED else ''}{named}) are"


def _text(id_: bytes) -> str:
    return repr(shown(id_))
