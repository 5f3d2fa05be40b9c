"""The command `kavc`: its groups, and how errors end."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from kavc import __version__
from kavc.cli import data, demo, evaluate, index, predict, retrieve, serve, train, tune
from kavc.cli.output import errors
from kavc.errors import KavcError

DEBUG = "--debug"
DEBUG_VARIABLE = "KAVC_DEBUG"
INTERRUPTED = 130
WRONG_PATHS = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)

app = typer.Typer(
    name="kavc",
    help="Relate what is seen to what is heard: train, evaluate and serve audio-visual systems.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a command: its errors become one line and an exit code, unless --debug was given.

    Exits 2 for a user's mistake, 1 for a failure, 130 when interrupted.
    """

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except KavcError as error:
            _fail(str(error), error.exit_code)
        except WRONG_PATHS as error:
            _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 2)
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            _fail(f"{type(error).__name__}: {error} ({DEBUG} shows where)", 1)

    return run


def _fail(message: str, code: int) -> None:
    if os.environ.get(DEBUG_VARIABLE):
        raise  # the error that is being handled
    line = f"error: {message}"
    errors.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code) from None


def _version(shown: bool) -> None:
    if shown:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    debug: bool = typer.Option(False, DEBUG, help="Show the traceback of an error."),
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    del version
    if debug:
        os.environ[DEBUG_VARIABLE] = "1"


for module in (demo, train, evaluate, retrieve, serve, predict):
    for command in module.COMMANDS:
        app.command()(guarded(command))
for name, group in {"data": data, "index": index, "tune": tune}.items():
    commands = typer.Typer(help=group.HELP, no_args_is_help=True)
    for command in group.COMMANDS:
        commands.command()(guarded(command))
    app.add_typer(commands, name=name)


def main() -> None:
    """Runs the command line."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of every second fit
    app()
