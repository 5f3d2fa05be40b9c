"""Several runs together: the rows of Table 1 over seeds, and runs side by side."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kavc.errors import ConfigError
from kavc.evaluation.delong import PairedTest, auc_interval, paired_test
from kavc.evaluation.estimate import FEWEST
from kavc.evaluation.figure import Figure
from kavc.evaluation.report import Headline, Report
from kavc.evaluation.spreads import spread
from kavc.evaluation.table import Column, Table
from kavc.metrics.auc import roc_auc, roc_auc_per_group
from kavc.systems.ti_avc import paper
from kavc.systems.ti_avc.contributions import INPUTS
from kavc.systems.ti_avc.evaluation import ELSEWHERE, INTERVALS, theme_bars

UNTESTED = (
    f"p: two-sided paired DeLong test; none where the smaller class has fewer than {FEWEST} pairs, "
    "nor where the difference has no variance, as of equal rankings."
)
KINDS = {"random": "random negatives", "same_theme": "same-theme negatives"}


def summarise(
    reports: Mapping[str, Sequence[Report]], themes: Sequence[str], source: str
) -> Report:
    """Sets all rows of Table 1, several seeds each, beside the published numbers.

    Args:
        reports: the paper's label of a row to one report a seed, the same seeds in every row.
        themes: theme names, by index.
        source: where the numbers come from.
    """
    aucs = {
        label: {kind: [_auc(report, kind) for report in seeds] for kind in KINDS}
        for label, seeds in reports.items()
    }
    columns = [Column("system")]
    for kind in KINDS.values():
        columns += [Column(f"AUC, {kind}", ".2f", "%"), Column(f"sd, {kind}", ".2f", "%")]
    columns += [Column("seeds", "d"), Column(f"paper, {paper.CORPUS}", ".2f", "%")]
    rows = []
    for label, values in aucs.items():
        spreads = [spread(values[kind]) for kind in KINDS]
        values_shown = [value for s in spreads for value in (s.mean, s.std)]
        rows.append((label, *values_shown, len(reports[label]), paper.TABLE_1.get(label)))
    rows += _bounds(reports)
    table = Table(
        "table-1",
        columns,
        rows,
        caption="Match AUC: mean and standard deviation over seeds (Table 1)",
        source=f"{source}. The last column belongs to another corpus.",
    )
    best = "Ti-AVC" if "Ti-AVC" in reports else list(reports)[-1]
    figure, figure_notes = _themes(reports, best, themes, source)
    tables = [table, _pairwise(reports, source), _contributions(reports, source)]
    return Report(
        title=f"Table 1 on {source}",
        headline=Headline("match AUC", spread(aucs[best]["random"]).mean, "max", unit="%"),
        tables=[table for table in tables if table.rows],
        figures=[figure],
        notes=[_ordering(aucs), *figure_notes, UNTESTED, ELSEWHERE, *_common_notes(reports)],
    )


def compare(reports: Mapping[str, Report]) -> Report:
    """Sets runs side by side on the same pairs; every other one is tested against the first.

    Raises:
        ConfigError: the runs were not scored on the same pairs.

    Reference:
        DeLong et al., 1988.
    """
    first = next(iter(reports))
    columns = [
        Column("run"),
        *(
            Column(name, ".2f", "%")
            for name in ("AUC", "low", "high", "AUC, same-theme", f"difference to {first}")
        ),
        Column("p", ".3g"),
    ]
    rows: list[tuple] = []
    for label, report in reports.items():
        labels, scores = _scores(report, "random")
        interval = auc_interval(labels, scores)
        values = [interval.value, interval.low, interval.high, _auc(report, "same_theme") / 100]
        row = [label, *(100 * value for value in values), None, None]
        if label != first:
            test = _paired(report, reports[first], "random")
            row[-2:] = [100 * test.difference, test.p]
        rows.append(tuple(row))
    table = Table(
        "comparison",
        columns,
        rows,
        caption="Match AUC on the same test pairs",
        source=reports[first].table("match").source,
    )
    return Report(
        title="Runs side by side",
        headline=reports[first].headline,
        tables=[table],
        figures=[],
        notes=[UNTESTED, INTERVALS, ELSEWHERE],
    )


def _scores(report: Report, kind: str) -> tuple[np.ndarray, np.ndarray]:
    return report.predictions[f"{kind}_label"], report.predictions[f"{kind}_match"]


def _auc(report: Report, kind: str) -> float:
    return 100 * roc_auc(*_scores(report, kind))


def _paired(a: Report, b: Report, kind: str) -> PairedTest:
    for column in ("audio", "visual"):
        if not np.array_equal(a.predictions[f"{kind}_{column}"], b.predictions[f"{kind}_{column}"]):
            raise ConfigError(
                "the runs were scored on different pairs; evaluate them on one source"
            )
    labels, scores = _scores(a, kind)
    return paired_test(labels, scores, _scores(b, kind)[1])


def _pairwise(reports: Mapping[str, Sequence[Report]], source: str) -> Table:
    """Paired tests of neighbouring rows, seed by seed."""
    columns = [
        Column("difference"),
        Column("negatives"),
        Column("mean", ".2f", "%"),
        Column("lowest", ".2f", "%"),
        Column("highest", ".2f", "%"),
        Column("seeds with p < 0.05", "d"),
    ]
    rows = []
    labels = list(reports)
    for worse, better in itertools.pairwise(labels):
        for kind, name in KINDS.items():
            tests = [
                _paired(b, a, kind) for a, b in zip(reports[worse], reports[better], strict=True)
            ]
            differences = [100 * test.difference for test in tests]
            tested = [test.p < 0.05 for test in tests if not np.isnan(test.p)]
            rows.append(
                (
                    f"{better} - {worse}",
                    name,
                    float(np.mean(differences)),
                    min(differences),
                    max(differences),
                    sum(tested) if tested else None,
                )
            )
    return Table(
        "differences",
        columns,
        rows,
        caption="Neighbouring rows on the same pairs, paired DeLong test in each seed",
        source=source,
    )


def _contributions(reports: Mapping[str, Sequence[Report]], source: str) -> Table:
    """Table 2 over seeds: the pooled contributions of each system that has them."""
    shares: dict[str, list[dict[str, Any]]] = {}
    for label, seeds in reports.items():
        for table in (t for report in seeds for t in report.tables if t.name == "contributions"):
            pooled = next(row for row in table.to_records() if row["pairs"] == "pooled")
            shares.setdefault(label, []).append(pooled)
    names = [*INPUTS]
    if any("product" in share for found in shares.values() for share in found):
        names.append("product")
    rows: list[tuple] = []
    for label, found in shares.items():
        spreads = [spread([share.get(name, np.nan) for share in found]) for name in names]
        rows.append((f"{label}, mean", *(s.mean for s in spreads)))
        rows.append((f"{label}, sd over seeds", *(s.std for s in spreads)))
    if rows:
        published = (paper.TABLE_2.get(name) for name in names)
        rows.append((f"paper, {paper.CORPUS} (another corpus)", *published))
    return Table(
        "table-2",
        [Column("system"), *(Column(name, ".2f", "%") for name in names)],
        rows,
        caption="Contributions by equation (1), positives and negatives together (Table 2)",
        source=source,
    )


def _bounds(reports: Mapping[str, Sequence[Report]]) -> list[tuple]:
    """Rows of the oracle's bounds, which are the same in every run."""
    report = next(iter(reports.values()))[0]
    values: dict[str, dict[str, Any]] = {}
    for label, auc, *_ in report.table("match").rows:
        name, _, kind = str(label).rpartition(", ")
        if name.startswith("bound"):
            values.setdefault(name, {})[kind] = auc
    return [
        (name, of.get("random"), None, of.get("same-theme"), None, None, None)
        for name, of in values.items()
    ]


