"""Evaluation of finished runs, one in detail or several side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence

from kavc.data.source import Source
from kavc.errors import ConfigError
from kavc.evaluation.report import Report
from kavc.training.run import Run


def evaluate(
    runs: Sequence[str | os.PathLike],
    *,
    data: str | Source | None = None,
    splits: str | os.PathLike | None = None,
) -> Report:
    """Evaluates runs on the test split of some data.

    Args:
        runs: run folders, all of one system.
        data: source, as "youtube8m:PATH"; by default the one that the first run was trained on.
        splits: optional splits file, when `data` is text.

    Returns:
        The report of the only run, or the system's comparison of all.

    Raises:
        ConfigError: no run, runs of several systems, or data that don't fit a run's network.
    """
    opened = [Run(path) for path in runs]
    if not opened:
        raise ConfigError("give at least one run folder")
    names = sorted({run.settings.system for run in opened})
    if len(names) > 1:
        raise ConfigError(f"the runs are of several systems: {', '.join(names)}; compare one kind")
    if isinstance(data, str):
        data = Source.parse(data, splits)
    source = data or opened[0].source
    reports = {}
    for run in opened:
        _check_fits(run, source)
        label = run.path.name if run.path.name not in reports else str(run.path)
        reports[label] = run.system.evaluate(run.network, source, run.config)
    if len(reports) == 1:
        return next(iter(reports.values()))
    return opened[0].system.compare(reports)


def _check_fits(run: Run, source: Source) -> None:
    """Refuses data of other widths or classes than the run's network was made for."""
    info = run.system.describe(source, run.config)
    wanted, found = list(run.data["classes"]), list(info.classes)
    if dict(info.widths) != run.data["widths"] or wanted != found:
        raise ConfigError(
            f"{source} does not fit {run.path}: the network was made for widths "
            f"{run.data['widths']} and {len(wanted)} classes, the data have {dict(info.widths)} "
            f"and {len(found)}" + ("" if len(wanted) != len(found) else " with other names")
        )
