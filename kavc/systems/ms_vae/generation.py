"""How well one modality is generated from the other, beside what needs no network."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from sklearn.neighbors import NearestNeighbors

from kavc.layers.peaks import peak_norm
from kavc.systems.ms_vae.config import MSVAEConfig
from kavc.systems.ms_vae.scoring import Ask
from kavc.systems.ms_vae.videos import MODALITIES, Videos

MEAN = "mean of the training segments"
NEAREST = "what goes with the nearest training segment"
MOST = 10_000  # training segments among which the nearest is looked for
Errors = dict[str, tuple[float | None, ...]]


def generation_errors(code: Ask, train: Videos, test: Videos, config: MSVAEConfig) -> Errors:
    """Returns mean squared errors; see `kavc.systems.ms_vae.tables.generation_table`.

    Args:
        code: `coder` of a network that generates.
        train, test: videos, of whose event segments all is.
        config: of the network.
    """
    known, asked = (_events(videos, config) for videos in (train, test))
    pairs = {kind: code(kind, event_rows(test, kind))["pair"] for kind in MODALITIES}
    split = config.visual_dim
    generated = {kind: {"visual": pair[:, :split], "audio": pair[:, split:]}
                 for kind, pair in pairs.items()}  # fmt: skip
    return {
        "this network": (
            _error(generated["audio"]["visual"], asked["visual"]),
            _error(generated["visual"]["audio"], asked["audio"]),
            _error(generated["visual"]["visual"], asked["visual"]),
            _error(generated["audio"]["audio"], asked["audio"]),
        ),
        MEAN: (*(_error(known[kind].mean(axis=0), asked[kind]) for kind in ("visual", "audio")),
               None, None),
        NEAREST: (
            _error(_nearest(known, asked, "audio", "visual"), asked["visual"]),
            _error(_nearest(known, asked, "visual", "audio"), asked["audio"]),
            None,
            None,
        ),
    }  # fmt: skip


def event_rows(videos: Videos, kind: str) -> np.ndarray:
    """Returns the event segments of some videos as rows, (segments, width)."""
    return getattr(videos, kind)[videos.event]


def _events(videos: Videos, config: MSVAEConfig) -> dict[str, np.ndarray]:
    """The event segments as the network sees them, by modality."""
    found = {kind: event_rows(videos, kind) for kind in MODALITIES}
    if not config.scaling.startswith("peak"):
        return found
    return {kind: peak_norm(tf.constant(rows)).numpy() for kind, rows in found.items()}


def _nearest(
    known: dict[str, np.ndarray], asked: dict[str, np.ndarray], given: str, wanted: str
) -> np.ndarray:
    rows = np.linspace(0, len(known[given]) - 1, min(len(known[given]), MOST)).astype(int)
    found = NearestNeighbors(n_neighbors=1).fit(known[given][rows])
    places = found.kneighbors(asked[given], return_distance=False)[:, 0]
    return known[wanted][rows][places]


def _error(generated: np.ndarray, true: np.ndarray) -> float:
    return float(np.square(generated - true).mean(dtype=np.float64))
