"""Which extractor makes which array, as a user asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kavc.data.features.header import TIMES, check_array_name
from kavc.errors import ConfigError, DataError, unknown
from kavc.inputs.records import entries
from kavc.media.extractors.base import Recipe
from kavc.media.extractors.registry import recipe_of
from kavc.media.published import recipes_for
from kavc.options import parse_overrides


def recipes(
    system: str | None = None,
    arrays: Iterable[str] = (),
    overrides: Iterable[str] = (),
    only: str | None = None,
) -> dict[str, Recipe]:
    """Returns the recipe of each array.

    Args:
        system: whose published features are made; None for none.
        arrays: "ARRAY=EXTRACTOR" each, in place of the system's or beside them.
        overrides: "ARRAY.OPTION=VALUE" each.
        only: "NAME,NAME": of these arrays, those that are made. None for all.

    Raises:
        ConfigError: nothing is asked for; no such system, extractor, array or option; a value does
            not fit; an array can't be called so; or a recipe can't work here.

    Example:
        >>> recipes("ti-avc", ["audio=yamnet"], ["audio.hop=0.48"])["audio"].hop
        0.48
    """
    found = recipes_for(system) if system is not None else {}
    for array, name in parse_overrides(list(arrays)).items():
        found[array] = recipe_of(name)()
    if not found:
        raise ConfigError(
            "expected what to extract: --for SYSTEM, --audio EXTRACTOR, --visual EXTRACTOR or"
            " --array NAME=EXTRACTOR"
        )
    if only is not None:
        found = {array: found[array] for array in _names(only, found)}
    options: dict[str, dict[str, Any]] = {}
    for name, value in parse_overrides(list(overrides)).items():
        array, dot, option = name.partition(".")
        if not dot:
            raise ConfigError(f"--set {name}={value}: expected ARRAY.OPTION=VALUE, as audio.hop=1")
        if array not in found:
            raise ConfigError(unknown("array", array, found))
        options.setdefault(array, {})[option] = value
    for array, values in options.items():
        found[array] = found[array].replace(**values)
    check_arrays(found)
    for recipe in found.values():
        recipe.check()
    return found


def _names(only: str, known: Iterable[str]) -> list[str]:
    """Returns the names that `--only` says, in the order of what is known."""
    known = list(known)
    names = [name.strip() for name in only.split(",")]
    for name in names:
        if name not in known:
            raise ConfigError(f"--only {only}: {unknown('array', name, known)}")
    return [name for name in known if name in names]


def check_arrays(arrays: Iterable[str], kept: Iterable[str] = ()) -> None:
    """Raises unless all can stand in a corpus, beside each other.

    Args:
        arrays: their names.
        kept: columns of a table that are kept, as text.

    Raises:
        ConfigError: what else is there has such a name, or it can't be one.

    Example:
        >>> check_arrays(["audio", "visual"], kept=["licence"])
        >>> check_arrays(["labels"])
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: an array can't be called 'labels', which has another meaning
    """
    taken = {"id", "labels", "silent", "theme"}
    for name in (each for array in arrays for each in (array, f"{array}{TIMES}")):
        if name in taken or name.removesuffix(TIMES).endswith(TIMES):
            raise ConfigError(f"an array can't be called {name!r}, which has another meaning")
        _check_name(name, "--array")
        taken.add(name)
    for name in kept:
        if name in taken:
            raise ConfigError(f"--keep {name}: an array has that name; call one of them otherwise")
        _check_name(name, "--keep")


def _check_name(name: str, where: str) -> None:
    try:
        check_array_name(name, where)
    except DataError as error:
        raise ConfigError(str(error)) from None


def recipe_again(provenance: Mapping[str, Any]) -> Recipe:
    """Returns the recipe that made an array, from what a corpus or a run keeps of it.

    Raises:
        ConfigError: this release has no such extractor, or not these options.

    Example:
        >>> made_by = {"extractor": "yamnet", "options": {"hop": 0.48}, "weights": None}
        >>> recipe_again(made_by).hop
        0.48
    """
    wanted = {"extractor": str, "options": dict, "weights": dict[str, dict[str, Any]] | None}
    known = entries(provenance, wanted, "what made an array")
    return recipe_of(known["extractor"])().replace(**known["options"])
