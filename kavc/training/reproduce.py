"""Every row of a paper's table, several seeds each, beside the published numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kavc.data.source import Source
from kavc.errors import ConfigError, unknown
from kavc.evaluation.report import Report
from kavc.folders import check_own, claim
from kavc.systems.base import Row, System
from kavc.training.data_facts import check_alike
from kavc.training.fit import train
from kavc.training.resolve import resolve

if TYPE_CHECKING:
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
    progress: Callable[[str], None] = lambda text: None,
) -> Report:
    """Trains all rows of the paper's main table and reports them together.

    Each run lies in `OUT/ROW/seed-S`. Called again, it takes finished runs as they are and goes
    on with the one that was stopped.

    Args:
        system: its name, or the system itself.
        data: source, as "youtube8m:PATH".
        out: folder of all runs and of the report.
        seeds: runs of each row, with seeds 0, 1, ...
        preset, overrides, splits, devices, after_epoch: as `train`. `overrides` holds for every
            row.
        only: labels of the rows to train, as one of several machines has them; all, if empty. The
            report is of these alone, until the folder is called with all.
        progress: called with a line of text before each run.

    Returns:
        The report over all rows and seeds, also written to `out`.

    Raises:
        ConfigError, DataError: as `train`; or `only` names no row.
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
    for row in rows:  # before hours are spent on the first
        config = base.replace(**row.overrides)
        info = system.describe(source, config)
        system.check(info, system.adapt(config, info))
    reports: dict[str, list[Report]] = {}
    facts: dict[Path, dict[str, Any]] = {}
    for number, row in enumerate(rows):
        for seed in range(seeds):
            progress(f"[{number * seeds + seed + 1}/{len(rows) * seeds}] {row.label}, seed {seed}")
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
            facts[run.path] = run.data
            reports.setdefault(row.label, []).append(run.report)
    check_alike(facts)
    report = system.summarise(reports, source, run.config)
    report.write_into(out)
    return report


def _chosen(rows: Sequence[Row], only: Sequence[str]) -> list[Row]:
    labels = [row.label for row in rows]
    for label in only:
        if label not in labels:
            raise ConfigError(unknown("row", label, labels))
    return [row for row in rows if not only or row.label in only]


def folder_name(label: str) -> str:
    """Returns the folder of a row: "Joint Ti-AVC" lies in "joint-ti-avc"."""
    return "".join(c if c.isalnum() else "-" for c in label.lower()).strip("-")
