"""The systems of the contract: all that are registered, and one that is made up.

A system joins by `tests/systems/PACKAGE/small.py`, where PACKAGE is its own in `kavc.systems`:

    PRESET          which preset is trained
    OPTIONS         options with which every preset trains in seconds, for two epochs
    corpus(folder)  writes some 100 examples below an empty folder; returns the source, as
                    "features:PATH"
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


def bases(name: str) -> dict[str, Any]:
    """Returns the configs of a system's presets and of its paper's rows, by label, each once."""
    system = registry.get(name)
    presets = system.Config.presets()
    paper = presets["paper"]
    rows = {row.label: paper.replace(**row.overrides) for row in system.rows(paper)}
    labels: dict[Any, str] = {}
    for label, config in (presets | rows).items():
        labels.setdefault(config, label)
    return {label: config for config, label in labels.items()}


with registered():
    NAMES = registry.names()
    CASES = [(name, label) for name in NAMES for label in bases(name)]


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
        small = _module(name, type(system).__module__.split(".")[-2])
        source = Source.parse(small.corpus(folder))
        return cls(system, source, small.PRESET, small.OPTIONS)


def _module(name: str, package: str) -> ModuleType:
    file = FOLDER / package / "small.py"
    if not file.is_file():
        pytest.fail(
            f"the system {name!r} has no part in the contract: expected {file} with PRESET, "
            f"OPTIONS and corpus(folder); {__file__} says what these are",
            pytrace=False,
        )
    spec = importlib.util.spec_from_file_location(f"kavc_tests_small_{package}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Case:
    """A preset of a system, or a row of its paper's table, made small."""

    system: System
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
