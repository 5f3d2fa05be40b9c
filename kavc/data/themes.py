"""Themes for videos that only have labels: the one top-level vertical that all labels share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data.roster import Roster, check_labels
from kavc.data.vocabulary import Vocabulary
from kavc.errors import DataError


@dataclass(frozen=True)
class Survey:
    """How the videos of a split spread over the verticals.

    Args:
        videos: number of videos.
        single: vertical to number of videos all of whose labels lie in it.
        silent: the same for the silent ones among them.

    Example:
        >>> survey = Survey(10, single={"Food": 5, "Games": 2}, silent={"Food": 1, "Games": 0})
        >>> survey.choose(min_count=3), survey.note("train", ["Food"])
        (['Food'], 'train: 5 of 10 videos; left out: 3 without exactly one theme, ...')
    """

    videos: int
    single: dict[str, int]
    silent: dict[str, int]

    def choose(self, min_count: int) -> list[str]:
        """Returns the verticals with at least `min_count` videos, sorted by name.

        Raises:
            DataError: there is none.
        """
        names = sorted(name for name, count in self.single.items() if count >= min_count)
        if not names:
            most = max(self.single.values(), default=0)
            raise DataError(f"no theme has {min_count} training videos; the largest has {most}:"
                            " choose a smaller minimum")  # fmt: skip
        return names

    def note(self, split: str, themes: Sequence[str]) -> str:
        """Returns a sentence on what `with_themes` leaves out."""
        kept = sum(self.single[name] for name in themes)
        one = sum(self.single.values())
        return (
            f"{split}: {kept} of {self.videos} videos; left out: {self.videos - one} without"
            f" exactly one theme, {one - kept} of themes with too few training videos;"
            f" {sum(self.silent[name] for name in themes)} of the {kept} are silent"
        )


def theme_of(labels: tf.RaggedTensor, themes: tf.Tensor) -> tf.Tensor:
    """Finds the theme that all labels of a video share.

    Args:
        labels: (videos, ragged) int64, class indices.
        themes: (classes,) int32, each class' theme; -1 for a theme that is not used.

    Returns:
        (videos,) int32; -1 where the labels have several themes, one not used, or there are none.

    Example:
        >>> labels = tf.ragged.constant([[0, 1], [0, 2], []], dtype=tf.int64)
        >>> theme_of(labels, tf.constant([0, 0, 1])).numpy().tolist()  # of each class, its theme
        [0, -1, -1]
    """
    of_label = labels.with_values(tf.gather(themes, labels.values))
    lowest = tf.reduce_min(of_label, axis=1)
    return tf.where(lowest == tf.reduce_max(of_label, axis=1), lowest, -1)


def survey(roster: Roster, vocabulary: Vocabulary, where: str) -> Survey:
    """Counts the videos of each vertical.

    Args:
        roster: of a split, with labels that are classes.
        vocabulary: the verticals, by class.
        where: names the split in the message.

    Returns:
        The counts.

    Raises:
        DataError: a label is outside the vocabulary.
    """
    check_labels(roster, len(vocabulary), where)
    names = sorted(set(vocabulary.verticals))
    single = themed(roster, vocabulary, names)
    counts = [single.label_counts(len(names), rows) for rows in (None, ~single.heard)]
    return Survey(len(roster), *(dict(zip(names, c.tolist(), strict=True)) for c in counts))


def themed(roster: Roster, vocabulary: Vocabulary, themes: Sequence[str]) -> Roster:
    """Keeps the videos that `with_themes` keeps, each with its theme as its one label.

    Args:
        roster: of videos whose labels are classes of the vocabulary.
        vocabulary, themes: as of `with_themes`.

    Example:
        >>> there = np.array([True, True])
        >>> ids = np.array([b"a", b"b"], object)
        >>> roster = Roster(ids, np.array([0, 1, 0, 2]), np.array([0, 2, 4]), there, there)
        >>> vocabulary = Vocabulary(("Dog", "Cat", "Chess"), ("Pets", "Pets", "Games"))
        >>> kept = themed(roster, vocabulary, ["Games", "Pets"])
        >>> kept.ids.tolist(), kept.labels.tolist()
        ([b'a'], [1])
    """
    labels = tf.RaggedTensor.from_row_splits(roster.labels, roster.label_splits)
    theme = theme_of(labels, _table(vocabulary, themes)).numpy().astype(np.int64)
    keep = _kept(theme, themes)
    one_each = np.arange(np.sum(keep) + 1)
    return replace(roster.select(keep), labels=theme[keep], label_splits=one_each)


def with_themes(
    batches: tf.data.Dataset, vocabulary: Vocabulary, themes: Sequence[str]
) -> tf.data.Dataset:
    """Keeps the videos with exactly one vertical, if it is one of `themes`.

    Args:
        batches: data set of dicts with "labels" (videos, ragged) int64.
        vocabulary: the verticals, by class.
        themes: names of verticals; a video's theme is the index into them.

    Returns:
        Data set of dicts as given, with "theme" (videos,) int32 in place of "labels".
    """
    table = _table(vocabulary, themes)

    def with_theme(batch: dict) -> dict:
        theme = theme_of(batch["labels"], table)
        keep = _kept(theme, themes)
        rest = {name: values for name, values in batch.items() if name != "labels"}
        rest["theme"] = theme
        return {name: tf.ragged.boolean_mask(values, keep) for name, values in rest.items()}

    return batches.map(with_theme)


def _table(vocabulary: Vocabulary, themes: Sequence[str]) -> tf.Tensor:
    # An unused vertical needs an index of its own: a video of it and a used one has no theme.
    others = sorted(set(vocabulary.verticals) - set(themes))
    index = {name: i for i, name in enumerate([*themes, *others])}
    return tf.constant([index[vertical] for vertical in vocabulary.verticals], tf.int32)


def _kept(theme: Any, themes: Sequence[str]) -> Any:
    return (theme >= 0) & (theme < len(themes))
