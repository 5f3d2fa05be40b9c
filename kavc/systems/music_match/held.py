"""What a trained network is evaluated on: held-out judgements, and what can be reached at best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kavc.data.comparisons.store import ComparisonStore
from kavc.data.source import Source
from kavc.data.synthetic.music import Truth
from kavc.data.synthetic.music_world import MusicWorld
from kavc.systems.base import SourceInfo, System
from kavc.systems.music_match.config import MusicMatchConfig
from kavc.systems.music_match.stages import load_judgements

# What a synthetic corpus knows of a judgement, and what who knew that alone is called.
ORACLES = {
    "probability": "oracle",
    "unbiased": "oracle, not of the order",
    "still": "oracle, not of movement",
    "mood": "oracle of mood alone",
    "tempo": "oracle of tempo alone",
    "sound": "oracle of both tracks alone",
    "popularity": "oracle of popularity alone",
}


@dataclass(frozen=True)
class Held:
    """The held-out data of an evaluation.

    Args:
        test: the judgements.
        first_preferred: share of the training judgements that prefer the first track; NaN where it
            isn't known.
        source: where the numbers come from, printed under every table.
        oracles: name to (judgements,) probabilities that a is preferred, of a synthetic corpus.
        notes: sentences for the report.
    """

    test: ComparisonStore
    first_preferred: float
    source: str
    oracles: Mapping[str, np.ndarray]
    notes: Sequence[str]

    @property
    def truth(self) -> np.ndarray | None:
        """How likely a rater is to prefer a, of a synthetic corpus: (judgements,)."""
        return self.oracles.get(ORACLES["probability"])


def read_held(system: System, source: Source, config: MusicMatchConfig) -> Held:
    """Reads the test split of a source."""
    test = load_judgements(system.read(source, "test", config), config)
    info: SourceInfo = system.describe(source, config)
    return Held(
        test=test,
        first_preferred=_first_preferred(info),
        source=source.title(),
        oracles=_oracles(source, test),
        notes=info.notes,
    )


def _first_preferred(info: SourceInfo) -> float:
    roster = info.rosters.get("train")
    if roster is None or not len(roster):
        return float("nan")
    return float(np.mean(roster.labels == 0))


def _oracles(source: Source, test: ComparisonStore) -> dict[str, np.ndarray]:
    if source.layout != "synthetic" or not MusicWorld.made(source.path):
        return {}
    truth = Truth.read(source.path).select(test.ids)
    return {name: getattr(truth, key) for key, name in ORACLES.items()}
