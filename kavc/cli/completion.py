"""What a shell offers where a name is to be typed: `kavc --install-completion` has it ask.

Nothing here loads TensorFlow or reads data. Where nothing is offered, the shell offers files. So
does Bash after a ":" or "=", at which it begins another word: of what is typed after one, only
other shells, as Zsh and Fish, are told.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from typer.core import CompletionItem

Offered = Iterable[tuple[str, str]]  # what may be typed, and what it is
MODALITIES = [("audio", "what is heard"), ("visual", "what is seen")]


def attach(command: str | None, params: Iterable[Any]) -> None:
    """Has the parameters of a command that are names be completed."""
    for param in params:
        long = max(param.opts, key=len)
        key = long if param.param_type_name == "option" else param.name
        if (command, key) in OTHERS:
            continue
        if completer := COMPLETERS.get(key):
            param.shell_complete = functools.partial(_complete, completer)


def _complete(
    completer: Callable[[Any, str], Offered], context: Any, incomplete: str
) -> list[CompletionItem]:
    try:
        offered = sorted(completer(context, incomplete))
    except Exception:  # of what was typed before; the command says so, and a shell shows nothing
        return []
    return [CompletionItem(name, help=about) for name, about in offered
            if name.startswith(incomplete)]  # fmt: skip


def _systems(context: Any, incomplete: str) -> Offered:
    from kavc.systems.registry import get, names

    return [(name, get(name).summary) for name in names()]


def _asked(context: Any) -> Any:
    """Returns the system that was typed before.

    Raises:
        ConfigError: none was.
    """
    from kavc.systems.registry import get, names

    # Arguments are not told apart yet where the last word is an option without its value.
    typed = [context.params.get("system"), context.params.get("what"), *context.args]
    return get(next((word for word in typed if word in names()), ""))


def _presets(context: Any, incomplete: str) -> Offered:
    return [(name, "") for name in _asked(context).Config.PRESETS]


def _settings(context: Any, incomplete: str) -> Offered:
    fields = dataclasses.fields(_asked(context).Config)
    return [(f"{field.name}=", "") for field in fields]


def _sources(context: Any, incomplete: str) -> Offered:
    """Layouts; and the folders beneath what is typed after one, which is no path to a shell."""
    from kavc.data import layouts

    layout, colon, typed = incomplete.partition(":")
    if not colon:
        return [(f"{name}:", "") for name in layouts.names()]
    start, slash, _ = typed.rpartition("/")
    beneath = f"{layout}:{start}{slash}"
    folders = [one for one in Path(start + slash or ".").iterdir() if one.is_dir()]
    return [(f"{beneath}{one.name}/", "") for one in folders if not one.name.startswith(".")]


def _runs(context: Any, incomplete: str) -> Offered:
    """Networks that ship, once one is begun: else they would hide the folders."""
    from kavc.presets.folders import names

    return [(f"preset:{name}", "ships with kavc") for name in names()] if incomplete else []


def _extractors(modality: str | None, context: Any, incomplete: str) -> Offered:
    from kavc.media.extractors.registry import names

    return [(name, "") for name in names(modality)]


def _arrays(context: Any, incomplete: str) -> Offered:
    """NAME=EXTRACTOR, once there is a name."""
    name, equals, _ = incomplete.partition("=")
    found = _extractors(None, context, incomplete) if equals else []
    return [(f"{name}={extractor}", about) for extractor, about in found]


def _of(offered: Sequence[tuple[str, str]]) -> Callable[[Any, str], Offered]:
    return lambda context, incomplete: offered


# By the name of an argument, or by an option as it is typed.
COMPLETERS: dict[str, Callable[[Any, str], Offered]] = {
    "system": _systems,
    "name": _systems,
    "what": _systems,
    "--for": _systems,
    "--system": _systems,
    "--preset": _presets,
    "--set": _settings,
    "data": _sources,
    "--data": _sources,
    "run": _runs,
    "runs": _runs,
    "place": _runs,
    "--run": _runs,
    "--audio": functools.partial(_extractors, "audio"),
    "--visual": functools.partial(_extractors, "visual"),
    "--array": _arrays,
    "--modality": _of(MODALITIES),
    "--query": _of(MODALITIES),
    "--from": _of(MODALITIES),
    "--gate": _of([("video", ""), ("modality", ""), ("none", "")]),
    "--tuner": _of([("random", ""), ("grid", ""), ("bayesian", ""), ("hyperband", "")]),
    "--split": _of([("train", ""), ("validation", ""), ("test", "")]),
}
# What is called alike, and is something else: by the command.
OTHERS = {
    ("ratings", "data"),  # a folder or a file
    ("convert", "--array"),  # NEW=NAME of arrays that are there
    ("extract", "--set"),  # options of extractors
    ("synth", "--set"),  # knobs of a corpus
}
