"""Several runs together: Table 1 over seeds, what each part brings, and runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kavc.errors import ConfigError
from kavc.evaluation.dot_charts import dots
from kavc.evaluation.figure import Figure
from kavc.evaluation.proportions import mcnemar, wilson_interval
from kavc.evaluation.report import Headline, Report
from kavc.evaluation.spreads import spread
from kavc.evaluation.table import Column, Table
from kavc.systems.music_match import paper
from kavc.systems.music_match.evaluation import ELSEWHERE, INTERVALS, expected, hits
from kavc.systems.music_match.rows import IMPROVED

# What a difference of two rows says: name, better row, worse row.
PARTS = (
    ("flow, of two streams", paper.TWO_STREAM, "Two-stream, without flow"),
    ("what is seen, of two streams", paper.TWO_STREAM, "Sound alone"),
    ("a hidden layer", paper.TWO_STREAM, "Two-stream, linear"),
    ("the symmetric head", "Two-stream, symmetric", paper.TWO_STREAM),
    ("I3D on flow, for two streams", paper.I3D, paper.TWO_STREAM),
    ("our recipe", IMPROVED, paper.TWO_STREAM),
    ("the symmetric head, of our recipe", IMPROVED, f"{IMPROVED}, plain head"),
    ("flow, of our recipe", IMPROVED, f"{IMPROVED}, without flow"),
    ("what is seen, of our recipe", IMPROVED, f"{IMPROVED}, sound alone"),
)
NOTHING = "brings nothing that {seeds} seeds could tell"


def summarise(reports: Mapping[str, Sequence[Report]], source: str) -> Report:
    """Sets all rows, several seeds each, beside the published numbers.

    Args:
        reports: label of a row to one report a seed, the same seeds in every row.
        source: where the numbers come from.

    Reference:
        Langlois, 2019, table 1.
    """
    accuracies = {
        label: [report.headline.value for report in seeds] for label, seeds in reports.items()
    }
    known = _known(reports)
    columns = [
        Column("row"),
        Column("accuracy", ".2f", "%"),
        Column("sd", ".2f", "%"),
        Column("low", ".2f", "%"),
        Column("high", ".2f", "%"),
        *([Column("expected", ".2f", "%"), Column("sd ", ".2f", "%")] if known else []),
        Column("videos shuffled", ".2f", "%"),
        Column("swap consistency", ".1f", "%"),
        Column("seeds", "d"),
        Column("paper", ".2f", "%"),
    ]
    rows = []
    for label, values in accuracies.items():
        found = spread(values, limits=(0, 100))
        shuffled = [100 * _shuffled(report) for report in reports[label]]
        same = [100 * _same(report) for report in reports[label]]
        of_truth = spread([100 * _expected(report) for report in reports[label]]) if known else None
        measured = (
            found.mean, found.std, found.low, found.high,
            *((of_truth.mean, of_truth.std) if of_truth else ()),
            np.mean(shuffled), np.mean(same),
        )  # fmt: skip
        rows.append((label, *measured, len(values), paper.TABLE_1.get(label)))
    rows += _constants(reports, len(columns))
    table = Table(
        "table-1",
        columns,
        rows,
        caption="Test accuracy: mean, standard deviation and 95 % interval over seeds (Table 1)",
        source=f"{source}. The last column belongs to another corpus, {paper.CORPUS}.",
    )
    parts = differences(reports, source)
    first = next(iter(reports.values()))[0]
    best = IMPROVED if IMPROVED in accuracies else list(accuracies)[-1]
    tables = [table, parts, *(each for each in first.tables if each.name == "published")]
    return Report(
        title=f"Table 1 on {source}",
        headline=Headline("accuracy", spread(accuracies[best]).mean, "max", unit="%"),
        tables=[each for each in tables if each.rows],
        figures=[_figure(reports, source)],
        notes=[*_said(parts), ELSEWHERE, *_common_notes(reports)],
    )


def differences(reports: Mapping[str, Sequence[Report]], source: str) -> Table:
    """What each part brings: differences of two rows, paired by seed, and McNemar's exact test.

    Reference:
        McNemar, 1947.
    """
    known = _known(reports)
    names = ["difference", "low", "high"] + (["expected", "low ", "high "] if known else [])
    columns = [
        Column("what it brings"),
        *(Column(name, "+.2f", "%") for name in names),
        Column("seeds", "d"),
        Column("seeds with p < 0.05", "d"),
    ]
    rows = []
    for name, better, worse in PARTS:
        if better not in reports or worse not in reports:
            continue
        tests = [
            mcnemar(_right(a), _right(b))
            for a, b in zip(reports[better], reports[worse], strict=True)
            if _check_same(a, b)
        ]
        measured = [[100 * test.difference for test in tests]]
        if known:
            pairs = zip(reports[better], reports[worse], strict=True)
            measured.append([100 * (_expected(a) - _expected(b)) for a, b in pairs])
        found = [x for each in map(spread, measured) for x in (each.mean, each.low, each.high)]
        certain = sum(test.p < 0.05 for test in tests)
        rows.append((name, *found, len(tests), certain))
    caption = "What each part brings: mean over seeds, 95 % interval; McNemar's test in each seed"
    return Table("differences", columns, rows, caption=caption, source=source)


def compare(reports: Mapping[str, Report]) -> Report:
    """Sets runs side by side on the same judgements; every other one is tested against the first.

    Raises:
        ConfigError: the runs were not asked about the same judgements.

    Reference:
        McNemar, 1947.
    """
    first = next(iter(reports))
    columns = [
        Column("run"),
        *(Column(name, ".2f", "%") for name in ("accuracy", "low", "high")),
        Column(f"difference to {first}", "+.2f", "%"),
        Column("it alone is right", "d"),
        Column(f"{first} alone is right", "d"),
        Column("p", ".3g"),
    ]
    rows = []
    for label, report in reports.items():
        right = _right(report)
        interval = wilson_interval(int(right.sum()), len(right))
        row = [label, *(100 * x for x in (interval.value, *interval.interval))] + [None] * 4
        if label != first:
            _check_same(report, reports[first])
            test = mcnemar(right, _right(reports[first]))
            row[4:] = [100 * test.difference, test.only_first, test.only_second, test.p]
        rows.append(tuple(row))
    caption = "Accuracy on the same judgements; p: McNemar's exact test"
    table = Table("comparison", columns, rows, caption, reports[first].table("accuracy").source)
    return Report(
        title="Runs side by side",
        headline=reports[first].headline,
        tables=[table],
        figures=[],
        notes=[INTERVALS, ELSEWHERE],
    )


def _right(report: Report) -> np.ndarray:
    return hits(report.predictions["logit"], report.predictions["preferred"])


def _known(reports: Mapping[str, Sequence[Report]]) -> bool:
    """Whether all are of a synthetic corpus whose truth is known."""
    return all("probability" in each.predictions for seeds in reports.values() for each in seeds)


def _expected(report: Report) -> float:
    return expected(report.predictions["logit"], report.predictions["probability"])


def _shuffled(report: Report) -> float:
    said = report.predictions
    return float(hits(said["shuffled"], said["preferred"]).mean())


def _same(report: Report) -> float:
    said = report.predictions
    return float(np.mean(np.sign(said["logit"]) == -np.sign(said["swapped"])))


def _check_same(a: Report, b: Report) -> bool:
    for name in ("preferred", "video", "a", "b"):
        if not np.array_equal(a.predictions[name], b.predictions[name]):
            raise ConfigError(
                "the runs were asked about different judgements; evaluate them on one source"
            )
    return True


def _constants(reports: Mapping[str, Sequence[Report]], width: int) -> list[tuple]:
    """Rows of what is the same in every run: guessing, the usual answer, oracles."""
    records = next(iter(reports.values()))[0].table("accuracy").to_records()
    rows = []
    for each in records:
        name = str(each["who answers"])
        if name.startswith(("always", "oracle", paper.GUESSING)):
            row: list = [name, each["accuracy"], *[None] * (width - 2)]
            if _known(reports):
                row[5] = each["expected"]
            row[-1] = paper.TABLE_1.get(name)
            rows.append(tuple(row))
    return rows


def _figure(reports: Mapping[str, Sequence[Report]], source: str) -> Figure:
    known = _known(reports)
    values = {
        label: [100 * _expected(each) if known else each.headline.value for each in seeds]
        for label, seeds in reports.items()
    }
    found = [spread(each, limits=(0, 100)) for each in values.values()]
    several = len(next(iter(values.values())))
    what = "accuracy to be expected" if known else "accuracy"
    return dots(
        "table-1",
        list(values),
        np.array([each.mean for each in found]),
        np.array([each.interval for each in found]),
        value_label=f"{what} (%)",
        chance=50,
        caption=f"Test {what}, mean of {several} seeds. Whiskers: 95 % interval of the mean.",
        source=source,
    )


def _said(parts: Table) -> list[str]:
    """Says plainly what no seed could tell from nothing."""
    found = []
    for row in parts.to_records():
        ends = row.get("low ", row["low"]), row.get("high ", row["high"])
        low, high = (float("nan") if end is None else float(end) for end in ends)
        if low <= 0 <= high:
            found.append(f"{row['what it brings']} {NOTHING.format(seeds=row['seeds'])}.")
    return found


def _common_notes(reports: Mapping[str, Sequence[Report]]) -> list[str]:
    """Notes that every run has: on the data, not on one network."""
    every = [set(report.notes) for seeds in reports.values() for report in seeds]
    first = next(iter(reports.values()))[0]
    return [note for note in first.notes if note in set.intersection(*every) - {ELSEWHERE}]
