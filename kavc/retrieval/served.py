"""The search as TensorFlow ops, for a graph that is served."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kavc.data.schema import Field
from kavc.retrieval.index import CORRECTED, COSINE, Index
from kavc.retrieval.label_file import joined

K = 100
CHUNK = 16  # vectors of which only the best score is looked at, at first
# Vectors of a block. What is not a product comes once a block, some twenty ops, which is a tenth of
# one query's products here, and a fifth at half of it.
BLOCK = 32_768
# Blocks in work at a time: TensorFlow makes the products of one query on one thread, and what is
# not a product mostly so, too. More take more memory, and bring nothing on two cores.
PARALLEL = 2
WORTH_A_THREAD = 4096  # vectors; a catalogue of twice as many is cut, so that two threads work
MEANING = {
    COSINE: "their cosines with the query",
    CORRECTED: "their cosines with the query, less each item's hub bias",
}


def top_k(queries: tf.Tensor, blocks: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the `k` vectors with the largest scores for each query, a block at a time.

    Memory beyond the answer is that of 2 times batch times block scores, whatever the number of
    blocks, which may vary from call to call. Stock ops alone.

    Args:
        queries: `(batch, dim) float32`.
        blocks: `(count, dim + 1, block) float32`, a tensor or a variable, as `columns` makes it.
        k: int from 1 to the number of vectors.

    Returns:
        Positions `(batch, k) int32` and scores `(batch, k) float32`, best first; of equal scores,
        the lower position first.

    Example:
        >>> vectors = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)
        >>> positions, scores = top_k(tf.constant([[0.0, 1.0]]), columns(vectors), 2)
        >>> positions.numpy().tolist(), scores.numpy().round(1).tolist()
        ([[2, 1]], [[1.0, 0.8...]])
    """
    batch, count, block = tf.shape(queries)[0], tf.shape(blocks)[0], tf.shape(blocks)[2]
    queries = tf.pad(queries, [[0, 0], [0, 1]], constant_values=1)  # what takes the bias off

    def add_block(number: tf.Tensor, positions: tf.Tensor, best: tf.Tensor) -> tuple:
        position, score = _candidates(tf.matmul(queries, blocks[number]), best[:, -1], k)
        best, kept = tf.math.top_k(tf.concat([best, score], 1), k)
        found = tf.concat([positions, position + number * block], 1)
        return number + 1, tf.gather(found, kept, batch_dims=1), best

    _, positions, best = tf.while_loop(
        lambda number, *_: number < count,
        add_block,
        (0, tf.zeros([batch, k], tf.int32), tf.fill([batch, k], -np.inf)),
        (tf.TensorShape([]), tf.TensorShape([None, k]), tf.TensorShape([None, k])),
        parallel_iterations=PARALLEL,
    )
    return positions, best


def columns(vectors: np.ndarray, bias: np.ndarray | None = None, block: int = BLOCK) -> np.ndarray:
    """Returns vectors as columns of blocks, each with minus its bias as its last coordinate.

    The product of one query with columns takes TensorFlow two thirds of the time that one with rows
    does. Columns that fill the last block up score -inf.

    Args:
        vectors: `(size, dim) float32`, size at least 1.
        bias: `(size,) float32`, what is taken off all scores of a vector; None for nothing.
        block: most vectors of a block, but for rounding up to a multiple of 16.

    Returns:
        `(count, dim + 1, block) float32`, of blocks as even as can be.

    Example:
        >>> blocks = columns(np.eye(3, 4, dtype=np.float32))
        >>> blocks.shape, blocks[0, -1, :4].tolist()  # the fourth column is filled up
        ((1, 5, 16), [0.0, 0.0, 0.0, -inf])
    """
    size, dim = vectors.shape
    count = max(-(-size // block), min(size // WORTH_A_THREAD, PARALLEL))
    block = -(-size // (count * CHUNK)) * CHUNK
    made = np.zeros((count, dim + 1, block), np.float32)
    made[:, dim] = -np.inf
    for number in range(count):
        rows = slice(number * block, (number + 1) * block)
        part = vectors[rows]
        made[number, :dim, : len(part)] = part.T
        made[number, dim, : len(part)] = 0 if bias is None else -bias[rows]
    return made


def _candidates(scores: tf.Tensor, worst: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the scores of each query's best chunks, of those with one above its worst kept.

    Whoever stands in another chunk has `k` before him: a chunk's best comes before all of its own,
    and of chunks with equal ones the former is taken.

    Args:
        scores: `(batch, block)`, of whole chunks.
        worst: `(batch,)`.
        k: how many are wanted.

    Returns:
        Positions and scores, `(batch, m)`, in the order of positions.
    """
    batch = tf.shape(scores)[0]
    maxima = tf.reduce_max(tf.reshape(scores, [batch, tf.shape(scores)[1] // CHUNK, CHUNK]), 2)
    above = tf.math.count_nonzero(maxima > worst[:, None], 1, dtype=tf.int32)
    most = tf.reduce_max(tf.concat([[0], tf.minimum(above, k)], 0))  # 0 for a batch of none
    _, chunk = tf.math.top_k(maxima, most)
    rows = tf.sort(chunk, 1)[:, :, None] * CHUNK + tf.range(CHUNK)
    rows = tf.reshape(rows, [batch, most * CHUNK])
    return rows, tf.gather(scores, rows, batch_dims=1)


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
        added first. Where the index has labels, "labels" `(batch, k)` string too: the names of
        each one's, with tabs between.

    Raises:
        ConfigError: the index is empty, or `k` is not between 1 and its size.

    Example:
        search = CatalogueSearch(Index.load("sounds"))
        function = lambda visual: search(network.visual_branch(visual))
    """

    labels: tf.Variable | None = None

    def __init__(self, index: Index, k: int | None = None):
        super().__init__(name="catalogue")
        self.k = min(K, len(index)) if k is None else k
        index.check_k(self.k)
        self._score = index.score
        with tf.device("CPU:0"):  # text has no other place, and vectors may outgrow a GPU
            blocks = columns(index.vectors, index.bias)
            self.vectors = tf.Variable(blocks, trainable=False, name="vectors")
            self.ids = tf.Variable(index.ids, trainable=False, name="ids")
            if index.labels is not None:
                texts = [joined(names) for names in index.labels]
                self.labels = tf.Variable(texts, trainable=False, name="labels")

    @property
    def fields(self) -> dict[str, Field]:
        """The outputs, by name."""
        found = {
            "ids": Field((self.k,), "string", "the nearest of the catalogue, best first"),
            "scores": Field((self.k,), "float32", MEANING[self._score]),
        }
        if self.labels is None:
            return found
        meaning = "names of the labels of each, with tabs between"
        return found | {"labels": Field((self.k,), "string", meaning)}

    def __call__(self, embedding: tf.Tensor) -> dict[str, tf.Tensor]:
        positions, scores = top_k(tf.cast(embedding, tf.float32), self.vectors, self.k)
        found = {"ids": tf.gather(self.ids, positions), "scores": scores}
        if self.labels is not None:
            found["labels"] = tf.gather(self.labels, positions)
        return found
