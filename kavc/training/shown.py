"""What a run says of itself where it is printed: one line, and a small table in notebooks.

Both read only small files, load neither Keras nor TensorFlow, and say less where a file is missing
or damaged: an error while something is shown would hide what is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kavc.errors import KavcError
from kavc.evaluation.headline import Headline
from kavc.evaluation.html import STRONG, grid, paragraph
from kavc.inputs.json_files import read_json
from kavc.texts import printable

MAX_BYTES = 2**21  # of a file that is read for this


def json_object(path: Path) -> Mapping[str, Any]:
    """Returns what a JSON file holds, an empty mapping where it can't be read or is no object.

    >>> json_object(Path("no such file.json"))
    {}
    """
    try:
        found = read_json(path, most=MAX_BYTES)
    except (KavcError, OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def headline(report: Mapping[str, Any]) -> str:
    """Returns a report's headline in a few words, as "match AUC 92.8 %"; empty without one.

    Args:
        report: the content of report.json.

    Example:
        >>> report = {"headline": Headline("match AUC", 92.8, "max", unit="%").to_json()}
        >>> headline(report), headline({})
        ('match AUC 92.8 %', '')
    """
    try:
        found = Headline.from_json(report["headline"])
    except (KavcError, KeyError, TypeError, ValueError):
        return ""
    return printable(" ".join(filter(None, (found.name, f"{found.value:.4g}", found.unit))))


def figures(report: Mapping[str, Any]) -> list[str]:
    """Returns the names of a report's figures.

    Args:
        report: the content of report.json.

    Example:
        >>> figures({"figures": [{"name": "roc"}, {}]}), figures({"figures": None})
        (['roc'], [])
    """
    found = report.get("figures")
    if not isinstance(found, list):
        return []
    names = [one.get("name") for one in found if isinstance(one, dict)]
    return [name for name in names if isinstance(name, str)]


def options(overrides: Mapping[str, Any]) -> str:
    """Returns options as they are typed: "units=8, epochs=1"; empty where there are none.

    Example:
        >>> options({"units": 8, "epochs": 1})
        'units=8, epochs=1'
    """
    return ", ".join(f"{name}={value}" for name, value in overrides.items())


def data(facts: Mapping[str, Any]) -> str:
    """Returns where data are and how many videos each split has; empty where that isn't known.

    >>> data({"source": "features:clips", "counts": {"train": 1200, "test": 300}})
    'features:clips (1,200 train, 300 test)'

    Args:
        facts: the content of data.json.
    """
    counts = facts.get("counts")
    named = counts.items() if isinstance(counts, dict) else ()
    told = ", ".join(f"{count:,} {split}" for split, count in named if isinstance(count, int))
    source = facts.get("source")
    if not isinstance(source, str):
        return told
    return f"{source} ({told})" if told else source


def page(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """Returns rows of (name, value) under a title, as a notebook shows them; no empty ones.

    >>> shown = page("Run <a>", [("seed", "0"), ("report", "")])
    >>> "Run &lt;a&gt;" in shown, "seed" in shown, "report" in shown
    (True, True, False)
    """
    return f"<div>{paragraph(title, STRONG)}{grid((), [row for row in rows if row[1]])}</div>"
