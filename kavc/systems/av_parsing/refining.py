"""The fits of refined labels: a network estimates whose they are, another one is taught by them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from kavc.data.store import VideoStore
from kavc.systems.av_parsing import pseudo_labels
from kavc.systems.av_parsing.batches import DROPPED
from kavc.systems.av_parsing.refinement import partners, refine_labels
from kavc.systems.av_parsing.scoring import Ask, asker
from kavc.systems.av_parsing.stages import ParsingStage, dropped

FILE = "refined_labels.npz"
SEED = 0  # of the partners; the labels depend on the weights alone


class EstimationStage(ParsingStage):
    """First fit: the network that is to say whose labels a video's are.

    Reference:
        Wu and Yang, CVPR 2021.
    """

    name = "estimation"


class RefinedStage(ParsingStage):
    """Second fit, from the beginning: each modality is taught the labels that it keeps.

    Reference:
        Wu and Yang, CVPR 2021.
    """

    name = "refined"
    start = "fresh"
    prepared_by = EstimationStage.name
    artefacts = ("refined_labels",)

    def prepare(
        self, network: keras.Model, load: Callable[[], VideoStore], folder: Path
    ) -> VideoStore:
        store = super().prepare(network, load, folder)
        if folder.name != "train":
            return store
        file = Path(folder) / FILE
        labels, ids = store.columns["labels"], list(store.ids)
        if not file.exists():
            pseudo_labels.write_modalities(file, ids, refined(network, store))
        kept = pseudo_labels.read_modalities(file, ids, labels)
        return store.with_columns({DROPPED: dropped(labels, kept)})


def refined(network: keras.Model, store: VideoStore) -> np.ndarray:
    """Returns which labels of a split each modality keeps, by a trained network's word.

    Args:
        network: of `kavc.systems.av_parsing.networks`.
        store: as `load_videos` gives it.

    Returns:
        (videos, 2, classes) bool, audio first.

    Raises:
        DataError: a video has a label in common with every other one.

    Reference:
        Wu and Yang, CVPR 2021; published code.
    """
    labels = store.columns["labels"]
    rows = np.arange(len(store))
    others = partners(labels, list(store.ids), SEED)
    ask = asker(network)
    return refine_labels(
        labels,
        heard_and_seen(ask, store, rows, rows),
        heard_and_seen(ask, store, rows, others),
        heard_and_seen(ask, store, others, rows),
    )


def heard_and_seen(
    ask: Ask, store: VideoStore, audio: np.ndarray, visual: np.ndarray
) -> np.ndarray:
    """Returns the probabilities of either modality, (videos, 2, classes), of videos of two rows."""
    found = ask(store, audio, visual)
    return np.stack([found["audio_probability"], found["visual_probability"]], axis=1)
