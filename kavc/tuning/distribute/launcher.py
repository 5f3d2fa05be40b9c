"""A shared sweep on one machine, by a chief and workers that this process looks after."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kavc.tuning.attempt import Limits
from kavc.tuning.distribute.crew import Crew
from kavc.tuning.distribute.shares import shares
from kavc.tuning.settings import SweepSettings
from kavc.tuning.sweep import Sweep

KAVC = (sys.executable, "-m", "kavc")


def run_shared(
    settings: SweepSettings,
    out: str | os.PathLike,
    workers: int,
    *,
    gpus: Sequence[str] = (),
    resume: bool = False,
    limits: Limits | None = None,
    report: Callable[[str], None] = lambda line: None,
    command: Sequence[str] = KAVC,
) -> Sweep:
    """Runs a sweep by a chief and workers, processes of this machine; call it as `run_sweep`.

    They talk over a socket that is this user's alone. What the workers say is in `out`/logs. Each
    has its share of the CPUs, unless the environment sets the number of threads. What is proposed
    depends on which trials have ended, and so on the machine.

    Args:
        settings, out, resume, limits: as of `kavc.tuning.run.run_sweep`.
        workers: how many.
        gpus: what CUDA_VISIBLE_DEVICES is for the first worker, the second and so on, and round
            again; as it is here, if empty. The chief has none.
        report: told the chief's lines and who died, a line each.
        command: that runs `kavc`.

    Raises:
        ConfigError: the name of a GPU is missing.
        KavcError: what ended the chief; or no worker is left.
    """
    limits, environments = limits or Limits(), shares(workers, gpus)
    with tempfile.TemporaryDirectory(prefix="kavc-tune-") as folder, terminable():
        crew = Crew(
            settings, Path(out), Path(folder), environments, resume, limits, report, command
        )
        try:
            crew.start_chief()
            crew.watch()
        finally:
            crew.stop()
    return Sweep(out)


def end_with_launcher() -> None:
    """Interrupts this process when its standard input is closed: its launcher has died."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGTERM)

    threading.Thread(target=wait, name="launcher", daemon=True).start()


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Lets SIGTERM interrupt the block, as Ctrl-C does; and a closed terminal, unless by nohup."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    if before[signal.SIGHUP] == signal.SIG_IGN:
        del before[signal.SIGHUP]
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
