"""`kavc systems`: which there are, and what each can be told."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kavc.cli.output import print_json, print_table, results
from kavc.cli.train import AsJson

if TYPE_CHECKING:
    from kavc.systems.base import System


def systems(
    name: Annotated[
        str | None, typer.Argument(metavar="[SYSTEM]", help="One system, with its options.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the systems, their papers and presets; or the options of one."""
    from kavc.systems.registry import get, names

    if name is None:
        _list([get(each) for each in names()], as_json)
    elif as_json:
        print_json(_described(get(name)))
    else:
        _print(get(name))


def _list(found: list[System], as_json: bool) -> None:
    from kavc.evaluation.table import Column, Table

    rows = [(s.name, s.summary, s.paper.title, ", ".join(s.Config.PRESETS)) for s in found]
    if as_json:
        keys = ("name", "summary", "paper")
        print_json(
            [
                {**dict(zip(keys, row, strict=False)), "presets": list(system.Config.PRESETS)}
                for system, row in zip(found, rows, strict=True)
            ]
        )
        return
    columns = [Column(each) for each in ("system", "answers", "paper", "presets")]
    print_table(Table("systems", columns, rows))


def _described(system: System) -> dict[str, Any]:
    return {
        "name": system.name,
        "summary": system.summary,
        "paper": asdict(system.paper),
        "options": system.Config.options(),
        "presets": {preset: dict(values) for preset, values in system.Config.PRESETS.items()},
    }


def _print(system: System) -> None:
    from kavc.evaluation.table import Column, Table

    paper = system.paper
    results.print(f"{system.name}: {system.summary}", style="bold", highlight=False)
    results.print(f"{paper.authors}, {paper.year}: {paper.title}, {paper.url}", highlight=False)
    results.print()
    rows = [
        (each["name"], _text(each["default"]), _range(each), each["meaning"])
        for each in system.Config.options()
    ]
    columns = [Column(each) for each in ("option", "default", "values", "meaning")]
    print_table(Table("options", columns, rows, caption="Options (--set NAME=VALUE)"))
    presets = [
        (
            preset,
            ", ".join(f"{name}={_text(value)}" for name, value in values.items()) or "as above",
        )
        for preset, values in system.Config.PRESETS.items()
    ]
    columns = [Column("preset"), Column("differs in")]
    print_table(Table("presets", columns, presets, caption="Presets (--preset NAME)"))


def _range(option: dict[str, Any]) -> str:
    """Returns the values that an option can have, as "128 to 512" or "any text"."""
    if option["type"] == "bool":
        return "true, false"
    if option["choices"]:
        return ", ".join(map(str, option["choices"]))
    low, high = (None if option[end] is None else f"{option[end]:g}" for end in ("low", "high"))
    ends = {
        (True, True): f"{low} to {high}",
        (True, False): f"from {low}",
        (False, True): f"to {high}",
        (False, False): "text" if option["type"] == "str" else "any number",
    }
    none = ", none" if option["optional"] else ""
    return ends[low is not None, high is not None] + none


def _text(value: Any) -> str:
    """Returns a value as it is given on the command line."""
    return str(value).lower() if value is None or isinstance(value, bool) else f"{value}"


COMMANDS = (systems,)
