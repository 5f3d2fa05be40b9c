"""Matched and mismatched pairs of one split's videos, as indices.

Negatives are derangements: every soundtrack and every picture occurs exactly once among the
positives and once among the negatives, so neither modality alone tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kavc.errors import ConfigError, DataError

REST = -1  # group of the videos whose partner may have any theme


@dataclass(frozen=True)
class Pairs:
    """As many matched as mismatched pairs; indices are rows of the split's store.

    Args:
        audio, visual: (pairs,) int32. Row of the video that gives the sound, and the pictures.
        label: (pairs,) float32. 1 where both are of the same video, 0 elsewhere.
        dropped: number of videos left out because no other video has their theme.

    Reference:
        Su et al., 2020, section 5.1.

    Example:
        >>> drawn = pairs(np.zeros(3, int), seed=0, epoch=0)
        >>> len(drawn.label), float(drawn.label.mean())
        (6, 0.5)
        >>> bool(np.all((drawn.audio == drawn.visual) == (drawn.label == 1)))
        True
    """

    audio: np.ndarray
    visual: np.ndarray
    label: np.ndarray
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.label)


def derangement(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws a permutation that moves every element, but only within its group.

    Each group gets one random cycle, so every other member of the group is equally likely.

    Args:
        groups: (n,) integers. Equal values form a group.
        rng: source of chance.

    Returns:
        (n,) int64, `p` with `p[i] != i` and `groups[p[i]] == groups[i]`.

    Raises:
        ValueError: a group has only one member.

    Example:
        >>> derangement(np.array([0, 1, 0, 1]), np.random.default_rng(0)).tolist()
        [2, 3, 0, 1]
    """
    groups = np.asarray(groups)
    if not len(groups):
        return np.zeros(0, np.int64)
    order = rng.permutation(len(groups))
    order = order[np.argsort(groups[order], kind="stable")]
    inside = groups[order]
    starts = np.flatnonzero(np.r_[True, inside[1:] != inside[:-1]])
    ends = np.r_[starts[1:], len(groups)] - 1
    if alone := int(np.sum(starts == ends)):
        raise ValueError(f"{alone} group(s) of one member can't be deranged; leave them out first")
    following = np.arange(1, len(groups) + 1)
    following[ends] = starts
    permutation = np.empty(len(groups), np.int64)
    permutation[order] = order[following]
    return permutation


def pairs(
    themes: np.ndarray,
    *,
    seed: int,
    epoch: int | None,
    same_theme_share: float = 0.0,
    shuffle: bool = True,
) -> Pairs:
    """Pairs every video with itself and, once, with another one.

    Args:
        themes: (videos,) integers. Theme of each video.
        seed: the run's seed, at least 0.
        epoch: pairs are a function of (seed, epoch). None gives the pairs of validation and
            test, which no training epoch shares.
        same_theme_share: share of the videos, drawn at random, whose mismatched partner has the
            same theme; the others' partner is any video. 0, the default, is the paper's reading.
            At 1 a video without another one of its theme is left out, also as a positive; below 1
            it joins the others.
        shuffle: whether to mix positives and negatives. If not, positives come first, in order.

    Returns:
        `Pairs` of twice the number of videos, less twice those dropped.

    Raises:
        ConfigError: seed, epoch or share is out of range.
        DataError: fewer than two videos can be paired.

    Reference:
        Su et al., 2020, section 5.1: as many mismatched pairs as matched ones.

    Example:
        >>> fixed = pairs(np.zeros(3, int), seed=0, epoch=None, shuffle=False)
        >>> fixed.visual.tolist(), fixed.label.tolist()
        ([0, 1, 2, 0, 1, 2], [1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    """
    if seed < 0 or (epoch is not None and epoch < 0):
        raise ConfigError(f"seed and epoch must be 0 or more; got seed {seed}, epoch {epoch}")
    if not 0 <= same_theme_share <= 1:
        raise ConfigError(f"same_theme_share must lie in 0 to 1; got {same_theme_share}")
    rng = np.random.default_rng([seed, 0 if epoch is None else epoch + 1])
    themes = np.asarray(themes)
    kept = np.arange(len(themes))
    if same_theme_share == 1:
        kept = np.flatnonzero(_group_sizes(themes) > 1)
    if len(kept) < 2:
        raise DataError(f"{len(kept)} of {len(themes)} videos can be paired; at least 2 are needed")
    partner = kept[derangement(_groups(themes[kept], same_theme_share, rng), rng)]
    audio = np.concatenate([kept, partner]).astype(np.int32)
    visual = np.concatenate([kept, kept]).astype(np.int32)
    label = np.repeat(np.array([1, 0], np.float32), len(kept))
    if shuffle:
        order = rng.permutation(len(label))
        audio, visual, label = audio[order], visual[order], label[order]
    return Pairs(audio, visual, label, dropped=len(themes) - len(kept))


def distinct(ids: np.ndarray) -> np.ndarray:
    """Finds the first occurrence of each id; equal ids are the same video.

    Args:
        ids: (n,) strings or bytes.

    Returns:
        (m,) int64, ascending. n − m is the number of duplicates.

    Example:
        >>> distinct(np.array([b"b", b"a", b"b"])).tolist()
        [0, 1]
    """
    return np.sort(np.unique(np.asarray(ids), return_index=True)[1])


def _group_sizes(groups: np.ndarray) -> np.ndarray:
    _, where, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return counts[where]


def _groups(themes: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Returns each video's theme where its partner must share it, `REST` elsewhere."""
    _, groups = np.unique(themes, return_inverse=True)
    rest = rng.permutation(len(groups))[round(share * len(groups)) :]
    groups[rest] = REST
    sizes = _group_sizes(groups)
    groups[sizes == 1] = REST
    if np.sum(groups == REST) == 1:  # it needs company: one video of the largest theme, or both
        largest = np.flatnonzero(groups == groups[np.argmax(np.where(groups == REST, 0, sizes))])
        groups[largest[: 1 if len(largest) > 2 else 2]] = REST
    return groups
