"""Hierarchical clustering of profiles by their correlation, as of heat maps with dendrograms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

from kavc.errors import DataError

ROUNDING = 1e-12  # relative: means of equal numbers agree to some 1e-15
MOST = 2000  # profiles: the best order of these takes some 10 s, of twice as many 90 s


@dataclass(frozen=True, eq=False)
class ProfileCorrelation:
    """Pearson correlations between profiles.

    Args:
        r: `(profiles, profiles) float64`, symmetric, 1 on the diagonal.
        constant: `(profiles,) bool`, those that do not vary: a correlation of theirs is undefined
            and taken as 0.

    Example:
        >>> profile_correlation([[1, 2, 3], [5, 5, 5]]).constant.tolist()
        [False, True]
    """

    r: np.ndarray
    constant: np.ndarray


def profile_correlation(profiles: ArrayLike) -> ProfileCorrelation:
    """Pearson correlation of each row with each.

    Args:
        profiles: `(profiles, values)`, finite.

    Raises:
        DataError: `profiles` are no such numbers, or there is none.

    Reference:
        Langlois, 2019, figure 2, whose correlations are these of videos' ratings by genre.

    Example:
        >>> profile_correlation([[1, 2, 3], [6, 4, 2], [5, 5, 5]]).r.round(6).tolist()
        [[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    rows = np.asarray(profiles)
    if rows.ndim != 2 or rows.dtype.kind not in "buif" or not rows.size:
        raise DataError(
            f"profiles {rows.shape} {rows.dtype}: expected numbers (profiles, values), one at least"
        )
    rows = rows.astype(np.float64)
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise DataError(f"profiles[{row}, {column}] is {rows[row, column]}, expected a number; give"
                        " rows that have all values")  # fmt: skip
    constant = np.ptp(rows, axis=1) <= ROUNDING * np.abs(rows).max(axis=1)
    centred = rows - rows.mean(axis=1, keepdims=True)
    centred[constant] = 0
    lengths = np.linalg.norm(centred, axis=1)
    unit = centred / np.where(constant, 1, lengths)[:, None]
    r = np.clip(unit @ unit.T, -1, 1)
    np.fill_diagonal(r, 1)
    return ProfileCorrelation((r + r.T) / 2, constant)


@dataclass(frozen=True, eq=False)
class Clustering:
    """A tree over profiles, and the order in which to draw them.

    Args:
        order: `(profiles,) int64`, leaves from one end to the other.
        linkage: `(profiles - 1, 4) float64`, as of `scipy.cluster.hierarchy.linkage`: the two that
            are joined, their distance, how many profiles that makes.
        constant: `(profiles,) bool`, those whose correlations were taken as 0.

    Reference:
        Langlois, 2019, figures 2 and 3, whose linkage isn't told.

    Example:
        >>> found = cluster([[1, 2, 3], [3, 2, 1], [1, 2, 4]])
        >>> found.order.tolist(), found.linkage.round(3).tolist()
        ([1, 2, 0], [[2.0, 0.0, 0.018, 2.0], [1.0, 3.0, 1.991, 3.0]])
    """

    order: np.ndarray
    linkage: np.ndarray
    constant: np.ndarray

    def cut(self, clusters: int) -> np.ndarray:
        """Returns the cluster of each profile, `(profiles,) int64`, numbered from 0 in order.

        Args:
            clusters: how many to make at most; fewer where distances tie.

        Raises:
            DataError: `clusters` is below 1.

        Example:
            >>> found = cluster([[1, 2, 3], [3, 2, 1], [1, 2, 4]])
            >>> found.cut(1).tolist(), found.cut(9).tolist()
            ([0, 0, 0], [2, 0, 1])
        """
        if clusters < 1:
            raise DataError(f"clusters is {clusters}, expected 1 or more")
        if not len(self.linkage):
            return np.zeros(len(self.order), np.int64)
        found = fcluster(self.linkage, clusters, "maxclust")[self.order]
        # Each cluster is a run of leaves.
        numbers = np.cumsum(np.append(False, found[1:] != found[:-1]))
        of_profile = np.empty(len(numbers), np.int64)
        of_profile[self.order] = numbers
        return of_profile


def cluster(profiles: ArrayLike) -> Clustering:
    """Average linkage on 1 - r, with leaves so ordered that neighbours are most alike.

    The order is the best that turning the tree's branches allows (Bar-Joseph et al., 2001), by the
    sum of neighbours' distances; it is the same from both ends.

    Args:
        profiles: `(profiles, values)`, finite; one that is constant has r = 0 with every other.

    Raises:
        DataError: as `profile_correlation`; or there are more than `MOST`.

    Example:
        >>> cluster([[1, 2, 3], [3, 2, 1], [1, 2, 4]]).cut(2).tolist()  # the second stands alone
        [1, 0, 1]
    """
    if len(np.asarray(profiles)) > MOST:
        raise DataError(f"{len(np.asarray(profiles)):,} profiles to cluster; expected {MOST:,} at"
                        " most, take a sample")  # fmt: skip
    found = profile_correlation(profiles)
    if len(found.r) < 2:
        return Clustering(np.zeros(1, np.int64), np.zeros((0, 4)), found.constant)
    distances = squareform(1 - found.r, checks=False)
    tree = linkage(distances, method="average", optimal_ordering=True)
    return Clustering(leaves_list(tree).astype(np.int64), tree, found.constant)
