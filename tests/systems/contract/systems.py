"""The systems of the contract: all that are registered, and one that is made up.

A system joins by `tests/systems/PACKAGE/small.py`, where PACKAGE is its own in `kavc.systems`:

    PRESET          which preset is trained
    OPTIONS         options with which every preset trains in seconds, for two epochs
    corpus(folder)  writes some 100 examples below an empty folder; returns the source, as
                    "features:PATH"
    VARIANTS        may be left out: label to options of further networks, which no preset has
    ALIKE           may be left out: labels of presets and rows that have another one's network
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest

from kavc.data.source import Source
from kavc.systems import registry
from kavc.systems.base import SourceInfo, System

FOLDER = Path(__file__).parents[1]
MADE_UP = {"made-up": ("made_up.system", "MadeUpSystem")}


@contextlib.contextmanager
def registered() -> Iterator[None]:
    """Has the made-up system in the registry's table, as a line there would."""
    with pytest.MonkeyPatch.context() as patch:
        for name, place in MADE_UP.items():
            patch.setitem(registry.SYSTEMS, name, place)
        yield


def package_of(system: System) -> str:
    """Returns the name of the package that holds a system."""
    return type(system).__module__.split(".")[-2]


def small_module(package: str) -> ModuleType | None:
    """Returns a package's `small.py`, if there is one."""
    file = FOLDER / package / "small.py"
    if not file.is_file():
        return None
    spec = importlib.util.spec_from_file_location(f"kavc_tests_small_{package}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bases(name: str) -> dict[str, Any]:
    """Returns the configs of a system's presets and rows, by label, of each network one."""
    system = registry.get(name)
    presets = system.Config.presets()
    paper = presets["paper"]
    rows = {row.label: paper.replace(**row.overrides) for row in system.rows(paper)}
    alike = getattr(small_module(package_of(system)), "ALIKE", ())
    labels: dict[Any, str] = {}
    for label, config in (presets | rows).items():
        if label in alike:
            continue
        labels.setdefault(config, label)
    return {label: config for config, label in labels.items()}


def variants(name: str) -> dict[str, Any]:
    """Returns the configs of a system's further networks, by label."""
    system = registry.get(name)
    further = getattr(small_module(package_of(system)), "VARIANTS", {})
    return {label: system.Config(**options) for label, options in further.items()}


with registered():
    NAMES = registry.names()
    CASES = [(name, label) for name in NAMES for label in bases(name)]
    NETWORKS = CASES + [(name, label) for name in NAMES for label in variants(name)]


@dataclass(frozen=True)
class Small:
    """A system, the source of its small corpus, and how it is trained on that.

    Args:
        system, source: of the name.
        preset, overrides: arguments of `kavc.train`.
    """

    system: System
    source: Source
    preset: str
    overrides: dict[str, Any]

    @functools.cached_property
    def info(self) -> SourceInfo:
        """What the corpus fixes."""
        return self.system.describe(self.source)

    @property
    def config(self) -> Any:
        """The config of the training."""
        return self.made_small(self.system.Config.preset(self.preset))

    def made_small(self, config: Any) -> Any:
        """Returns a config with small options, for the small corpus."""
        return self.system.adapt(config.replace(**self.overrides), self.info)

    @classmethod
    def of(cls, name: str, folder: Path) -> Small:
        """Returns what a system's `small.py` says, and has it write its corpus into a folder."""
        system = registry.get(name)
        small = small_module(package_of(system))
        if small is None:
            pytest.fail(
                f"the system {name!r} has no part in the contract: expected "
                f"{FOLDER / package_of(system) / 'small.py'} with PRESET, OPTIONS and "
                f"corpus(folder); {__file__} says what these are",
                pytrace=False,
            )
        source = Source.parse(small.corpus(folder))
        return cls(system, source, small.PRESET, small.OPTIONS)


@dataclass(frozen=True)
class Case:
    """A preset of a system, a row of its paper's table or a variant, made small."""

    system: System
    label: str
    config: Any

    def network(self) -> keras.Model:
        """Returns a network none of whose weights is 0, the biases neither."""
        keras.utils.set_random_seed(1)
        network = self.system.build(self.config)
        draw = np.random.default_rng(0)
        for weight in network.weights:
            if weight.dtype == "float32":
                weight.assign(weight + draw.uniform(-0.3, 0.3, weight.shape))
        return network
