"""What all commands share: help, version, exit codes, --debug, where output goes."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from pathlib import Path

import pytest
import tensorflow as tf
import typer

from kavc.cli import main
from kavc.errors import KavcError

COMMANDS = ("systems", "train", "reproduce", "evaluate", "export", "serve", "predict", "demo",
            "synth-video")  # fmt: skip


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


def shown(text):
    """A text without what a help adds to it: boxes, colours, and where its lines break."""
    return "".join(re.sub(r"\x1b\[[\d;]*m|[\u2500-\u257f\s]", "", text))


def commands(command, path=()):
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


TREE = list(commands(typer.main.get_command(main.app)))


@pytest.mark.parametrize(("path", "command"), TREE, ids=[" ".join(path) for path, _ in TREE])
def test_help_says_literally_what_is_written(cli, path, command, monkeypatch):
    # Wide, or the columns of a box that are side by side would come apart.
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 1000)
    help_text = shown(cli(*path, "--help").stdout)
    texts = [below.help.split("\n\n")[0] for below in getattr(command, "commands", {}).values()]
    for one in (command, *command.params):
        texts += [getattr(one, "help", None) or "", getattr(one, "metavar", None) or ""]
    for text in texts:
        assert shown(text.replace("\\[", "[")) in help_text


def test_brackets_in_a_help_are_no_markup(cli):
    assert "CSV with the columns id, [theme], [split]" in cli("data", "convert", "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("evaluat",),
            "unknown command 'evaluat'; did you mean 'evaluate'? (kavc --help says more)",
        ),
        (
            ("data", "syth"),
            "unknown command 'syth'; did you mean 'synth'? Known: convert, describe, ratings, "
            "refined, synth (kavc data --help says more)",
        ),
        (("train",), "missing option --out (kavc train --help says more)"),
        (("evaluate",), "missing argument RUNS (kavc evaluate --help says more)"),
        (("index", "remove", "x"), "missing argument ID (kavc index remove --help says more)"),
        (
            ("predict", "--serve", "a:1"),
            "unknown option '--serve'; did you mean '--server'? (kavc predict --help says more)",
        ),
        (("predict", "--server"), "--server: expected a value (kavc predict --help says more)"),
        (("predict", "--list=3"), "--list takes no value (kavc predict --help says more)"),
        (("predict", "a", "b c"), "unexpected argument 'b c' (kavc predict --help says more)"),
        (
            ("predict", "--timeout", "soon"),
            "--timeout is 'soon'; expected a number (kavc predict --help says more)",
        ),
        (
            ("serve", "x", "--port", "65536"),
            "--port is 65536; expected at most 65535 (kavc serve --help says more)",
        ),
        (
            ("train", "ti-avc", "--out", "x", "--seed", "1.5"),
            "--seed is '1.5'; expected a whole number (kavc train --help says more)",
        ),
        (
            ("data", "synth", "ti-avc", "--out", "x", "--videos", "3"),
            "--videos is 3; expected at least 10 (kavc data synth --help says more)",
        ),
        (
            ("data", "synth", "ti-avc", "--out", "x", "--seed", "99999999999999999999"),
            "--seed: 99999999999999999999 is not a finite number of 64 bits "
            "(kavc data synth --help says more)",
        ),
        (
            ("data", "synth", "ti-avc", "--out", "x\udcff"),
            "--out: 'x\\udcff' is not UTF-8, the only text that "
            "TensorFlow takes (kavc data synth --help says more)",
        ),
        (
            ("train", "ti-avc", "--out", "x", "--set", "a=1", "--set", "b=\udcff"),
            "--set: 'b=\\udcff' is not UTF-8, the only text that "
            "TensorFlow takes (kavc train --help says more)",
        ),
        *(
            (
                (*command, option, "inf"),
                f"{option}: inf is not a finite number of 64 bits "
                f"(kavc {' '.join(command[:words])} --help says more)",
            )
            for words, command, option in (
                (1, ("serve", "nowhere"), "--poll"),
                (1, ("serve", "nowhere"), "--grace"),
                (1, ("predict", "--server", "x:1", "--model", "m", "--list"), "--timeout"),
            )
        ),
    ],
)
def test_a_wrong_command_line_is_a_users_mistake(refused, arguments, line):
    assert refused(*arguments) == line


def test_an_unknown_option_is_answered_with_those_there_are(refused):
    assert refused("--no-such").startswith("unknown option '--no-such'. Known: --debug, --help, ")


@pytest.mark.parametrize("quiet", [(), ("--quiet",), ("-q",)])
def test_quiet_commands_print_results_and_no_progress(cli, tmp_path, quiet):
    words = ["data", "synth", "cross-modal-embedding", "--videos", 20, "--out", tmp_path / "c"]
    result = cli(*quiet, *words)
    assert (result.exit_code, result.stdout) == (0, f"synthetic:{tmp_path / 'c'}\n")
    assert result.stderr.startswith("generating 20 videos for ") == (not quiet)
    assert bool(result.stderr) == (not quiet)
    assert cli(*quiet, *words).stderr.startswith("error: ") == bool(quiet)


def test_a_command_line_without_a_command_is_answered_with_help(cli):
    result = cli("data")
    assert (result.exit_code, result.stderr) == (2, "")
    assert "Usage: " in result.stdout


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KavcError("it failed"), 1, "error: it failed\n"),
        (ZeroDivisionError("by zero"), 1, "ZeroDivisionError: by zero (--debug shows where)\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (MemoryError(), 1, "error: MemoryError (--debug shows where)\n"),
        (PermissionError(13, "Permission denied", "/x"), 2, "error: /x: Permission denied\n"),
        (FileExistsError("/x exists"), 2, "error: /x exists\n"),
        (OSError("can't\n read it"), 1, "error: can't read it\n"),
        (OSError(), 1, "error: OSError\n"),
        (KavcError("two\nlines"), 1, "error: two lines\n"),
        (
            tf.errors.DataLossError(None, None, "corrupted\n\t [[{{node x}}]]\n"),
            1,
            "error: DataLossError: corrupted [[{{node x}}]] (--debug shows where)\n",
        ),
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


@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ECONNREFUSED]
)
@pytest.mark.parametrize(
    ("files", "named"),
    [
        (("a b",), "a b: "),
        ((b"c",), "c: "),
        (("a", None, "b"), "a -> b: "),
        ((), ""),
    ],
)
def test_an_error_of_the_system_is_the_file_and_the_reason(monkeypatch, capsys, code, files, named):
    def command():
        raise OSError(code, os.strerror(code), *files)

    monkeypatch.setenv(main.DEBUG_VARIABLE, "")
    with pytest.raises(typer.Exit) as ended:
        main.guarded(command)()
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == f"error: {named}{os.strerror(code)}\n"


@pytest.mark.parametrize(
    "code",
    [errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.EXDEV, errno.ENOTDIR, errno.EACCES],
)
def test_a_path_that_cannot_be_is_a_users_mistake(monkeypatch, refused, tmp_path, code):
    def mkdir(path, *arguments, **options):
        raise OSError(code, os.strerror(code), os.fspath(path))

    monkeypatch.setattr(os, "mkdir", mkdir)
    line = refused("data", "synth", "ti-avc", "--out", tmp_path / "there", "--videos", 40)
    assert line.endswith(f"there: {os.strerror(code)}")
    assert str(tmp_path) in line


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("n" * 300, "File name too long"),
        ("loop/x", "loop: Not a directory"),
        ("file/x/y", "Not a directory"),
    ],
)
@pytest.mark.parametrize(
    "command", [("data", "synth", "ti-avc"), ("train", "ti-avc", "--data", "synthetic:CORPUS")]
)
def test_an_impossible_path(refused, tmp_path, tiny_corpus, command, place, reason):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    words = [word.replace("CORPUS", str(tiny_corpus)) for word in command]
    assert reason in refused(*words, "--out", tmp_path / place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]


@pytest.mark.parametrize(("code", "named"), [(errno.ENOSPC, "there: "), (errno.EMFILE, "")])
def test_a_full_disk_is_where_the_command_writes(monkeypatch, capsys, code, named):
    def command(out: Path):
        raise OSError(code, os.strerror(code))

    monkeypatch.setenv(main.DEBUG_VARIABLE, "")
    with pytest.raises(typer.Exit):
        main.guarded(command)(out=Path("there"))
    assert capsys.readouterr().err == f"error: {named}{os.strerror(code)}\n"


def test_a_help_that_cannot_be_printed_ends_in_one_line(monkeypatch, capsys):
    monkeypatch.setenv(main.DEBUG_VARIABLE, "")
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)
        with pytest.raises(SystemExit) as ended:
            main.app(["data", "--help"])
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: No space left on device\n"


def test_a_long_message_of_others_is_cut(monkeypatch, capsys):
    def command():
        raise RuntimeError("word " * 1000)

    monkeypatch.setenv(main.DEBUG_VARIABLE, "")
    with pytest.raises(typer.Exit):
        main.guarded(command)()
    line = capsys.readouterr().err
    assert len(line) < main.LONGEST + 100
    assert line.endswith(" ... (--debug shows where)\n")


def test_debug_lets_the_error_through(cli, tmp_path):
    result = cli("--debug", "evaluate", tmp_path)
    assert isinstance(result.exception, KavcError)
    assert result.exception.__traceback__ is not None
