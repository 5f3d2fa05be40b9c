"""The tables of a report: recall by gallery with intervals, ranks, and relevance by labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kavc.evaluation.headline import Headline
from kavc.evaluation.mean_intervals import mean_bootstrap
from kavc.evaluation.table import Column, Table
from kavc.metrics.hubness import Hubness
from kavc.metrics.random_galleries import RandomGalleries
from kavc.metrics.relevance import LabelRelevance
from kavc.systems.cross_modal_embedding import galleries
from kavc.systems.cross_modal_embedding.embeddings import DIRECTIONS, Embedded, Ranks
from kavc.systems.cross_modal_embedding.galleries import per_query
from kavc.systems.cross_modal_embedding.paper import KS

PAPER_ROW = "paper (other videos)"

Hits = Mapping[str, np.ndarray]  # by direction, `(queries, cells)`: see `galleries.hits`


def recall_table(
    ranks: Mapping[str, Ranks],
    source: str,
    *,
    name: str = "recall",
    caption: str = "Recall at K in galleries of each size (Tables 1 and 2)",
) -> Table:
    """Recall of systems in each of the paper's cells, and in the whole set.

    Reference:
        Surís et al., 2018, tables 1 and 2.

    Example:
        >>> from kavc.metrics.retrieval import MatchRanks
        >>> ranks = MatchRanks(np.zeros(4, int), np.zeros(4, int))  # all are first
        >>> table = recall_table({"ours": {"a2v": ranks, "v2a": ranks}}, "a corpus")
        >>> table.rows[0], table.rows[2]
        (('ours', 'A2V', 100.0, 100.0, 100.0), ('chance', 'A2V', 25.0, 100.0, 100.0))
    """
    means = {
        name: {direction: hits.mean(axis=0) for direction, hits in per_query(of).items()}
        for name, of in ranks.items()
    }
    return cell_table(name, means, _videos(ranks), caption, source)


def cell_table(
    name: str,
    means: Mapping[str, Mapping[str, np.ndarray]],
    videos: int,
    caption: str,
    source: str,
) -> Table:
    """A row a direction and system, then the paper's and chance; a column a cell.

    Args:
        name: of the table.
        means: system to direction to recall `(cells,)`, in percent.
        videos: number of test videos.
        caption, source: see `Table`.

    Reference:
        Surís et al., 2018, tables 1 and 2.
    """
    rows: list[tuple] = []
    for direction, heading in DIRECTIONS.items():
        rows += [(system, heading, *of[direction]) for system, of in means.items()]
        rows.append((PAPER_ROW, heading, *galleries.published(direction, videos)))
        rows.append(("chance", heading, *galleries.chance(videos)))
    columns = [Column("system"), Column("direction"), *galleries.columns(videos)]
    return Table(name, columns, rows, caption=caption, source=source)


def interval_table(hits: Mapping[str, Mapping[str, np.ndarray]], source: str) -> Table:
    """The ends of each cell's interval; none where all queries count alike, or are a handful.

    Args:
        hits: system to direction to `(queries, cells)`, see `galleries.hits`.
        source: see `Table`.

    Reference:
        Efron, 1979.
    """
    rows: list[tuple] = []
    for direction, heading in DIRECTIONS.items():
        for system, of in hits.items():
            found = [cell.estimate() for cell in mean_bootstrap(of[direction])]
            rows.append((system, heading, "low", *(one.low for one in found)))
            rows.append((system, heading, "high", *(one.high for one in found)))
    videos = len(next(iter(hits.values()))["a2v"])
    return Table(
        "recall-intervals",
        [Column("system"), Column("direction"), Column("end"), *galleries.columns(videos)],
        rows,
        caption="95 % intervals of the recalls, bootstrap over test videos as queries",
        source=source,
    )


def protocol_table(systems: Mapping[str, Embedded], source: str) -> Table:
    """Recall by the published protocol: consecutive galleries, the published rule for ties.

    Reference:
        Published code of Surís et al., 2018.
    """
    rows = [
        (name, heading, *galleries.published_protocol(*embedded.of(direction)))
        for direction, heading in DIRECTIONS.items()
        for name, embedded in systems.items()
    ]
    cells = galleries.columns(len(next(iter(systems.values())).audio))
    return Table(
        "published-protocol",
        [Column("system"), Column("direction"), *cells][: len(rows[0])],
        rows,
        caption="Recall as the published code takes it: consecutive galleries, its rule for ties",
        source=source,
    )


def rank_table(ranks: Mapping[str, Ranks], source: str) -> Table:
    """Where the match stands in galleries of each size and in the whole set."""
    videos = _videos(ranks)
    rows: list[tuple] = []
    for direction, heading in DIRECTIONS.items():
        for system, of in ranks.items():
            for size in galleries.sizes(videos):
                drawn, found = RandomGalleries(size, videos), of[direction]
                shares = drawn.mean_reciprocal_rank(found), drawn.ndcg_at(found, 10)
                percent = (100 * share for share in shares)
                rows.append((system, heading, size, drawn.median_rank(found), *percent))
    columns = [
        Column("system"),
        Column("direction"),
        Column("gallery", "d"),
        Column("median rank", "d"),
        Column("MRR", ".1f", "%"),
        Column("nDCG@10", ".1f", "%"),
    ]
    caption = "Ranks of the match, the one relevant item; the largest gallery is the whole set"
    return Table("ranks", columns, rows, caption=caption, source=source)


def hub_table(hubness: Mapping[str, Mapping[str, Hubness]], source: str) -> Table:
    """How unevenly queries spread over items.

    Args:
        hubness: system to direction.
        source: see `Table`.

    Reference:
        Radovanović et al., 2010.
    """
    rows = [
        (system, heading, of[direction].skewness, 100 * of[direction].never, of[direction].largest)
        for direction, heading in DIRECTIONS.items()
        for system, of in hubness.items()
    ]
    k = next(iter(hubness.values()))["a2v"].k
    columns = [
        Column("system"),
        Column("direction"),
        Column(f"skewness of the {k}-occurrence", ".2f"),
        Column(f"never among the first {k}", ".1f", "%"),
        Column(f"largest {k}-occurrence", ".0f"),
    ]
    caption = (
        f"Hubs: how often an item is among the first {k} of a query, of videos with sound (of all, "
        "if none has any)"
    )
    return Table("hubs", columns, rows, caption=caption, source=source)


def label_table(relevance: Mapping[str, Mapping[str, LabelRelevance]], source: str) -> Table:
    """Whether what is retrieved shares a label, the match left out.

    Reference:
        Järvelin and Kekäläinen, 2002, for the discounted gain.
    """
    rows: list[tuple] = []
    for direction, heading in DIRECTIONS.items():
        for system, of in relevance.items():
            found = of[direction]
            depth = found.ideal.shape[1]
            shares = *(found.precision_at(min(k, depth)) for k in (1, 10)), found.ndcg_at(depth)
            rows.append((system, heading, *(100 * share for share in shares)))
    some = next(iter(relevance.values()))["a2v"]
    precision, gain = some.chance_precision(), some.chance_ndcg_at(some.ideal.shape[1])
    rows.append(("chance", "both", *(100 * share for share in (precision, precision, gain))))
    columns = [
        Column("system"),
        Column("direction"),
        Column("precision at 1", ".1f", "%"),
        Column("precision at 10", ".1f", "%"),
        Column("nDCG@10 by labels", ".1f", "%"),
    ]
    caption = "Does what is retrieved from the whole set share a label? The match is left out"
    return Table("labels", columns, rows, caption=caption, source=source)


def label_differences(
    relevance: Mapping[str, Mapping[str, LabelRelevance]], than: str, source: str
) -> Table:
    """How much more often the first place shares a label than that of another system.

    Args:
        relevance: system to direction, all of the same videos.
        than: the other system, one of these.
        source: see `Table`.
    """
    rows: list[tuple] = []
    for direction, heading in DIRECTIONS.items():
        other = relevance[than][direction]
        for system, of in relevance.items():
            if system == than or not other.answerable.any():
                continue
            mine = of[direction].shares[other.answerable, :1]
            paired = 100 * (mine - other.shares[other.answerable, :1])
            found = mean_bootstrap(paired)[0].estimate()
            rows.append((system, heading, found.value, found.low, found.high))
    columns = [Column("system"), Column("direction")]
    columns += [Column(name, "+.1f", "%") for name in ("difference", "low", "high")]
    caption = f"Precision at 1 by labels less that of {than}, with 95 % interval, paired by query"
    return Table("label-differences", columns, rows, caption=caption, source=source)


def headline(hits: Mapping[str, np.ndarray], remark: str = "") -> Headline:
    """Recall at 1, mean of both directions, with its interval.

    Args:
        hits: direction to `(queries, cells)`, see `galleries.hits`.
        remark: added to its name.

    Example:
        >>> found = headline({"a2v": np.full((30, 3), 100.0), "v2a": np.zeros((30, 3))})
        >>> found.name, found.value
        ('R@1 in galleries of 30, mean of both directions', 50.0)
    """
    videos = len(hits["a2v"])
    size = galleries.headline_size(videos)
    cell = galleries.sizes(videos).index(size) * len(KS)
    both = np.mean([of[:, cell] for of in hits.values()], axis=0)
    found = mean_bootstrap(both[:, None])[0].estimate()
    name = f"R@1 in galleries of {size}, mean of both directions{remark}"
    return Headline(name, found.value, "max", found.interval, unit="%")


def _videos(ranks: Mapping[str, Ranks]) -> int:
    return len(next(iter(ranks.values()))["a2v"].better)
