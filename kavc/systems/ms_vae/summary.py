"""The paper's rows over seeds: Tables 1 and 2, what each part brings, and a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kavc.errors import ConfigError
from kavc.evaluation.figure import Figure
from kavc.evaluation.headline import Headline
from kavc.evaluation.localization_charts import two_clouds
from kavc.evaluation.parsing_charts import Seeds, systems_over_seeds
from kavc.evaluation.report import Report
from kavc.evaluation.spreads import Spread, spread
from kavc.evaluation.table import Column, Table
from kavc.systems.ms_vae import paper
from kavc.systems.ms_vae.controls import LINEAR
from kavc.systems.ms_vae.evaluation import HEADLINE, OTHER_CORPUS
from kavc.systems.ms_vae.held import CHANCE, FIRST, LAST, USUAL
from kavc.systems.ms_vae.retrieval import TASKS
from kavc.systems.ms_vae.tables import ELSEWHERE, HERE, SHUFFLED, WAYS

Reports = Mapping[str, Sequence[Report]]  # label of a row to one report a seed
REFERENCE = (LINEAR, CHANCE, FIRST, LAST, USUAL)
LIMITS = (0.0, 100.0)
CLOUDS = ("CM-VAE", "Ours", "Ours + W", paper.IMPROVED)  # of Figure 3; it has no last one
# What each is measured by: a row with it, and one without.
INGREDIENTS = {
    "the latents' distance, W": ("Ours + W", "Ours"),
    "a shared decoder": ("Ours", "CM-VAE"),
    "W, in improved": (paper.IMPROVED, paper.WITHOUT_W),
}


def summarise(reports: Reports, source: str) -> Report:
    """Puts rows side by side, each over seeds.

    Args:
        reports: label of each row to one report a seed, from 0 on, on the same videos; rows may
            have fewer seeds than others. The last row gives the headline.
        source: where the numbers come from.

    Raises:
        ConfigError: the runs were not evaluated on the same videos, or not by this system.

    Reference:
        Zhu et al., 2021, tables 1 and 2.
    """
    _check_same_queries([report for seeds in reports.values() for report in seeds])
    label, seeds = list(reports.items())[-1]
    found = spread([average(report) for report in seeds], limits=LIMITS)
    tables = [
        localization_table(reports, source),
        retrieval_table(reports, source),
        ingredient_table(reports, source),
        shuffled_table(reports, source),
    ]
    return Report(
        title=f"Tables 1 and 2 on {source}",
        headline=Headline(f"{HEADLINE}, {label}", found.mean, "max", found.interval, "%"),
        tables=[table for table in tables if table.rows],
        figures=[_figure(reports, source), *_cloud_figures(reports, source)],
        notes=[
            "Intervals over seeds: 95 %, Student's t; none from one seed, nor where all are equal.",
            *_common_notes(reports),
        ],
    )


def localization_table(reports: Reports, source: str) -> Table:
    """Table 1: mean and deviation over seeds, the paper's, and what needs no network."""
    rows: list[tuple] = []
    for label, seeds in reports.items():
        spreads = [spread([x[at] for x in map(localized, seeds)]) for at in range(3)]
        rows += _two(label, len(seeds), spreads)
        if label in paper.LOCALIZATION:
            rows.append((label, paper_name(reports), None, *paper.LOCALIZATION[label]))
    some = next(iter(reports.values()))[0].table("localization")
    constants = {str(row[0]): row[1:4] for row in some.rows}
    rows += [(name, "", None, *constants[name]) for name in REFERENCE if name in constants]
    return Table(
        "table-1",
        [Column("system"), Column("what"), Column("seeds", "d"),
         *(Column(name, ".1f", "%") for name in ("A2V", "V2A", "average"))],
        rows,
        caption="Cross-modal localisation: queries that are found exactly (Table 1)",
        source=source,
    )  # fmt: skip


def retrieval_table(reports: Reports, source: str) -> Table:
    """Table 2: mean and deviation over seeds of the mean over draws, the paper's, and chance."""
    rows: list[tuple] = []
    for label, seeds in reports.items():
        spreads = [spread([x[at] for x in map(retrieved, seeds)]) for at in range(len(TASKS))]
        rows += _two(label, len(seeds), spreads)
        if label in paper.RETRIEVAL:
            rows.append((label, paper_name(reports), None, *paper.RETRIEVAL[label]))
    some = next(iter(reports.values()))[0].table("retrieval")
    rows += [(row[0], "", None, *row[1:]) for row in some.rows if row[0] in (LINEAR, CHANCE)]
    return Table(
        "table-2",
        [Column("system"), Column("what"), Column("seeds", "d"),
         *(Column(task, ".3f") for task in TASKS)],
        rows,
        caption="Mean reciprocal rank (Table 2)",
        source=source,
    )  # fmt: skip


