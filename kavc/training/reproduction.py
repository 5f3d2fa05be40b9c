"""Every row of a paper's table, several seeds each, beside the published numbers."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kavc import progress
from kavc.data.source import Source
from kavc.errors import ConfigError, unknown
from kavc.evaluation.made import command
from kavc.evaluation.report import Report
from kavc.folders import check_own, claim
from kavc.systems.base import Row, System
from kavc.terminal import Verbose, showing
from kavc.training.data_facts import check_alike
from kavc.training.examples import Examples
from kavc.training.fit import train
from kavc.training.made import made_of
from kavc.training.resolve import resolve

if TYPE_CHECKING:
    from kavc.training.run import Run
    from kavc.training.stages import AfterEpoch


def reproduce(
    system: str | System,
    data: str | Source,
    out: str | os.PathLike,
    *,
    seeds: int = 3,
    preset: str = "paper",
    overrides: Mapping[str, Any] | None = None,
    splits: str | os.PathLike | None = None,
    devices: int | None = None,
    only: Sequence[str] = (),
    after_epoch: AfterEpoch | None = None,
    verbose: Verbose = "auto",
) -> Report:
    """Trains all rows of the paper's main table and reports them together.

    Each run lies in `OUT/ROW/seed-S`. Called again, it takes finished runs as they are and goes
    on with the one that was stopped.

    Args:
        system: its name, or the system itself.
        data: source, as "youtube8m:PATH".
        out: folder of all runs and of the report.
        seeds: runs of each row, with seeds 0, 1, ...
        preset, overrides, splits, devices, after_epoch, verbose: as `train`. `overrides` holds
            for every row.
        only: labels of the rows to train, as one of several machines has them; all, if empty. The
            report is of these alone, until the folder is called with all.

    Returns:
        The report over all rows and seeds, also written to `out`.

    Raises:
        ConfigError, DataError: as `train`; or `only` names no row.

    Example:
        report = reproduce("ti-avc", "synthetic:corpus", "reproduction", seeds=3)
        print(report.to_markdown())
    """
    overrides = dict(overrides or {})
    system, source, base = resolve(system, data, splits=splits, preset=preset, overrides=overrides)
    out = Path(out)
    rows = system.rows(base)
    folders = [folder_name(row.label) for row in rows]
    check_own(out, "reproduction", folders)
    clash = sorted({name for row in rows for name in row.overrides} & set(overrides))
    if clash:
        raise ConfigError(f"option {clash[0]!r} tells the rows of the table apart; leave it out")
    rows = _chosen(rows, only)
    with showing(verbose):
        progress.announce(
            f"{system.name}, preset {preset}, {len(rows)} rows, {seeds} seeds each, on {source}, "
            f"into {out}"
        )
        for row in rows:  # before hours are spent on the first
            config = base.replace(**row.overrides)
            info = Examples(system, source).info(config)
            system.check(info, system.adapt(config, info))
        reports: dict[str, list[Report]] = {}
        runs: list[Run] = []
        ended: list[Report] = []
        pairs = list(itertools.product(rows, range(seeds)))
        for number in tracked_runs([(row.label, seed) for row, seed in pairs], ended):
            row, seed = pairs[number]
            run = train(
                system,
                source,
                out / folder_name(row.label) / f"seed-{seed}",
                preset=preset,
                overrides=overrides | dict(row.overrides),
                seed=seed,
                resume=True,
                devices=devices,
                after_epoch=after_epoch,
            )
            claim(out, "reproduction", folders)
            runs.append(run)
            ended.append(run.report)
            reports.setdefault(row.label, []).append(ended[-1])
    check_alike({run.path: run.data for run in runs})
    called = command(
        "kavc.training.reproduce", system.name, str(data), str(out), seeds=seeds, preset=preset,
        overrides=overrides, splits=splits, devices=devices, only=only,
    )  # fmt: skip
    report = system.summarise(reports, source, run.config)
    report = dataclasses.replace(report, made=made_of(runs, run.data, command=called))
    report.write_into(out)
    return report


def tracked_runs(asked: Sequence[tuple[str, int]], ended: Sequence[Report]) -> Iterator[int]:
    """Yields numbers from 0, and tells how far many runs are.

    Args:
        asked: label and seed of each.
        ended: reports of those that have ended: each is the last one once the next is asked for.
    """
    with progress.task("training", unit="runs", total=len(asked)) as told:
        for number, (label, seed) in enumerate(asked):
            told.at = f"run {number + 1} of {len(asked)}, {label}, seed {seed}"
            yield number
            told.advance()
            which = f"[{number + 1}/{len(asked)}] {label}, seed {seed}"
            progress.say(f"{which}: {ended[-1].headline}")


def _chosen(rows: Sequence[Row], only: Sequence[str]) -> list[Row]:
    labels = [row.label for row in rows]
    for label in only:
        if label not in labels:
            raise ConfigError(unknown("row", label, labels))
    return [row for row in rows if not only or row.label in only]


def folder_name(label: str) -> str:
    """Returns the folder of a row: "Joint Ti-AVC" lies in "joint-ti-avc".

    Example:
        >>> folder_name("Joint Ti-AVC"), folder_name("MS-VAE (no labels)")
        ('joint-ti-avc', 'ms-vae--no-labels')
    """
    return "".join(c if c.isalnum() else "-" for c in label.lower()).strip("-")
