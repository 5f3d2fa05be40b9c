"""The boxes of Figure 4 behind the extractors: the head, and what a stream's norm is given."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import layers, ops

from kavc.layers.joined_dense import JoinedDense, joined_along
from kavc.layers.reference import Reference


class Head:
    """From the vectors of a video and of tracks to preferences and scores.

    All is a function of parts that stand side by side: the video, each track, and with "product"
    the video times each track.

    Args:
        head, interaction, units, embedding_dim, dropout: as of `MusicMatch`.
        policy: `keras.DTypePolicy`.

    Call arguments:
        video: `(batch, width)`; None for a network that sees nothing.
        tracks: `(batch, 2, width)`.

    Returns:
        "preference" `(batch, 1)` and "score" `(batch, 2)`, as of `MusicMatch`.

    Reference:
        Langlois, 2019, section 3 and figure 4.
    """

    def __init__(self, head, interaction, units, embedding_dim, dropout, policy):
        symmetric, last = head == "symmetric", policy.variable_dtype
        self.reference: Any = None if symmetric else Reference(name="reference", dtype=policy)
        self.seen: Any = None  # of "product"
        self.hidden: Any = None
        if interaction == "product":
            self.seen = layers.Dense(embedding_dim, name="seen", dtype=policy)
            self.heard = layers.Dense(embedding_dim, name="heard", dtype=policy)
        # A bias of the logit is the same for both tracks: a difference has none.
        if interaction == "linear":
            self.logit = JoinedDense(1, use_bias=not symmetric, name="logit", dtype=last)
        else:
            self.hidden = JoinedDense(units, "relu", name="hidden", dtype=policy)
            self.dropout = layers.Dropout(dropout, name="dropout", dtype=policy)
            self.logit = layers.Dense(1, use_bias=not symmetric, name="logit", dtype=last)

    def __call__(self, video, tracks):
        seen, heard = self._seen(video), self._heard(tracks)
        if self.reference is None:
            scores = self._answer(seen, [heard])
            return {"preference": scores[:, :1] - scores[:, 1:], "score": scores}
        mean = self._heard(self.reference(tracks))
        scores = (self._answer(seen, [heard, mean]) - self._answer(seen, [mean, heard])) / 2
        preference = self._answer(seen, [heard[:, :1], heard[:, 1:]])
        return {"preference": preference, "score": scores}

    def many(self, video, tracks):
        """Returns the scores of `(batch, n, width)` tracks, n being large."""
        seen, heard = self._seen(video), self._heard(tracks)
        if self.reference is None:
            return self._along(seen, heard, [None])
        mean = self._heard(self.reference(tracks[:, :1]))
        both = [self._along(seen, heard, each) for each in ([None, mean], [mean, None])]
        return (both[0] - both[1]) / 2

    def _along(self, seen, heard, places):
        """As `_answer`, of `heard` in the place that is None."""
        join, slot = self.hidden or self.logit, places.index(None)
        # As the layer has it: of the logit, whatever comes before, in the variables' dtype.
        seen, heard = (each if each is None else ops.cast(each, join.compute_dtype)
                       for each in (seen, heard))  # fmt: skip
        places = [each if each is None else ops.cast(each, heard.dtype) for each in places]
        kernels = [ops.cast(each, heard.dtype) for each in join.kernels]
        bias = None if join.bias is None else ops.cast(join.bias, heard.dtype)
        first = 0 if seen is None else 1
        kernel = kernels[first + slot][None]
        if self.seen is not None and seen is not None:
            times = kernels[first + len(places) + slot]
            kernel = kernel + ops.expand_dims(seen, -1) * times
        nothing = ops.zeros_like(heard[:, :1])
        parts = self._parts(seen, [nothing if each is None else each for each in places])
        x = join.activation(joined_along(heard, parts, kernels, bias, kernel))
        return x[..., 0] if self.hidden is None else self.logit(x)[..., 0]

    def _seen(self, video):
        return video if self.seen is None or video is None else self.seen(video)

    def _heard(self, tracks):
        return tracks if self.seen is None else self.heard(tracks)

    def _answer(self, seen, heard):
        """Returns one number for each of n rows, `(batch, n)`, of tracks `(batch, n, width)`."""
        parts = self._parts(seen, heard)
        if self.hidden is None:
            return self.logit(parts)[..., 0]
        return self.logit(self.dropout(self.hidden(parts)))[..., 0]

    def _parts(self, seen, heard):
        parts = [*([] if seen is None else [seen]), *heard]
        if self.seen is None or seen is None:
            return parts
        return parts + [ops.expand_dims(seen, 1) * each for each in heard]


def principal(rows, units):
    """Returns the centre of some rows, and directions along which their variance is 1.

    Args:
        rows: `(n, dim)`, n at least 1.
        units: int. How many directions.

    Returns:
        `(dim,)` and `(dim, units) float64`; zeros for directions in which there is nothing.

    Reference:
        Pearson, 1901.

    Example:
        >>> rows = np.array([[0.0, 1.0], [4.0, 1.0]])
        >>> centre, directions = principal(rows, 2)
        >>> centre.tolist(), ((rows - centre) @ directions).tolist()  # nothing along the second
        ([2.0, 1.0], [[-1.0, 0.0], [1.0, 0.0]])
    """
    centre = rows.mean(axis=0, dtype=np.float64)
    covariance = np.cov(rows.T.astype(np.float64), bias=True).reshape(rows.shape[1], -1)
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1][:units], vectors[:, ::-1][:, :units]
    # The sign of an eigenvector is nobody's choice: its largest entry is positive.
    largest = np.abs(vectors).argmax(axis=0)
    vectors = vectors * np.sign(vectors[largest, np.arange(len(values))])
    spread = np.sqrt(np.maximum(values, 0))
    return centre, vectors / np.where(spread > 1e-6 * spread.max(initial=0), spread, np.inf)