def _themes(
    reports: Mapping[str, Sequence[Report]], label: str, themes: Sequence[str], source: str
) -> tuple[Figure, list[str]]:
    """Figure 2 of one row, mean and range over seeds, and what it shows against baseline-1."""
    found = [
        roc_auc_per_group(
            *_scores(report, "random"), report.predictions["random_theme"], len(themes)
        )
        for report in reports[label]
    ]
    aucs, videos = np.stack([auc for auc, _, _ in found]), found[0][1]
    baseline = reports.get("Baseline-1", ())
    line = (
        float(np.mean([_auc(report, "random") for report in baseline])) / 100 if baseline else None
    )
    figure = theme_bars(
        themes,
        aucs.mean(axis=0),
        videos,
        f"{label}, {source}",
        line,
        intervals=np.stack([aucs.min(axis=0), aucs.max(axis=0)], axis=1),
        remark=f"Mean over {len(aucs)} seeds; whiskers: lowest to highest seed."
        if len(aucs) > 1
        else "One seed.",
    )
    known = videos >= FEWEST
    if line is None or not known.any():
        return figure, []
    above = int(np.sum(aucs.mean(axis=0)[known] > line))
    note = (
        f"Figure 2: within a theme, mean over seeds, {label} lies above baseline-1's AUC over all "
        f"pairs ({100 * line:.2f} %) in {above} of {int(known.sum())} themes of {FEWEST} test "
        "videos or more; in the paper in 15 of 19."
    )
    return figure, [note]


def _ordering(aucs: Mapping[str, Mapping[str, list[float]]]) -> str:
    labels = [label for label in paper.TABLE_1 if label in aucs]
    seeds = list(zip(*(aucs[label]["random"] for label in labels), strict=True))
    held = sum(list(values) == sorted(values) for values in seeds)
    found = sorted(labels, key=lambda label: np.mean(aucs[label]["random"]))
    return (
        f"The paper's order ({' < '.join(labels)}) holds in {held} of {len(seeds)} seeds; "
        f"by the means over seeds the order here is {' < '.join(found)}."
    )


def _common_notes(reports: Mapping[str, Sequence[Report]]) -> list[str]:
    """Notes that every run has: on the data, not on one network."""
    every = [set(report.notes) for seeds in reports.values() for report in seeds]
    first = next(iter(reports.values()))[0]
    shared = set.intersection(*every)
    return [note for note in first.notes if note in shared - {INTERVALS, ELSEWHERE}]
