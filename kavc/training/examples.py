"""The splits of a source, read once a process and shared by stages and trials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kavc import progress
from kavc.data.source import Source
from kavc.systems.base import SourceInfo, Stage, System


class Examples:
    """What a system reads of a source, kept for whoever asks next.

    The key of what is kept is the split, the stage's method `load` (stages that inherit one share
    it) and the values of the options that `System.data_options` names. A config with other values
    of these reads again, and what was kept goes: two versions of the data may not fit into memory.

    Args:
        system: whose `describe` and `read` are called.
        source: where the data are.

    Example:
        examples = Examples(system, Source.parse("synthetic:corpus"))
        examples.info(config).counts
        for stage in system.stages(config):
            examples.load(stage, "train", config)
    """

    def __init__(self, system: System, source: Source):
        self.system = system
        self.source = source.settled()
        self._options: tuple | None = None
        self._kept: dict[Any, Any] = {}

    def info(self, config: Any) -> SourceInfo:
        """Returns what the data fix."""
        return self._of(config, "info", lambda: self._describe(config))

    def load(self, stage: Stage, split: str, config: Any) -> Any:
        """Returns one split, as the stage loads it."""
        key = split, type(stage).load
        return self._of(config, key, lambda: self._read(stage, split, config))

    def _describe(self, config: Any) -> SourceInfo:
        with progress.task(f"looking through {self.source}", unit="videos"):
            return self.system.describe(self.source, config)

    def _read(self, stage: Stage, split: str, config: Any) -> Any:
        total = self.info(config).counts.get(split)
        with progress.task(f"reading {self.source}, {split}", unit="videos", total=total):
            return stage.load(self.system.read(self.source, split, config))

    def _of(self, config: Any, key: Any, read: Callable[[], Any]) -> Any:
        options = tuple(getattr(config, name) for name in self.system.data_options)
        if options != self._options:
            self._options, self._kept = options, {}
        if key not in self._kept:
            self._kept[key] = read()
        return self._kept[key]
