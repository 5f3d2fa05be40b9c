"""The search as TensorFlow ops, for a graph that is served."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kavc.data.schema import Field
from kavc.retrieval.exact import BLOCK
from kavc.retrieval.index import CORRECTED, COSINE, Index

K = 100
ALIGNED = 16  # floats in the 64 bytes that TensorFlow aligns to
CHUNK = 16  # vectors of which only the best score is looked at, at first
# Blocks in work at a time: TensorFlow makes the products of one query on one thread, and what is
# not a product mostly so, too.
PARALLEL = 4
MEANING = {
    COSINE: "their cosines with the query",
    CORRECTED: "their cosines with the query, less each item's hub bias",
}


def top_k(
    queries: tf.Tensor, vectors: tf.Tensor, k: int, block: int = BLOCK
) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the `k` vectors with the largest dot products with each query, a block at a time.

    Memory beyond the answer is that of 4 times batch times `block` scores, whatever the number of
    vectors, which may vary from call to call. Stock ops alone. Blocks of a width that is a multiple
    of 16 are read in place, others are copied, which takes longer than a single query's products.

    A bias of the vectors is a coordinate more: `-bias` of a vector, 1 of a query.

    Args:
        queries: `(batch, dim) float32`.
        vectors: `(size, dim) float32`, a tensor or a variable.
        k: int from 1 to `size`.
        block: vectors that are scored at a time.

    Returns:
        Positions `(batch, k) int32` and scores `(batch, k) float32`, best first; of equal scores,
        the lower position first.
    """
    batch, size = tf.shape(queries)[0], tf.shape(vectors)[0]

    def add_block(start: tf.Tensor, positions: tf.Tensor, best: tf.Tensor) -> tuple:
        # This way round the product is faster than queries times the transposed block.
        scores = tf.matmul(vectors[start : start + block], queries, transpose_b=True)
        position, score = _candidates(scores, best[:, -1], k)
        best, kept = tf.math.top_k(tf.concat([best, score], 1), k)
        positions = tf.gather(tf.concat([positions, position + start], 1), kept, batch_dims=1)
        return start + block, positions, best

    _, positions, best = tf.while_loop(
        lambda start, *_: start < size,
        add_block,
        (0, tf.zeros([batch, k], tf.int32), tf.fill([batch, k], -np.inf)),
        (tf.TensorShape([]), tf.TensorShape([None, k]), tf.TensorShape([None, k])),
        parallel_iterations=PARALLEL,
    )
    return positions, best


def _candidates(scores: tf.Tensor, worst: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the scores of each query's best chunks, of those with one above its worst kept.

    Whoever stands in another chunk has `k` before him: a chunk's best comes before all of its own,
    and of chunks with equal ones the former is taken.

    Args:
        scores: `(vectors, batch)`.
        worst: `(batch,)`.
        k: how many are wanted.

    Returns:
        Positions and scores, `(batch, m)`, in the order of positions.
    """
    batch = tf.shape(scores)[1]
    count = -(-tf.shape(scores)[0] // CHUNK)
    padding = [[0, count * CHUNK - tf.shape(scores)[0]], [0, 0]]
    scores = tf.pad(scores, padding, constant_values=-np.inf)
    maxima = tf.reduce_max(tf.reshape(scores, [count, CHUNK, batch]), 1)
    above = tf.math.count_nonzero(maxima > worst, 0, dtype=tf.int32)
    most = tf.reduce_max(tf.concat([[0], tf.minimum(above, k)], 0))  # 0 for a batch of none
    _, chunk = tf.math.top_k(tf.transpose(maxima), most)
    rows = tf.sort(chunk, 1)[:, :, None] * CHUNK + tf.range(CHUNK)
    rows = tf.reshape(rows, [batch, most * CHUNK])
    return rows, tf.gather(tf.reshape(scores, [-1]), rows * batch + tf.range(batch)[:, None])


class CatalogueSearch(tf.Module):
    """A catalogue inside a graph: embeddings in, ids and scores of the nearest out.

    Vectors and ids are variables, so that an export keeps them beside the graph and not in it,
    whose file may take no more than 2 GiB. Name it among the `resources` of a `Signature`.

    Args:
        index: not empty. Its backend doesn't matter: the search is exact.
        k: how many to find, fixed in the graph; by default 100, or all where there are fewer.

    Attributes:
        k: as above.
        fields: what it gives, by name, for the outputs of a `Signature`.

    Call arguments:
        embedding: `(batch, dim) float32` of norm 1.

    Returns:
        Dict of "ids" `(batch, k)` string and "scores" `(batch, k) float32`, cosines less the bias
        of the index's correction of hubs, if it has one, best first; of equal ones, that which was
        added first.

    Raises:
        ConfigError: the index is empty, or `k` is not between 1 and its size.

    Example:
        search = CatalogueSearch(Index.load("sounds"))
        function = lambda visual: search(network.visual_branch(visual))
    """

    def __init__(self, index: Index, k: int | None = None):
        super().__init__(name="catalogue")
        self.k = min(K, len(index)) if k is None else k
        index.check_k(self.k)
        self._score = index.score
        with tf.device("CPU:0"):  # text has no other place, and vectors may outgrow a GPU
            padded = _padded(index)
            self._more = padded.shape[1] - index.dim
            self.vectors = tf.Variable(padded, trainable=False, name="vectors")
            self.ids = tf.Variable(index.ids, trainable=False, name="ids")

    @property
    def fields(self) -> dict[str, Field]:
        """The outputs, by name."""
        return {
            "ids": Field((self.k,), "string", "the nearest of the catalogue, best first"),
            "scores": Field((self.k,), "float32", MEANING[self._score]),
        }

    def __call__(self, embedding: tf.Tensor) -> dict[str, tf.Tensor]:
        # The ones meet minus the bias in the first of these coordinates, and zeros in the others.
        padding = [[0, 0], [0, self._more]]
        queries = tf.pad(tf.cast(embedding, tf.float32), padding, constant_values=1)
        positions, scores = top_k(queries, self.vectors, self.k)
        return {"ids": tf.gather(self.ids, positions), "scores": scores}


def _padded(index: Index) -> np.ndarray:
    """Returns the vectors, then minus their bias if they have one, then zeros to a whole width."""
    used = index.dim + (index.bias is not None)
    padded = np.zeros((len(index), used + -used % ALIGNED), np.float32)
    padded[:, : index.dim] = index.vectors
    if index.bias is not None:
        padded[:, index.dim] = -index.bias
    return padded
