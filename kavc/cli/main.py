"""The command `kavc`: its groups, and how errors end."""

from __future__ import annotations

import errno
import functools
import logging
import math
import os
import sys
from collections.abc import Callable
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from kavc import __version__, keras_settings
from kavc.cli import app as page
from kavc.cli import (
    completion,
    data,
    demo,
    evaluate,
    extract,
    index,
    listen,
    parse,
    predict,
    rank,
    retrieve,
    segments,
    serve,
    synth_video,
    systems,
    train,
    tune,
    usage,
)
from kavc.cli.output import LogLines, errors
from kavc.errors import KavcError, is_wrong_path, unknown
from kavc.evaluation.made import typed
from kavc.terminal import showing

DEBUG = "--debug"
DEBUG_VARIABLE = "KAVC_DEBUG"
INTERRUPTED = 130
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
WRITTEN = ("out", "to", "index", "sweep")  # the parameters of commands that say where they write
LONGEST = 500  # characters of an error that others wrote
LONGEST_OWN = 20_000  # of one of ours, which may list names


def _literal(command: TyperCommand | TyperGroup) -> None:
    """Escapes a command's help, since Rich would take what stands in brackets for a style."""
    for one in (command, *command.params):
        if text := getattr(one, "help", None):
            one.help = escape(text)  # type: ignore[union-attr]


class Command(TyperCommand):
    """A command whose help says literally what is written, and whose arguments can be used."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _literal(self)
        completion.attach(self.name, self.params)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except TyperException as error:
            error.ctx = getattr(error, "ctx", None) or ctx  # type: ignore[attr-defined]
            raise

    def invoke(self, ctx: Any) -> Any:
        for param in self.params:
            value = ctx.params.get(param.name)
            if value != param.default and (fault := _fault(value)):
                raise typer.BadParameter(fault, ctx, param_hint=param.opts[0])
        return super().invoke(ctx)


def _fault(value: object) -> str:
    """Returns what is wrong with an argument, whatever it is for; empty if nothing is."""
    if isinstance(value, list | tuple):
        return next(filter(None, map(_fault, value)), "")
    if isinstance(value, float):  # a range without an end lets infinity pass
        fits = math.isfinite(value)
    else:
        fits = not isinstance(value, int) or -(2**63) <= value < 2**63
    if not fits:
        return f"{value} is not a finite number of 64 bits"
    if isinstance(value, str | os.PathLike) and not os.fspath(value).isascii():
        try:
            os.fspath(value).encode()
        except UnicodeEncodeError:  # bytes that Python keeps as surrogates
            return f"{os.fspath(value)!a} is not UTF-8, the only text that TensorFlow takes"
    return ""


class Group(TyperGroup):
    """A group whose help says literally what is written, and whose usage errors are one line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _literal(self)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if not (name.startswith("-") or name in self.commands or ctx.resilient_parsing):
            ctx.fail(unknown("command", name, self.commands))
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        if not kwargs.get("standalone_mode", True):
            return super().main(*args, **kwargs)
        words = args[0] if args else kwargs.get("args")
        try:
            with typed(sys.argv[1:] if words is None else words):
                sys.exit(super().main(*args, **kwargs | {"standalone_mode": False}))
        except TyperException as error:
            if text := usage.told(error):  # else its message was the help
                _print(text)
            sys.exit(error.exit_code)
        except OSError as error:  # of printing help
            if os.environ.get(DEBUG_VARIABLE):
                raise
            _print(_of_system(error, {}))
            sys.exit(1)


app = typer.Typer(
    name="kavc",
    cls=Group,
    help="Relate what is seen to what is heard: train, evaluate and serve audio-visual systems.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a command: its errors become one line and an exit code, unless --debug was given.

    Exits 2 for a user's mistake, 1 for a failure, 130 when interrupted.
    """

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        keras_settings.take_over()
        try:
            command(*args, **kwargs)
        except KavcError as error:
            _fail(_one_line(str(error)), error.exit_code)
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except (typer.Exit, typer.Abort):
            raise
        except OSError as error:
            _fail(_of_system(error, kwargs), 2 if is_wrong_path(error) else 1)
        except Exception as error:
            text = ": ".join(filter(None, (type(error).__name__, _short(error))))
            _fail(f"{text} ({DEBUG} shows where)", 1)

    return run


def _of_system(error: OSError, parameters: dict[str, Any]) -> str:
    """Returns the file and the reason of an error of the operating system, in one line."""
    if not error.strerror:
        return _short(error) or type(error).__name__
    files = [error.filename, error.filename2]
    if error.errno in NO_ROOM and files == [None, None]:  # write() knows no names
        files = [parameters[name] for name in WRITTEN if parameters.get(name)][:1]
    names = [os.fsdecode(file) for file in files if isinstance(file, str | bytes | os.PathLike)]
    return _one_line(": ".join([*filter(None, [" -> ".join(names)]), error.strerror]))


def _one_line(text: str, most: int = LONGEST_OWN) -> str:
    line = " ".join(line.strip() for line in text.splitlines() if line.strip())
    return line if len(line) <= most else f"{line[:most]} ..."


def _short(error: Exception) -> str:
    return _one_line(str(error), LONGEST)


def _fail(message: str, code: int) -> None:
    if os.environ.get(DEBUG_VARIABLE):
        raise  # the error that is being handled
    _print(message)
    raise typer.Exit(code) from None


def _print(message: str) -> None:
    errors.print(f"error: {message}", style="red", highlight=False, soft_wrap=True)


def _version(shown: bool) -> None:
    if shown:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    debug: bool = typer.Option(False, DEBUG, help="Show the traceback of an error."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Show no progress."),
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    del version
    context.with_resource(showing(0 if quiet else "auto"))
    if debug:
        os.environ[DEBUG_VARIABLE] = "1"


for module in (
    demo, systems, synth_video, extract, train, evaluate, retrieve, parse, segments, rank, listen,
    serve, predict, page,
):  # fmt: skip
    for command in module.COMMANDS:
        app.command(cls=Command)(guarded(command))
for name, group in {"data": data, "index": index, "tune": tune}.items():
    commands = typer.Typer(cls=Group, help=group.HELP, no_args_is_help=True)
    for command in group.COMMANDS:
        commands.command(cls=Command)(guarded(command))
    app.add_typer(commands, name=name)


def main() -> None:
    """Runs the command line."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of every second fit
    if logging.lastResort is not None:  # prints what the library warns of
        logging.lastResort.setFormatter(LogLines())
    app()
