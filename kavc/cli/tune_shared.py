"""`kavc tune chief` and `kavc tune work`: a sweep that several machines share."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from kavc.cli.output import epoch_line, progress
from kavc.cli.train import Data, Splits
from kavc.errors import ConfigError

TIME_UP_EXIT = 3

# Of `kavc tune run`, too.
Out = Annotated[Path, typer.Option("--out", help="Sweep folder to write.")]
MaxMinutes = Annotated[
    float, typer.Option("--max-minutes", min=0, help="End the sweep after so many.")
]
MaxTrialMinutes = Annotated[
    float, typer.Option("--max-trial-minutes", min=0, help="A longer trial has failed.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a sweep.")]
Launched = Annotated[bool, typer.Option("--launched", hidden=True)]


def chief(
    sweep: Annotated[Path, typer.Argument(metavar="SWEEP.yaml", help="Sweep file.")],
    out: Out,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port for the workers.")
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; 0.0.0.0 for other machines.")
    ] = "127.0.0.1",
    socket: Annotated[
        Path | None, typer.Option("--socket", help="Unix socket, instead of a port.")
    ] = None,
    data: Data = None,
    splits: Splits = None,
    max_minutes: MaxMinutes = math.inf,
    max_trial_minutes: MaxTrialMinutes = math.inf,
    lost_after: Annotated[
        float,
        typer.Option("--lost-after", min=5, help="Seconds of silence after which a worker died."),
    ] = 60.0,
    resume: Resume = False,
    launched: Launched = False,
) -> None:
    """Lead a sweep whose trials workers train; exits 3 if its time was up before it ended."""
    if (port is None) == (socket is None):
        raise ConfigError("give --port, or --socket")
    from kavc.tuning.attempt import Limits
    from kavc.tuning.distribute.lead import run_chief
    from kavc.tuning.distribute.progress import SharedProgress
    from kavc.tuning.settings import read_settings

    changes = {"data": data, "splits": None if splits is None else str(splits)}
    settings = read_settings(sweep, **changes)
    with _interruptible(launched):
        why = run_chief(
            settings,
            out,
            f"{host}:{port}" if socket is None else f"unix:{socket}",
            resume=resume,
            limits=Limits(max_minutes, max_trial_minutes),
            lost_after=lost_after,
            listener=SharedProgress(progress, epoch_line),
            report=progress,
        )
    _end(why)


def work(
    address: Annotated[str, typer.Option("--chief", metavar="HOST:PORT", help="Of the chief.")],
    name: Annotated[str, typer.Option("--id", help="The worker's name, which no other has.")],
    data: Data = None,
    splits: Splits = None,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds for which no chief may answer.")
    ] = 60.0,
    launched: Launched = False,
) -> None:
    """Train trials of a sweep for its chief; exits 3 if its time was up before it ended."""
    from kavc.tuning.distribute.worker import work as work_for

    _check_address(address)
    text = None if splits is None else str(splits)
    with _interruptible(launched):
        why = work_for(address, name, data=data, splits=text, wait=wait, report=progress)
    _end(why)


def _check_address(address: str) -> None:
    host, _, port = address.rpartition(":")
    if host == "unix" and port:
        return
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(f"--chief {address!r}: expected HOST:PORT, as chief.example:8600")


@contextlib.contextmanager
def _interruptible(launched: bool) -> Iterator[None]:
    """SIGTERM interrupts, as Ctrl-C does; so does the end of a launcher."""
    from kavc.tuning.distribute.launcher import end_with_launcher, terminable

    with terminable():
        if launched:
            end_with_launcher()
        yield


def _end(why: str) -> None:
    from kavc.tuning.distribute.messages import TIME_UP

    progress(f"the sweep is over: {why}")
    if why == TIME_UP:
        raise typer.Exit(TIME_UP_EXIT)


COMMANDS = (chief, work)
