"""A small index, in memory and on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kavc.retrieval.hubs import HubCorrection, Settings
from kavc.retrieval.index import Index


@pytest.fixture
def index() -> Index:
    """40 random vectors of width 6, "video-0" and so on."""
    made = Index(6, modality="audio", model="ab" * 32)
    rows = np.random.default_rng(0).normal(size=(40, 6))
    made.add([f"video-{n}" for n in range(40)], rows)
    return made


@pytest.fixture
def folder(index, tmp_path) -> Path:
    index.save(tmp_path / "sounds")
    return tmp_path / "sounds"


def hubs(count: int = 12, strength: float = 0.75, model: str = "ab" * 32) -> HubCorrection:
    """A bank of random queries of width 6, of "video-0" and so on."""
    queries = np.random.default_rng(1).normal(size=(count, 6)) + 1
    ids = [f"video-{n}" for n in range(count)]
    settings = Settings(strength=strength)
    return HubCorrection.of(queries, settings, ids=ids, modality="visual", model=model)


def corrected(backend: str = "exact") -> Index:
    """As `index`, with a correction of hubs."""
    made = Index(6, modality="audio", model="ab" * 32, backend=backend, hubs=hubs())
    rows = np.random.default_rng(0).normal(size=(40, 6))
    made.add([f"video-{n}" for n in range(40)], rows)
    return made
