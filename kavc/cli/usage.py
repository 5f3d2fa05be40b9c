"""What Typer refuses of a command line, said as other errors are: what came, what was expected."""

from __future__ import annotations

import re
from typing import Any

from typer.exceptions import TyperException

from kavc.errors import unknown
from kavc.texts import one_line, quoted

# What a value is to be, by the kind of fault that Pydantic finds in it.
EXPECTED = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of 64 bits",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
}
# What Typer says of arguments that no parameter takes.
EXTRA = re.compile(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)")


def told(error: TyperException) -> str:
    """Returns what is wrong with a command line, in one line without a full stop.

    Args:
        error: as Typer raised it.

    Returns:
        The line, with the command that says more; empty if the error is but the help.
    """
    line = _words(error)
    return line and f"{line} ({_command(error)} --help says more)"


def _command(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if context else "kavc"


def _words(error: TyperException) -> str:
    context: Any = getattr(error, "ctx", None)
    if context is not None and hasattr(error, "possibilities"):  # an option that there isn't
        known = [name for param in context.command.get_params(context) for name in param.opts]
        long = [name for name in known if name.startswith("--")]
        return unknown("option", error.option_name, long).rstrip(".")  # type: ignore[attr-defined]
    param: Any = getattr(error, "param", None)
    if param is not None and hasattr(error, "param_type"):  # one that is missing
        return f"missing {param.param_type_name} {_name(param)}"
    if param is not None:
        return _fault(error, _name(param))
    if isinstance(hint := getattr(error, "param_hint", None), str):
        return f"{hint}: {error.message}"
    if option := getattr(error, "option_name", ""):
        needs = "requires" in error.message
        return f"{option}: expected a value" if needs else f"{option} takes no value"
    if extra := EXTRA.match(error.message):
        return f"unexpected argument {quoted(extra[1])}"
    return _as_ours(error.message)


def _name(param: Any) -> str:
    """Returns how a parameter is typed: --out, or RUNS for an argument."""
    if param.param_type_name == "option":
        return max(param.opts, key=len)
    return (param.metavar or param.name.upper()).strip("[]{}.")


def _fault(error: TyperException, name: str) -> str:
    """Returns what a parameter is, and what was expected in its place."""
    listed = getattr(error.__cause__, "errors", None)
    fault = listed()[0] if callable(listed) else {}
    expected = EXPECTED.get(fault.get("type", ""))
    if expected is None:
        return f"{name}: {_as_ours(error.message)}"
    bounds = fault.get("ctx", {})
    shown = str(fault["input"]) if bounds else quoted(str(fault["input"]))
    return f"{name} is {one_line(shown)}; expected {expected.format(**bounds)}"


def _as_ours(message: str) -> str:
    text = one_line(message).rstrip(".")
    return text[:1].lower() + text[1:]