def ingredient_table(reports: Reports, source: str) -> Table:
    """What each part brings to localisation: seeds paired, with the interval over these."""
    rows: list[tuple] = []
    ours = {"ours": (paper.IMPROVED, _best_unsupervised(reports))}
    pairs = {**INGREDIENTS, **ours}
    for name, (label, other) in pairs.items():
        if label in reports and other in reports:
            both = zip(reports[label], reports[other], strict=False)  # the seeds that both have
            found = spread([average(a) - average(b) for a, b in both])
            measured = (found.mean, found.std, found.low, found.high, found.count)
            rows.append((name, f"{label} - {other}", *measured))
    numbers = [Column(name, "+.1f", "%") for name in ("average", "sd over seeds", "low", "high")]
    return Table(
        "ingredients",
        [Column("ingredient"), Column("difference"), *numbers, Column("seeds", "d")],
        rows,
        caption="What each part adds to the share of queries that are found: mean over seeds with "
        "its 95 % interval; ours against the best unsupervised row of the paper",
        source=source,
    )


def shuffled_table(reports: Reports, source: str) -> Table:
    """What is left where pictures are of another video, beside chance: means over seeds."""
    some = next(iter(reports.values()))[0].table("localization")
    guess = next(row[3] for row in some.rows if row[0] == CHANCE)
    rows = []
    for label, seeds in reports.items():
        found = np.array([_shuffled(report) for report in seeds], float)
        rows.append((label, len(seeds), *found.mean(axis=0), guess))
    numbers = ("A2V", "V2A", "average", "average, low", "average, high", CHANCE)
    return Table(
        "shuffled",
        [Column("system"), Column("seeds", "d"), *(Column(name, ".1f", "%") for name in numbers)],
        rows,
        caption="Queries that are found exactly where pictures are of another video: mean of "
        "permutations, less and more two standard errors of it",
        source=source,
    )


def localized(report: Report) -> tuple[float, ...]:
    """Returns a run's A2V, V2A and average in per cent."""
    start = report.predictions["start"]
    both = [100 * float(np.mean(report.predictions[way] == start)) for way in WAYS]
    return *both, float(np.mean(both))


def average(report: Report) -> float:
    """Returns a run's mean of both directions, in per cent."""
    return localized(report)[-1]


def retrieved(report: Report) -> np.ndarray:
    """Returns a run's mean reciprocal ranks, (4,), in the order of the tasks."""
    return report.predictions["reciprocal_rank"].mean(axis=(0, 2))


def _shuffled(report: Report) -> tuple:
    return next(row for row in report.table("localization").rows if row[0] == SHUFFLED)[1:6]


def paper_name(reports: Reports) -> str:
    """Returns what the paper's numbers are called, by whether they are of these videos."""
    seeds = next(iter(reports.values()))
    return ELSEWHERE if OTHER_CORPUS in seeds[0].notes else HERE


def _two(label: str, seeds: int, spreads: Sequence[Spread]) -> list[tuple]:
    return [
        (label, "mean", seeds, *(one.mean for one in spreads)),
        (label, "sd over seeds", seeds, *(one.std for one in spreads)),
    ]


def _best_unsupervised(reports: Reports) -> str:
    """Returns that row of MS-VAE's recipe whose mean is highest; "" for none."""
    means = {
        label: np.mean([average(report) for report in reports[label]])
        for label in ("CM-VAE", "Ours", "Ours + W", paper.CODE)
        if label in reports
    }
    return max(means, key=lambda label: means[label], default="")


def _figure(reports: Reports, source: str) -> Figure:
    some = next(iter(reports.values()))[0].table("localization")
    constants = {str(row[0]): float(row[3] or 0) for row in some.rows}
    return systems_over_seeds(
        "localization",
        {
            "average of both directions": {
                label: Seeds(
                    [average(report) for report in seeds],
                    paper.LOCALIZATION.get(label, (None,) * 3)[paper.AVERAGE],
                )
                for label, seeds in reports.items()
            }
        },
        {
            "average of both directions": {
                name: constants[name] for name in REFERENCE if name in constants
            }
        },
        published_label=paper_name(reports),
        value_label="found exactly (%)",
        caption="Cross-modal localisation of each row. Dots are seeds, lines what needs no "
        "network.",
        source=source,
    )


def _cloud_figures(reports: Reports, source: str) -> list[Figure]:
    """Figure 3: the first seed of those that it has, and of ours; none where there is none."""
    shown = [label for label in CLOUDS if label in reports]
    if not shown:
        return []
    figure = two_clouds(
        "latents",
        {label: tuple(reports[label][0].predictions["latents"]) for label in shown},
        caption="Latents of event segments of the test videos, each in sound and in pictures "
        "(Figure 3). By t-SNE, whose axes have no unit, of each system's first seed; "
        f"{len(reports[shown[0]][0].predictions['latents'][0])} segments.",
        source=source,
    )
    return [figure]


def _check_same_queries(reports: Sequence[Report]) -> None:
    needed = ("id", "start", "length", *WAYS, "reciprocal_rank", "latents")
    for report in reports:
        if missing := [name for name in needed if name not in report.predictions]:
            raise ConfigError(
                f"report {report.title!r} has no {missing[0]!r} among its predictions; evaluate "
                "the run again with its ms-vae"
            )
    for name in ("id", "start", "length"):
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
