"""Several runs together: side by side on the same videos, and the paper's rows over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kavc.errors import ConfigError
from kavc.evaluation.mean_intervals import mean_bootstrap
from kavc.evaluation.report import Report
from kavc.evaluation.spreads import Spread, spread
from kavc.evaluation.table import Column, Table
from kavc.metrics.retrieval import MatchRanks
from kavc.systems.cross_modal_embedding import galleries
from kavc.systems.cross_modal_embedding.embeddings import DIRECTIONS
from kavc.systems.cross_modal_embedding.evaluation import (
    ALONE,
    CCA,
    LESS_HUBS,
    NAMES,
    NETWORK,
    NOTES,
)
from kavc.systems.cross_modal_embedding.galleries import per_query
from kavc.systems.cross_modal_embedding.paper import KS
from kavc.systems.cross_modal_embedding.tables import Hits, cell_table, headline, interval_table


def compare(reports: Mapping[str, Report]) -> Report:
    """Sets runs side by side on the same test videos; the rest is held against the first run.

    Args:
        reports: name of each run to its report.

    Raises:
        ConfigError: the runs were not evaluated on the same videos, or not by this system.
    """
    _check_same_videos(list(reports.values()))
    label, report = next(iter(reports.items()))
    first = _name(label, [report])
    hits = {
        name: of[0] for name, of in _rows({name: [one] for name, one in reports.items()}).items()
    }
    rows: list[tuple] = []
    for direction, heading in DIRECTIONS.items():
        for name, of in hits.items():
            other = None if name == first else hits[first][direction]
            rows += [(name, heading, *row) for row in _differences(of[direction], other)]
    columns = [
        Column("run"),
        Column("direction"),
        Column("gallery", "d"),
        Column("R@1", ".2f", "%"),
        Column(f"difference to {first}", "+.2f", "%"),
        Column("low", "+.2f", "%"),
        Column("high", "+.2f", "%"),
    ]
    table = Table(
        "comparison",
        columns,
        rows,
        caption="Recall at 1 on the same test videos, and its difference with 95 % interval",
        source=report.table("recall").source,
    )
    note = "Differences: paired, percentile bootstrap over the test videos as queries, 2,000 draws."
    return Report(
        title="Runs side by side",
        headline=report.headline,
        tables=[table],
        notes=[note, *NOTES[:2]],
    )


def summarise(reports: Mapping[str, Sequence[Report]], source: str) -> Report:
    """Sets all rows, several seeds each, beside the published numbers.

    Args:
        reports: label of a row to one report a seed, all on the same test videos. The last row
            gives the headline.
        source: where the numbers come from.

    Raises:
        ConfigError: as `compare`.

    Reference:
        Surís et al., 2018, tables 1 and 2.
    """
    _check_same_videos([report for seeds in reports.values() for report in seeds])
    rows = _rows(reports)
    means = {label: _over_seeds(seeds, "mean") for label, seeds in rows.items()}
    deviations = {label: _over_seeds(seeds, "std") for label, seeds in rows.items()}
    averaged = {
        label: {d: np.mean([hits[d] for hits in seeds], axis=0) for d in DIRECTIONS}
        for label, seeds in rows.items()
    }
    last = _name(*list(reports.items())[-1])
    videos = len(averaged[last]["a2v"])
    caption = "Recall at K, mean over seeds (Tables 1 and 2)"
    return Report(
        title=f"Tables 1 and 2 on {source}",
        headline=headline(averaged[last], f", {last}"),
        tables=[
            cell_table("recall", means, videos, caption, source),
            _deviation_table(deviations, rows, videos, source),
            interval_table(averaged, source),
        ],
        notes=[
            *(_against_the_paper(label, means[label], videos) for label in rows),
            *_common_notes(reports),
        ],
    )


def _differences(hits: np.ndarray, other: np.ndarray | None) -> list[tuple]:
    """A row a gallery: its size, recall at 1, and the difference with its interval."""
    rows: list[tuple] = []
    for place, size in enumerate(galleries.sizes(len(hits))):
        mine = hits[:, place * len(KS)]
        if other is None:
            rows.append((size, mine.mean(), None, None, None))
            continue
        found = mean_bootstrap((mine - other[:, place * len(KS)])[:, None])[0].estimate()
        rows.append((size, mine.mean(), found.value, found.low, found.high))
    return rows


def _rows(reports: Mapping[str, Sequence[Report]]) -> dict[str, list[Hits]]:
    """What each query adds to each cell, by row and seed; networks that leak have a second row."""
    rows: dict[str, list[Hits]] = {}
    some = next(iter(reports.values()))[0]
    if _holds(some, CCA):
        rows[NAMES[CCA]] = [_hits(some, CCA)]
    for label, seeds in reports.items():
        rows[_name(label, seeds)] = [_hits(report, NETWORK) for report in seeds]
        if all(_holds(report, LESS_HUBS) for report in seeds):
            rows[f"{label}, less hubs"] = [_hits(report, LESS_HUBS) for report in seeds]
        if _holds(seeds[0], ALONE):
            rows[f"{label}, each modality alone"] = [_hits(report, ALONE) for report in seeds]
    return rows


def _name(label: str, seeds: Sequence[Report]) -> str:
    return f"{label}, as published (leaks)" if _holds(seeds[0], ALONE) else label


def _holds(report: Report, system: str) -> bool:
    return f"{system}_a2v_better" in report.predictions


def _hits(report: Report, system: str) -> Hits:
    try:
        return per_query(
            {
                direction: MatchRanks(
                    *(report.predictions[f"{system}_{direction}_{x}"] for x in ("better", "tied"))
                )
                for direction in DIRECTIONS
            }
        )
    except KeyError as error:
        raise ConfigError(
            f"report {report.title!r} has no ranks {error}; evaluate the run again with its "
            "cross-modal embedding"
        ) from None


def _check_same_videos(reports: Sequence[Report]) -> None:
    videos = [report.predictions.get("id", np.array([])) for report in reports]
    if not all(np.array_equal(ids, videos[0]) for ids in videos):
        raise ConfigError(
            "the runs were evaluated on different videos; evaluate them on one source"
        )


def _over_seeds(seeds: Sequence[Hits], statistic: str) -> dict[str, np.ndarray]:
    """Mean or standard deviation of each cell's recall over seeds, by direction."""
    found = {}
    for direction in DIRECTIONS:
        recalls = np.stack([hits[direction].mean(axis=0) for hits in seeds])
        spreads: list[Spread] = [spread(cell) for cell in recalls.T]
        found[direction] = np.array([getattr(one, statistic) for one in spreads])
    return found


