"""What a trained network is evaluated on: held-out videos, and what can be reached at best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kavc.data.source import Source
from kavc.data.store import VideoStore
from kavc.data.synthetic import bayes
from kavc.data.synthetic.kwai import KwaiWorld, Truth
from kavc.systems.base import SourceInfo, System
from kavc.systems.ti_avc.config import TiAVCConfig
from kavc.systems.ti_avc.scoring import evaluation_pairs
from kavc.systems.ti_avc.videos import load_videos

# Name of a bound to its scores of the test pairs, `(pairs,)`, with random and with same-theme
# negatives; None where it says nothing.
Bounds = Mapping[str, tuple[np.ndarray | None, np.ndarray | None]]


@dataclass(frozen=True)
class Held:
    """The held-out data of an evaluation.

    Args:
        test, validation: stores; the decision threshold is fitted on validation.
        themes: theme names, by index.
        source: where the numbers come from, printed under every table.
        bounds: what could be reached at best; of a synthetic corpus, whose truth is known.
        notes: sentences for the report.
    """

    test: VideoStore
    validation: VideoStore
    themes: Sequence[str]
    source: str
    bounds: Bounds
    notes: Sequence[str]


def read_held(system: System, source: Source, config: TiAVCConfig) -> Held:
    """Reads the test and the validation split of a source."""
    stores = {
        split: load_videos(system.read(source, split, config), config.silent)
        for split in ("test", "validation")
    }
    info: SourceInfo = system.describe(source, config)
    # Of the test split that the corpus brings: in other splits its truth is in several files.
    known = source.layout == "synthetic" and source.parts() is None
    return Held(
        themes=info.classes,
        source=source.title(),
        bounds=_bounds(source, stores["test"]) if known else {},
        notes=info.notes,
        **stores,
    )


def _bounds(source: Source, test: VideoStore) -> Bounds:
    """Returns the Bayes scores of the test pairs, if they are of a world whose truth is known."""
    if not KwaiWorld.made(source.path):
        return {}
    world, truth = KwaiWorld.read(source.path), Truth.read(source.path, "test").select(test.ids)
    random, same = (
        bayes.scores(world, truth, evaluation_pairs(test, same_theme=same_theme))
        for same_theme in (False, True)
    )
    return {
        "bound without the theme": (random["no_theme"], None),
        "bound with the theme": (random["theme"], same["within_theme"]),
    }
