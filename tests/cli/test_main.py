"""What all commands share: help, version, exit codes, --debug, where output goes."""

from __future__ import annotations

import json

import pytest
import typer

from kavc.cli import main
from kavc.errors import KavcError

COMMANDS = ("systems", "train", "reproduce", "evaluate", "export", "serve", "predict", "demo")


def test_help_lists_every_command(cli):
    result = cli("--help")
    assert result.exit_code == 0
    for name in (*COMMANDS, "data"):
        assert f" {name} " in result.stdout


@pytest.mark.parametrize("command", [*((name,) for name in COMMANDS), ("data", "synth"),
                                     ("data", "describe"), ("data", "convert")])  # fmt: skip
def test_every_command_has_help(cli, command):
    result = cli(*command, "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


def test_version(cli):
    from kavc import __version__

    assert cli("--version").stdout == f"{__version__}\n"


@pytest.mark.parametrize("arguments", [("trian",), ("train",), ("evaluate",)])
def test_a_wrong_command_line_is_a_users_mistake(cli, arguments):
    result = cli(*arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr
    assert result.stdout == ""


def test_systems(cli):
    result = cli("systems")
    assert result.exit_code == 0
    assert "ti-avc" in result.stdout
    (system,) = [s for s in json.loads(cli("systems", "--json").stdout) if s["name"] == "ti-avc"]
    assert system["presets"][0] == "paper"
    assert system["paper"] == "Themes Informed Audio-Visual Correspondence Learning"


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KavcError("it failed"), 1, "error: it failed\n"),
        (ZeroDivisionError("by zero"), 1, "ZeroDivisionError: by zero (--debug shows where)\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (PermissionError(13, "Permission denied", "/x"), 2, "error: /x: Permission denied\n"),
    ],
)
def test_how_errors_end(monkeypatch, capsys, error, code, line):
    def command():
        raise error

    monkeypatch.setenv(main.DEBUG_VARIABLE, "")
    with pytest.raises(typer.Exit) as ended:
        main.guarded(command)()
    assert ended.value.exit_code == code
    captured = capsys.readouterr()
    assert captured.err.endswith(line)
    assert captured.out == ""


def test_debug_lets_the_error_through(cli, tmp_path):
    result = cli("--debug", "evaluate", tmp_path)
    assert isinstance(result.exception, KavcError)
    assert result.exception.__traceback__ is not None
