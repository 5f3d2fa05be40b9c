"""Evaluation of finished runs, one in detail or several side by side."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Sequence
from typing import Any

from kavc import progress
from kavc.data.source import Source
from kavc.errors import ConfigError
from kavc.evaluation.made import command
from kavc.evaluation.report import Report
from kavc.terminal import Verbose, showing
from kavc.training.data_facts import ASSIGNMENT, check_same, difference, facts_of
from kavc.training.made import check_known, made_of
from kavc.training.run import Run

OneRun = Run | str | os.PathLike


def evaluate(
    runs: OneRun | Sequence[OneRun],
    *,
    data: str | Source | None = None,
    splits: str | os.PathLike | None = None,
    verbose: Verbose = "auto",
) -> Report:
    """Evaluates a run on the test split of some data, or several side by side.

    Args:
        runs: a run or its folder, or several of one system.
        data: source, as "youtube8m:PATH"; by default the one that the first run was trained on.
        splits: optional splits file, when `data` is text; alone, of the first run's own data.
        verbose: how progress is shown, as of `kavc.train`.

    Returns:
        The report of the only run, or the system's comparison of all. Its title says so if a run
        was trained on other data than those that were named, or in other splits: what is tested
        may be what it was trained on.

    Raises:
        ConfigError: no run, runs of several systems, or data that don't fit a run's network.
        DataError: no data are named, and those of the first run are not what a run was trained on;
            or what a run's folder says of how it was made is damaged.

    Example:
        kavc.evaluate("runs/ti-avc").headline
        kavc.evaluate("runs/ti-avc", data="features:others").save("report")
        kavc.evaluate(["runs/a", "runs/b"]).tables[0]
    """
    began = time.monotonic()
    given = [runs] if isinstance(runs, Run | str | os.PathLike) else runs
    opened = [run if isinstance(run, Run) else Run(run) for run in given]
    if not opened:
        raise ConfigError("give at least one run folder")
    if len({run.path.resolve() for run in opened}) < len(opened):
        raise ConfigError("a run folder is given twice; give each once")
    names = sorted({run.settings.system for run in opened})
    if len(names) > 1:
        raise ConfigError(f"the runs are of several systems: {', '.join(names)}; compare one kind")
    check_known(opened)
    with showing(verbose):
        facts, reports, remarks = _evaluated(opened, data, splits)
    alone = len(reports) == 1
    report = next(iter(reports.values())) if alone else opened[0].system.compare(reports)
    from kavc.training.devices import described  # TensorFlow is loaded by now

    made = made_of(
        opened,
        facts,
        command=command(
            "kavc.evaluate", [str(run.path) for run in opened], data=data, splits=splits
        ),
        devices=described(),
        evaluation=time.monotonic() - began,
    )
    return _remarked(dataclasses.replace(report, made=made), remarks)


def _evaluated(
    runs: Sequence[Run], data: str | Source | None, splits: str | os.PathLike | None
) -> tuple[dict[str, Any], dict[str, Report], dict[str, str | None]]:
    """Evaluates each run.

    Returns:
        What the data are, as the first run reads them; and by each run's label its report, and in
        what its own data differ.
    """
    on = "its own data" if data is None else str(data)
    progress.announce(f"evaluating {', '.join(str(run.path) for run in runs)} on {on}")
    named = data is not None or splits is not None
    # Its own are checked below, run by run.
    source = runs[0].source_for(data, splits) if named else runs[0].source.settled()
    facts: list[dict[str, Any]] = []
    reports: dict[str, Report] = {}
    remarks: dict[str, str | None] = {}
    for run in progress.track(runs, "evaluating", unit="runs"):
        label = run.path.resolve().name
        label = str(run.path) if label in reports else label
        now, remarks[label] = _check(run, source, named=named)
        facts.append(now)
        reports[label] = run.system.evaluate(run.network, source, run.config)
    return facts[0], reports, remarks


def _check(run: Run, source: Source, *, named: bool) -> tuple[dict[str, Any], str | None]:
    """Refuses data that don't fit a run, or aren't its own unless the user named them.

    Returns:
        What the data are, and in what they differ from those that the run was trained on.
    """
    info = run.look_through(source)
    facts, now = run.data, facts_of(source, info)
    if not named:
        check_same(run.path, facts, now, "trained")
    wanted, found = list(facts["classes"]), list(now["classes"])
    if now["widths"] != facts["widths"] or wanted != found:
        raise ConfigError(
            f"{source} does not fit {run.path}: the network was made for widths "
            f"{facts['widths']} and {len(wanted)} classes, the data have {now['widths']} "
            f"and {len(found)}" + ("" if len(wanted) != len(found) else " with other names")
        )
    run.system.check(info, run.config, run.system.evaluated_on)
    unknown = "splits that aren't known" if named and ASSIGNMENT not in facts else None
    return now, difference(facts, now) or unknown


def _remarked(report: Report, remarks: dict[str, str | None]) -> Report:
    """Returns a report whose title says which runs were trained on something else."""
    found = {label: remark for label, remark in remarks.items() if remark is not None}
    if not found:
        return report
    said = "; ".join(f"{label} was trained on {remark}" for label, remark in found.items())
    return dataclasses.replace(report, title=f"{report.title} – {said}")
