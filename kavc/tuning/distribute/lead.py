"""Leads a shared sweep in this process."""

from __future__ import annotations

import os
from collections.abc import Callable

from kavc.tuning.attempt import Limits, Listener
from kavc.tuning.distribute.chief import LOST_AFTER, Chief
from kavc.tuning.distribute.messages import ENDED
from kavc.tuning.distribute.server import serving
from kavc.tuning.run import open_sweep
from kavc.tuning.settings import SweepSettings
from kavc.tuning.sweep import Sweep


def run_chief(
    settings: SweepSettings,
    out: str | os.PathLike,
    address: str,
    *,
    resume: bool = False,
    limits: Limits | None = None,
    lost_after: float = LOST_AFTER,
    listener: Listener | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> str:
    """Leads a sweep until it has ended, or its time is up and at most 60 s more.

    A worker that fails three trials in a row waits until another one has tried the last of them;
    if that one succeeds, it is refused, and what it failed is trained again. A trial that still
    runs when it should have been ended long ago (`limits.trial_minutes`, twice, and 60 s) has
    failed.

    Args:
        settings, out, resume, limits, listener: as of `kavc.tuning.run.run_sweep`.
        address: "HOST:PORT" or "unix:PATH", where workers find it.
        lost_after: seconds without a sign of life after which a worker has died. Its trial is
            begun anew by another one; a trial in which two died has failed.
        report: told, a line each, where it listens, who comes and who is lost.

    Returns:
        Why it is over: "ended" or "time is up".

    Raises:
        ConfigError, DataError: as `run_sweep`.
        ServingError: nobody can listen at this address.
    """
    opened = open_sweep(settings, out, resume=resume, limits=limits, listener=listener)
    with opened as tuner:
        chief = Chief(tuner, Sweep(out), lost_after=lost_after, report=report)
        try:
            with serving(chief.answer, address) as bound:
                report(f"chief of {out}, on {bound}")
                chief.wait()
        finally:
            chief.close()
    if chief.error is not None:
        raise chief.error
    return chief.over or ENDED
