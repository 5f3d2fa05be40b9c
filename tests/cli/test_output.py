"""Nothing that stands in a name acts on the terminal where it is printed."""

from __future__ import annotations

import json
import logging

import pytest
import typer

from kavc.cli import main, output
from kavc.errors import DataError
from kavc.evaluation.table import Column, Table

ACTING = ["a\x1b[2Jb", "a\rb", "a\nb", "a\x9b1mb", "a\u202eb", "a\u200bb", "a\udcffb"]
EACH = pytest.mark.parametrize("name", ACTING, ids=ascii)


def printed(capsys) -> str:
    captured = capsys.readouterr()
    text = captured.out + captured.err
    assert all(line.isprintable() for line in text.split("\n"))
    text.encode()
    return text


@EACH
@pytest.mark.parametrize("show", [output.progress, output.results.print, output.errors.print])
def test_a_line_is_printable_and_one(capsys, show, name):
    show(name)
    assert printed(capsys) == ascii(name)[1:-1] + "\n"


@EACH
def test_a_table_is_printable(capsys, name):
    table = Table("t", [Column(name), Column("n", "d")], [(name, 1)], caption=name, source=name)
    output.print_table(table)
    assert printed(capsys).count(ascii(name)[1:-1]) == 4


@pytest.mark.parametrize("error", [DataError, ValueError])
@EACH
def test_an_error_is_printable(monkeypatch, capsys, error, name):
    def command():
        raise error(f"no {name}")

    monkeypatch.setenv(main.DEBUG_VARIABLE, "")
    with pytest.raises(typer.Exit):
        main.guarded(command)()
    assert printed(capsys).count("\n") == 1


def test_an_error_of_ours_is_cut_where_nobody_would_read_it(monkeypatch, capsys):
    def command():
        raise DataError("a" * 10**6)

    monkeypatch.setenv(main.DEBUG_VARIABLE, "")
    with pytest.raises(typer.Exit):
        main.guarded(command)()
    assert printed(capsys) == f"error: {main.LONGEST_OWN * 'a'} ...\n"


@pytest.mark.parametrize("name", ["日本 ä", "[bold]", ":bug:", "a  b"])
def test_what_can_be_read_is_printed_as_it_is(capsys, name):
    output.progress(name)
    output.results.print(name)
    output.print_table(Table("t", [Column("name")], [(name,)]))
    output.print_json(name)
    assert printed(capsys).count(name) == 4


@pytest.mark.parametrize("name", [*ACTING, "a\x7fb", "a\U000e0041b"], ids=ascii)
def test_json_is_printable_and_exact(capsys, name):
    value = {name: [name, "日本"], "float": 0.1}
    output.print_json(value)
    text = printed(capsys)
    assert json.loads(text) == value
    assert '"日本"' in text


FORM = "%(asctime)s %(levelname)s %(message)s"


def record(message, *arguments, error=None):
    info = error and (type(error), error, error.__traceback__)
    return logging.LogRecord("kavc", logging.ERROR, "file", 1, message, arguments, info)


@EACH
def test_a_name_in_a_log_makes_no_line_of_its_own(name):
    line = output.LogLines(FORM).format(record("%s can't be loaded", name))
    assert line.isprintable()
    assert line.endswith("b can't be loaded")


def test_a_line_of_a_log_is_cut():
    line = output.LogLines().format(record("a" * 10**6))
    assert len(line) < output.LONGEST_LOGGED + 50


def test_lines_of_a_traceback_are_indented():
    try:
        raise ValueError("no\n2030-01-01 00:00:00,000 INFO \x1b[2Jall is well")
    except ValueError as error:
        first, *lines = output.LogLines(FORM).format(record("it failed", error=error)).split("\n")
    assert first.endswith(" ERROR it failed")
    assert lines[-1] == r"  2030-01-01 00:00:00,000 INFO \x1b[2Jall is well"
    assert all(line.startswith("  ") and line.isprintable() for line in lines)


@EACH
def test_what_the_library_warns_of_is_one_printable_line(monkeypatch, capsys, name):
    """Through the handler of last resort, which prints where no other is set."""
    handler = logging.StreamHandler()
    monkeypatch.setattr(logging, "lastResort", handler)
    monkeypatch.setattr(main, "app", lambda: handler.emit(record("unknown split %s", name)))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    main.main()
    assert printed(capsys).count("\n") == 1


@EACH
def test_a_servers_log_is_printable(monkeypatch, capsys, name):
    from kavc.cli.serve import _log_to_stderr

    # Or pytest would keep the name, which its workers can't send where it is no UTF-8.
    monkeypatch.setattr(logging.getLogger("kavc"), "propagate", False)
    with _log_to_stderr():
        logging.getLogger("kavc.serving").info("serving %s", name)
    line = printed(capsys)
    assert line.count("\n") == 1
    assert " INFO serving a" in line
