"""The paper's rows over seeds: what their reports hold together, and the tables of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kavc.evaluation.report import Report
from kavc.evaluation.spreads import Spread, spread
from kavc.evaluation.table import Column, Table
from kavc.systems.av_parsing import paper
from kavc.systems.av_parsing.evaluation import OTHER_CORPUS
from kavc.systems.av_parsing.held import NOTHING, PROBE, WEAK
from kavc.systems.av_parsing.probes import PROBES
from kavc.systems.av_parsing.tables import ELSEWHERE, HERE, LEVELS, METRICS, PAPER, TYPE

Reports = Mapping[str, Sequence[Report]]  # label of a row to one report a seed

REFERENCE = (NOTHING, WEAK, PROBE)
# What each is measured by: a row with it, and one without.
INGREDIENTS = {
    "GCAA": ("Base + GCAA", "Base"),
    "Adv+Skip": ("Base + Adv+Skip", "Base"),
    "GCAA on top of Adv+Skip": ("Base + Adv+Skip+GCAA", "Base + Adv+Skip"),
    "refined labels": ("Wu et al.", "HAN"),
    "pretraining (uni)": ("Pretrain (uni)", "Base + Adv+Skip+GCAA"),
    "pretraining (cross)": ("Pretrain (cross)", "Base + Adv+Skip+GCAA"),
    "pretraining (multi)": ("Pretrain (multi)", "Base + Adv+Skip+GCAA"),
}


def level_table(number: int, level: str, reports: Reports, source: str) -> Table:
    """Table 1 or 2: mean and deviation of each row over seeds, the paper's, and reference lines."""
    rows: list[tuple] = []
    called = paper_name(reports)
    for label, seeds in reports.items():
        found = _spreads(seeds, level)
        rows.append((label, "mean", len(seeds), *(one.mean for one in found)))
        rows.append((label, "sd over seeds", len(seeds), *(one.std for one in found)))
        if label in PAPER[level]:
            rows.append((label, called, None, *PAPER[level][label]))
    rows += [(label, "", None, *of[level]) for label, of in reference_lines(reports).items()]
    return Table(
        f"table-{number}",
        [
            Column("system"),
            Column("what"),
            Column("seeds", "d"),
            *(Column(name, ".2f", "%") for name in METRICS),
        ],
        rows,
        caption=f"F-scores of {level}s (Table {number})",
        source=source,
    )


def ingredient_table(reports: Reports, source: str) -> Table:
    """What each part brings: seeds paired, with the interval of the mean difference over seeds."""
    rows: list[tuple] = []
    ours = {"ours": (paper.IMPROVED, _best_of_paper(reports))}
    for name, (label, other) in {**INGREDIENTS, **ours}.items():
        if label not in reports or other not in reports:
            continue
        for level in LEVELS:
            pairs = zip(reports[label], reports[other], strict=True)
            found = spread([type_at_av(a, level) - type_at_av(b, level) for a, b in pairs])
            measured = (found.mean, found.std, found.low, found.high, found.count)
            rows.append((name, f"{label} - {other}", level, *measured))
    columns = [Column(name) for name in ("ingredient", "difference", "level")]
    numbers = [Column(name, "+.2f", "%") for name in ("Type@AV", "sd over seeds", "low", "high")]
    return Table(
        "ingredients",
        [*columns, *numbers, Column("seeds", "d")],
        rows,
        caption="What each ingredient adds to Type@AV: mean over seeds with its 95 % interval; "
        "ours against that row of the paper which has the highest mean here",
        source=source,
    )


def probe_table(reports: Reports, source: str) -> Table:
    """How well fresh probes tell the modality, over seeds."""
    rows: list[tuple] = []
    names = [f"accuracy, {probe}" for probe in PROBES]
    for label, seeds in reports.items():
        found = [report.table("modality-probes").to_records() for report in seeds]
        for of_seeds in zip(*found, strict=True):
            spreads = [spread([float(one[name] or 0) for one in of_seeds]) for name in names]
            numbers = (x for one in spreads for x in (one.mean, one.std))
            rows.append((label, of_seeds[0]["features"], *numbers))
    columns = [Column(name) for name in ("system", "features")]
    columns += [
        Column(f"{what}{name}", ".1f", "%") for name in names for what in ("", "sd over seeds, ")
    ]
    return Table(
        "probes",
        columns,
        rows,
        caption="How well fresh probes tell the modality of a segment's features, mean over seeds; "
        "chance is 50 %",
        source=source,
    )


def _best_of_paper(reports: Reports) -> str:
    """Returns that row of the paper whose mean segment-level Type@AV is highest; "" for none."""
    means = {
        label: np.mean([type_at_av(report, "segment") for report in seeds])
        for label, seeds in reports.items()
        if label in PAPER["segment"]
    }
    return max(means, key=lambda label: means[label], default="")


def scores_of(report: Report, level: str) -> np.ndarray:
    """Returns what each video adds to each of a level's numbers, `(videos, 5)` in per cent."""
    return report.predictions[level]


def type_at_av(report: Report, level: str) -> float:
    """Returns a level's Type@AV of a run, in per cent."""
    return float(scores_of(report, level)[:, TYPE].mean())


def _spreads(seeds: Sequence[Report], level: str) -> list[Spread]:
    """Of each of a level's five numbers."""
    means = np.stack([scores_of(report, level).mean(axis=0) for report in seeds])
    return [spread(column) for column in means.T]


def reference_lines(reports: Reports) -> dict[str, dict[str, Sequence[float]]]:
    """Reference lines, which are the same in every run: name to level to five numbers."""
    table = next(iter(reports.values()))[0].table("parsing")
    found = {str(row[0]): row[1:] for row in table.rows}
    return {
        name: {
            level: [float(x or 0) for x in found[name][at * len(METRICS) :][: len(METRICS)]]
            for at, level in enumerate(LEVELS)
        }
        for name in REFERENCE
        if name in found
    }


def paper_name(reports: Reports) -> str:
    """Returns what the paper's numbers are called, by whether they are of these videos."""
    seeds = next(iter(reports.values()))
    return ELSEWHERE if OTHER_CORPUS in seeds[0].notes else HERE
