"""The command line in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from kavc.cli.main import DEBUG_VARIABLE, app


@pytest.fixture
def cli(monkeypatch) -> Callable:
    """Runs `kavc` with arguments; gives exit_code, stdout, stderr."""
    monkeypatch.setenv(DEBUG_VARIABLE, "")  # --debug sets it: so it is unset again
    return lambda *arguments, **options: CliRunner().invoke(
        app, [str(a) for a in arguments], **options
    )


@pytest.fixture
def refused(cli) -> Callable:
    """Runs `kavc`, which must end with exit code 2 and one line of error; returns that line."""

    def run(*arguments: object, code: int = 2) -> str:
        result = cli(*arguments)
        assert result.exit_code == code, result.stderr or result.exception
        assert result.stdout == ""
        lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1
        assert result.stderr.endswith(lines[0] + "\n")  # nothing after it: no traceback
        return lines[0].removeprefix("error: ")

    return run