def _deviation_table(
    deviations: Mapping[str, Mapping[str, np.ndarray]],
    rows: Mapping[str, Sequence[Hits]],
    videos: int,
    source: str,
) -> Table:
    columns = [Column("system"), Column("direction"), Column("seeds", "d")]
    return Table(
        "recall-deviations",
        [*columns, *galleries.columns(videos)],
        [
            (label, heading, len(rows[label]), *of[direction])
            for direction, heading in DIRECTIONS.items()
            for label, of in deviations.items()
        ],
        caption="Standard deviation of the recalls over seeds",
        source=source,
    )


def _against_the_paper(label: str, means: Mapping[str, np.ndarray], videos: int) -> str:
    pairs = [
        (mean, published)
        for direction in DIRECTIONS
        for mean, published in zip(
            means[direction], galleries.published(direction, videos), strict=True
        )
        if published is not None
    ]
    above = sum(mean > published for mean, published in pairs)
    return f"{label}: above the paper's number in {above} of {len(pairs)} cells."


def _common_notes(reports: Mapping[str, Sequence[Report]]) -> list[str]:
    """Notes that every run has: on the data, not on one network."""
    every = [set(report.notes) for seeds in reports.values() for report in seeds]
    shared = set.intersection(*every)
    return [note for note in next(iter(reports.values()))[0].notes if note in shared]
