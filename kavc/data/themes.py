"""Themes for videos that only have labels: the one top-level vertical that all labels share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kavc.data.vocabulary import Vocabulary
from kavc.errors import DataError


@dataclass(frozen=True)
class Survey:
    """How the videos of a split spread over the verticals.

    Args:
        videos: number of videos.
        single: vertical to number of videos all of whose labels lie in it.
        silent: the same for the silent ones among them.
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
    """
    of_label = labels.with_values(tf.gather(themes, labels.values))
    lowest = tf.reduce_min(of_label, axis=1)
    return tf.where(lowest == tf.reduce_max(of_label, axis=1), lowest, -1)


def survey(
    batches: tf.data.Dataset,
    vocabulary: Vocabulary,
    silent: Callable[[tf.Tensor | tf.RaggedTensor], tf.Tensor],
) -> Survey:
    """Counts the videos of each vertical, in one pass.

    Args:
        batches: data set of dicts with "labels" (videos, ragged) int64 and "audio".
        vocabulary: the verticals, by class.
        silent: from a batch's audio to (videos,) bool.

    Returns:
        The counts.

    Raises:
        DataError: a label is outside the vocabulary.
    """
    names = sorted(set(vocabulary.verticals))
    table = _table(vocabulary, names)

    def look(batch: dict) -> tuple[tf.Tensor, ...]:
        known = tf.minimum(batch["labels"], len(vocabulary) - 1)
        top = tf.reduce_max(tf.concat([batch["labels"].values, [0]], axis=0))
        return theme_of(known, table), silent(batch["audio"]), top

    themes, quiet, tops = [], [], []
    for theme, no_sound, top in batches.map(look).prefetch(2).as_numpy_iterator():
        themes.append(theme)
        quiet.append(no_sound)
        tops.append(top)
    _check_labels(max(tops, default=0), vocabulary)
    found, hushed = np.concatenate([[-1], *themes])[1:], np.concatenate([[False], *quiet])[1:]
    return Survey(
        len(found),
        _counts(found[found >= 0], names),
        _counts(found[(found >= 0) & hushed.astype(bool)], names),
    )


def _counts(themes: np.ndarray, names: Sequence[str]) -> dict[str, int]:
    counts = np.bincount(themes.astype(int), minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=True))


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
    # An unused vertical needs an index of its own: a video of it and a used one has no theme.
    others = sorted(set(vocabulary.verticals) - set(themes))
    table = _table(vocabulary, [*themes, *others])

    def themed(batch: dict) -> dict:
        theme = theme_of(batch["labels"], table)
        keep = (theme >= 0) & (theme < len(themes))
        rest = {name: values for name, values in batch.items() if name != "labels"}
        rest["theme"] = theme
        return {name: tf.ragged.boolean_mask(values, keep) for name, values in rest.items()}

    return batches.map(themed)


def _table(vocabulary: Vocabulary, names: Sequence[str]) -> tf.Tensor:
    index = {name: i for i, name in enumerate(names)}
    return tf.constant([index[vertical] for vertical in vocabulary.verticals], tf.int32)


def _check_labels(top: int, vocabulary: Vocabulary) -> None:
    if top >= len(vocabulary):
        raise DataError(f"label {top} is outside the vocabulary of {len(vocabulary)} classes; take"
                        " the vocabulary of the data's own release")  # fmt: skip
