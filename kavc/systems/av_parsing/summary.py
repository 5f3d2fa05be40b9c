"""Several runs together: the paper's rows over seeds, and runs side by side on the same videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kavc.errors import ConfigError
from kavc.evaluation import parsing_charts
from kavc.evaluation.figure import Figure
from kavc.evaluation.headline import Headline
from kavc.evaluation.mean_intervals import mean_bootstrap
from kavc.evaluation.parsing_charts import Seeds
from kavc.evaluation.report import Report
from kavc.evaluation.spreads import spread
from kavc.evaluation.table import Column, Table
from kavc.metrics.parsing import class_counts, class_scores
from kavc.systems.av_parsing import paper
from kavc.systems.av_parsing.evaluation import HEADLINE
from kavc.systems.av_parsing.rows import (
    Reports,
    ingredient_table,
    level_table,
    paper_name,
    probe_table,
    reference_lines,
    scores_of,
    type_at_av,
)
from kavc.systems.av_parsing.tables import LEVELS, METRICS, PAPER, TYPE, by_frequency

LIMITS = (0.0, 100.0)  # of per cent
FIGURE_4 = ("HAN", "Base + Adv+Skip+GCAA", paper.IMPROVED)


def summarise(reports: Reports, source: str) -> Report:
    """Sets rows of Tables 1 and 2, several seeds each, beside the published numbers.

    Args:
        reports: label of a row to one report a seed, the same seeds in every row, on the same
            videos. The last row gives the headline.
        source: where the numbers come from.

    Raises:
        ConfigError: the runs were not evaluated on the same videos, or not by this system.
    """
    _check_same_videos([report for seeds in reports.values() for report in seeds])
    tables = [
        *(level_table(number, level, reports, source) for number, level in enumerate(LEVELS, 1)),
        ingredient_table(reports, source),
        probe_table(reports, source),
    ]
    return Report(
        title=f"Tables 1 and 2 on {source}",
        headline=_headline(reports),
        tables=[table for table in tables if table.rows],
        figures=[_row_figure(reports, source), _class_figure(reports, source)],
        notes=[
            "Intervals over seeds: 95 %, Student's t; none from one seed, nor where all are equal.",
            *_common_notes(reports),
        ],
    )


def compare(reports: Mapping[str, Report]) -> Report:
    """Sets runs side by side on the same test videos; every other one is held against the first.

    Args:
        reports: name of each run to its report.

    Raises:
        ConfigError: as `summarise`.
    """
    _check_same_videos(list(reports.values()))
    first, base = next(iter(reports.items()))
    rows: list[tuple] = []
    for level in LEVELS:
        for label, report in reports.items():
            scores = scores_of(report, level)
            row = [label, level, *scores.mean(axis=0), None, None, None]
            if label != first:
                difference = scores[:, TYPE] - scores_of(base, level)[:, TYPE]
                found = mean_bootstrap(difference[:, None])[0].estimate()
                row[-3:] = found.value, found.low, found.high
            rows.append(tuple(row))
    columns = [
        Column("run"),
        Column("level"),
        *(Column(name, ".2f", "%") for name in METRICS),
        Column(f"Type@AV, difference to {first}", "+.2f", "%"),
        Column("low", "+.2f", "%"),
        Column("high", "+.2f", "%"),
    ]
    table = Table(
        "comparison",
        columns,
        rows,
        caption="F-scores on the same test videos, and the difference in Type@AV with its 95 % "
        "interval",
        source=base.table("parsing").source,
    )
    note = "Differences: paired by video, percentile bootstrap, 2,000 draws."
    return Report(title="Runs side by side", headline=base.headline, tables=[table], notes=[note])


def _row_figure(reports: Reports, source: str) -> Figure:
    panels = {
        f"{level} level": {
            label: Seeds(
                [type_at_av(report, level) for report in seeds],
                PAPER[level][label][TYPE] if label in PAPER[level] else None,
            )
            for label, seeds in reports.items()
        }
        for level in LEVELS
    }
    lines = reference_lines(reports).items()
    return parsing_charts.systems_over_seeds(
        "type-at-av",
        panels,
        {f"{level} level": {label: of[level][TYPE] for label, of in lines} for level in LEVELS},
        published_label=paper_name(reports),
        caption="Type@AV of each row. Dots are seeds, lines what can be had without a network.",
        source=source,
    )


def _class_figure(reports: Reports, source: str) -> Figure:
    """Figure 4, of few rows: mean over seeds."""
    some = next(iter(reports.values()))[0].table("classes")
    truth = next(iter(reports.values()))[0].predictions["truth"]
    order = by_frequency(class_counts(truth))
    shown = [label for label in FIGURE_4 if label in reports] or list(reports)[:1]
    systems = {label: _mean_class_scores(reports[label])[:, order] for label in shown}
    return parsing_charts.scores_of_classes(
        "class-scores",
        [str(row[0]) for row in some.rows],
        systems,
        caption="Segment-level F-score of each class, mean over seeds (Figure 4). Frequent "
        "classes first; a bar is as long as the best score.",
        source=source,
    )


def _mean_class_scores(seeds: Sequence[Report]) -> np.ndarray:
    """Per cent, (2, classes): mean over the seeds in which a class has a score."""
    found = [
        class_scores(report.predictions["predicted"], report.predictions["truth"])[:2]
        for report in seeds
    ]
    return 100 * np.ma.masked_invalid(found).mean(axis=0).filled(np.nan)


def _headline(reports: Reports) -> Headline:
    label, seeds = list(reports.items())[-1]
    found = spread([type_at_av(report, "segment") for report in seeds], limits=LIMITS)
    return Headline(f"{HEADLINE}, {label}", found.mean, "max", found.interval, "%")


def _check_same_videos(reports: Sequence[Report]) -> None:
    needed = ("id", *LEVELS, "predicted", "truth")
    for report in reports:
        if missing := [name for name in needed if name not in report.predictions]:
            raise ConfigError(
                f"report {report.title!r} has no {missing[0]!r} among its predictions; evaluate "
                "the run again with its av-parsing"
            )
    for name in ("id", "truth"):
        if not all(
            np.array_equal(report.predictions[name], reports[0].predictions[name])
            for report in reports
        ):
            raise ConfigError(
                "the runs were evaluated on different videos; evaluate them on one source"
            )


def _common_notes(reports: Reports) -> list[str]:
    """Notes that every run has: on the data, not on one network."""
    every = [set(report.notes) for seeds in reports.values() for report in seeds]
    shared = set.intersection(*every)
    return [note for note in next(iter(reports.values()))[0].notes if note in shared]
