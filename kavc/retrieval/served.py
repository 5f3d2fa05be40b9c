"""The search as TensorFlow ops, for a graph that is served."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kavc.data.schema import Field
from kavc.retrieval.exact import BLOCK
from kavc.retrieval.index import Index

K = 100
ALIGNED = 16  # floats in the 64 bytes that TensorFlow aligns to


def top_k(
    queries: tf.Tensor, vectors: tf.Tensor, k: int, block: int = BLOCK
) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the `k` vectors with the largest dot products with each query, a block at a time.

    Memory beyond the answer is that of batch times `block` scores. Stock ops alone; the number of
    vectors may vary from call to call. Blocks of a width that is a multiple of 16 are read in
    place, others are copied, which takes longer than a single query's products.

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
        part = vectors[start : start + block]
        # This way round the product is faster than queries times the transposed block.
        scores = tf.transpose(tf.matmul(part, queries, transpose_b=True))
        among, column = tf.math.top_k(scores, tf.minimum(k, tf.shape(part)[0]))
        best, kept = tf.math.top_k(tf.concat([best, among], 1), k)
        positions = tf.gather(tf.concat([positions, column + start], 1), kept, batch_dims=1)
        return start + block, positions, best

    _, positions, best = tf.while_loop(
        lambda start, *_: start < size,
        add_block,
        (0, tf.zeros([batch, k], tf.int32), tf.fill([batch, k], -np.inf)),
        (tf.TensorShape([]), tf.TensorShape([None, k]), tf.TensorShape([None, k])),
        parallel_iterations=1,  # one block of scores at a time
    )
    return positions, best


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
        Dict of "ids" `(batch, k)` string and "scores" `(batch, k) float32`, best first; of equal
        ones, that which was added first.

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
        self._more = -index.dim % ALIGNED
        with tf.device("CPU:0"):  # text has no other place, and vectors may outgrow a GPU
            padded = np.pad(index.vectors, ((0, 0), (0, self._more)))
            self.vectors = tf.Variable(padded, trainable=False, name="vectors")
            self.ids = tf.Variable(index.ids, trainable=False, name="ids")

    @property
    def fields(self) -> dict[str, Field]:
        """The outputs, by name."""
        return {
            "ids": Field((self.k,), "string", "the nearest of the catalogue, best first"),
            "scores": Field((self.k,), "float32", "their cosines with the query"),
        }

    def __call__(self, embedding: tf.Tensor) -> dict[str, tf.Tensor]:
        queries = tf.pad(tf.cast(embedding, tf.float32), [[0, 0], [0, self._more]])
        positions, scores = top_k(queries, self.vectors, self.k)
        return {"ids": tf.gather(self.ids, positions), "scores": scores}
