"""Standard error of a process that uses the package: nothing that isn't ours."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import types

from kavc.quiet import VARIABLE, is_not_of_ours, quieten

PRESET = "cross-modal-embedding/youtube8m"
RETRACED = logging.LogRecord(
    "tensorflow", logging.WARNING, "", 0, "5 calls to %s triggered tf.function retracing.", (), None
)


def of_process(code: str, **variables: str) -> str:
    """Returns what a fresh process prints on standard error, without our tests' settings."""
    plain = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=plain | variables
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_the_first_use_of_tensorflow_prints_nothing():
    asked = f"run = kavc.from_preset({PRESET!r}); run.embed('audio', [[0.5] * 128])"
    assert of_process(f"import kavc; {asked}") == ""


def test_a_user_who_wants_to_read_it_all_does():
    kept = "import os, kavc; assert os.environ['TF_CPP_MIN_LOG_LEVEL'] == '0'"
    assert of_process(kept, **{VARIABLE: "0"}) == ""


def called_from(module: str) -> bool:
    """Returns whether a warning of a trace is printed that a function of a module asked for."""

    def ask(function, record):
        return function(record)

    return types.FunctionType(ask.__code__, {"__name__": module})(is_not_of_ours, RETRACED)


def test_traces_that_we_ask_for_are_not_warned_of():
    assert not called_from("kavc.training.fit")
    assert called_from("somebody.notebook") and called_from("kavcs")


def test_other_warnings_are_printed():
    other = logging.LogRecord("tensorflow", logging.WARNING, "", 0, "trouble", (), None)
    assert is_not_of_ours(other)


def test_the_filter_is_there_once():
    quieten()
    assert logging.getLogger("tensorflow").filters.count(is_not_of_ours) == 1
