"""What a trained network is evaluated on: the test videos, and those of the linear baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kavc.data.feature_store import FeatureStore
from kavc.data.source import Source
from kavc.systems.base import System
from kavc.systems.cross_modal_embedding.config import CrossModalConfig


@dataclass(frozen=True)
class Held:
    """The data of an evaluation.

    Args:
        test: the videos that are evaluated.
        train: those that linear CCA is fitted on; None to leave that row out.
        classes: names of the labels, by index.
        source: where the numbers come from, printed under every table.
        notes: sentences for the report.
    """

    test: FeatureStore
    train: FeatureStore | None
    classes: Sequence[str]
    source: str
    notes: Sequence[str] = ()


def read_held(system: System, source: Source, config: CrossModalConfig) -> Held:
    """Reads the test split of a source and, where there is one, the training split."""

    def store(split: str) -> FeatureStore:
        return FeatureStore.from_dataset(system.read(source, split, config))

    info = system.describe(source, config)
    return Held(
        test=store("test"),
        train=store("train") if "train" in info.counts else None,
        classes=info.classes,
        source=source.title(),
        notes=info.notes,
    )
