"""What can be told of a sweep before TensorFlow is loaded: a mistake does not wait for it."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from kavc.data.source import Source
from kavc.errors import ConfigError
from kavc.folders import check_own
from kavc.training.resolve import resolve
from kavc.tuning.settings import SweepSettings
from kavc.tuning.space import parse_limits
from kavc.tuning.sweep import SWEEP, Sweep


def check_sweep(
    settings: SweepSettings, out: Path, *, resume: bool, source: Source | None = None
) -> None:
    """Raises if a sweep can't begin or go on, by its settings, its folder and where its data are.

    Args:
        settings, out, resume, source: as of `kavc.tuning.run.run_sweep`.

    Raises:
        ConfigError: a name or a value doesn't fit, or `out` is in use or holds another sweep.
        DataError: there are no such data or splits.

    Example:
        settings = SweepSettings("ti-avc", "synthetic:corpus", tuner="random")
        check_sweep(settings, Path("sweeps/ti-avc"), resume=False)
    """
    _refuse_keras_tuners_chief()
    resolved = resolve(
        settings.system,
        source or settings.data,
        splits=settings.splits,
        preset=settings.preset,
        overrides=settings.set,
    )
    parse_limits(resolved.config, settings.space)
    _check_folder(out, settings, resume)


def _check_folder(out: Path, settings: SweepSettings, resume: bool) -> None:
    """Refuses a folder, and settings that a sweep can't go on with, before any data are read."""
    check_own(out, "sweep")
    if not resume or not (out / SWEEP).exists():
        return
    begun = Sweep(out).settings
    for each in fields(SweepSettings):
        before, now = getattr(begun, each.name), getattr(settings, each.name)
        if before != now and not _may_change(each.name, before, now):
            raise ConfigError(
                f"{out} was begun with {each.name} {before!r}, not {now!r}; resume it as it was "
                "or use another folder"
            )


def _may_change(name: str, before: Any, now: Any) -> bool:
    """Whether a setting may be another one when a sweep goes on.

    Data may have been moved: what is in them decides. There may be more trials.
    """
    grows = name == "trials" and None not in (before, now) and now > before
    return grows or name in ("data", "splits")


def _refuse_keras_tuners_chief() -> None:
    """KerasTuner would start its own chief, or call its files otherwise."""
    for name in ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP"):
        if name in os.environ:
            raise ConfigError(
                f"{name} is set, for KerasTuner's own chief; unset it, and share a sweep by "
                "--workers or --cluster"
            )
