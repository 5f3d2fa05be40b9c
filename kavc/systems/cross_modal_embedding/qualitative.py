"""The paper's qualitative table: what comes first for a query, its own match left out (4.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse

from kavc.data.ids import shown
from kavc.evaluation.table import Column, Table
from kavc.systems.cross_modal_embedding.embeddings import DIRECTIONS, Embedded, Ranks

QUERIES = 6  # in each direction
SEED = 0


def qualitative_table(
    embedded: Embedded,
    ranks: Ranks,
    ids: np.ndarray,
    labels: scipy.sparse.csr_matrix,
    classes: Sequence[str],
    source: str,
    *,
    queries: int = QUERIES,
    seed: int = SEED,
) -> Table:
    """Random queries in both directions, and the best foreign item of the whole set for each.

    Args:
        embedded, ranks: of the same videos, two at least.
        ids: `(videos,)` bytes.
        labels: `(videos, classes) bool`, sparse, as `FeatureStore.label_matrix` gives them.
        classes: names of the labels, by index.
        source: where the videos come from.
        queries: how many in each direction, or all if there are fewer.
        seed: of their choice; both directions have the same.

    Reference:
        Surís et al., 2018, section 4.2 and figure 2.

    Example:
        >>> embedded = Embedded(np.eye(2), np.eye(2))
        >>> labels = scipy.sparse.csr_matrix([[1, 0], [0, 1]], dtype=bool)
        >>> table = qualitative_table(
        ...     embedded, embedded.ranks(), np.array([b"a", b"b"]), labels, ["Piano", "Car"], "mine"
        ... )
        >>> len(table.rows), table.rows[0][:3]
        (4, ('A2V', 'a', 'Piano'))
    """
    chosen = np.random.default_rng(seed).permutation(len(ids))[:queries]
    rows: list[tuple] = []
    for direction, heading in DIRECTIONS.items():
        asked, gallery = embedded.of(direction)
        scores = asked[chosen] @ gallery.T
        scores[np.arange(len(chosen)), chosen] = -np.inf
        for query, found, score in zip(chosen, scores.argmax(1), scores.max(1), strict=True):
            videos = (
                text
                for row in (query, found)
                for text in (shown(ids[row]), label_names(labels, classes, row))
            )
            shares = "yes" if labels[query].multiply(labels[found]).nnz else "no"
            rank = float(ranks[direction].expected[query])
            rows.append((heading, *videos, shares, float(score), rank))
    columns = [
        *map(Column, ("direction", "query", "its labels", "best other", "labels of the other")),
        Column("share a label"),
        Column("cosine", ".2f"),
        Column("rank of the match", ",.1f"),
    ]
    caption = "Random queries, and the best item that is not the query's own (Figure 2)"
    return Table("qualitative", columns, rows, caption=caption, source=source)


def label_names(labels: scipy.sparse.csr_matrix, classes: Sequence[str], video: int) -> str:
    """Returns one video's labels as text, such as "Piano, Concert".

    Example:
        >>> label_names(scipy.sparse.csr_matrix([[1, 0, 1]]), ["Piano", "Car", ""], 0)
        'Piano, class 2'
    """
    return ", ".join(class_name(classes, one) for one in np.sort(labels[video].indices))


def class_name(classes: Sequence[str], number: int) -> str:
    """Returns a class's name; the vocabulary leaves some without one.

    Example:
        >>> class_name(["Piano", ""], 0), class_name(["Piano", ""], 1)
        ('Piano', 'class 1')
    """
    return classes[number] or f"class {number}"
