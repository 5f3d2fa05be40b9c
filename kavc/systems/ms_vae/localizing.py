"""The fit of supervised localisation: each segment has its class, or the background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc.data.epochs import of_epoch
from kavc.data.store import VideoStore
from kavc.systems.base import Stage
from kavc.systems.ms_vae.config import LOCALIZING, MSVAEConfig
from kavc.systems.ms_vae.monitor import LocalizationMonitor
from kavc.systems.ms_vae.scoring import one_modality
from kavc.systems.ms_vae.stages import optimizer
from kavc.systems.ms_vae.trainees import Localizing
from kavc.systems.ms_vae.videos import MODALITIES, Videos, load_videos

Batch = tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]


class LocalizingStage(Stage):
    """The only fit of AVSDN, AVFB, A+V-att and DMRN: whole videos, in which all labels are told.

    Reference:
        Tian et al., ECCV 2018; published code.
    """

    name = "localization"
    direction = "max"
    patience = None

    def __init__(self, config: MSVAEConfig):
        self.config = config
        self.epochs = config.epochs
        self.restore_best = config.keep == "best"
        self.steps_per_execution = config.steps_per_execution
        self.steps = 1
        self.monitor = f"val_{'localization' if self._has_branches else 'segment_accuracy'}"
        self.headline = (self.monitor, "max")

    @property
    def _has_branches(self) -> bool:
        return self.config.variant in LOCALIZING

    def load(self, examples: tf.data.Dataset) -> VideoStore:
        return load_videos(examples)

    def prepare(
        self, network: keras.Model, load: Callable[[], VideoStore], folder: Path
    ) -> VideoStore:
        store = load()
        if folder.name == "train":
            self.steps = -(-len(store) // self.config.batch_size)
        elif self._has_branches:
            videos = Videos.of(store)
            videos.check_queries(folder.name)
            self.held = LocalizationMonitor(network, self.config, videos)
        return store

    def trainee(self, network: keras.Model) -> keras.Model:
        if not self._has_branches:
            return Localizing(network)
        branches = {kind: one_modality(network, kind, self.config) for kind in MODALITIES}
        return Localizing(network, branches, margin=self.config.margin)

    def compile_arguments(self) -> dict[str, Any]:
        return {"optimizer": optimizer(self.config, self.steps * self.epochs)}

    def callbacks(self, validation: VideoStore) -> Sequence[keras.callbacks.Callback]:
        return [self.held] if self._has_branches else []

    def dataset(
        self, examples: VideoStore, epoch: tf.Tensor | int | None, seed: int
    ) -> tf.data.Dataset:
        count = len(examples)

        def drawn(epoch: int) -> tuple[np.ndarray]:
            return (np.random.default_rng([seed, epoch]).permutation(count).astype(np.int32),)

        order = np.arange(count, dtype=np.int32)
        rows = (order,) if epoch is None else of_epoch(drawn, epoch, (tf.int32,))
        batch = lambda rows: labelled(examples, rows, self.config.classes)  # noqa: E731
        batches = tf.data.Dataset.from_tensor_slices(rows).batch(self.config.batch_size)
        return batches.map(batch, num_parallel_calls=2, deterministic=True).prefetch(2)


def labelled(store: VideoStore, rows: tf.Tensor, background: int) -> Batch:
    """Returns features and labels of some videos.

    Args:
        store: as `load_videos` gives it.
        rows: (batch,).
        background: the class of segments without an event.

    Returns:
        "audio" and "visual", and "class" (batch, segments) int32 and "event", likewise, float32.

    Example:
        >>> features, events = np.ones((3, 4), np.float32), np.eye(3, 1, dtype=np.float32)
        >>> rows = {"audio": features, "visual": features, "events": events}
        >>> rows = {name: (array, np.array([3])) for name, array in rows.items()}
        >>> store = VideoStore(np.array([b"a"]), rows, {"label": np.array([5], np.int32)})
        >>> labelled(store, tf.constant([0]), 28)[1]["class"].numpy().tolist()
        [[5, 28, 28]]
    """
    found = store.gather(dict.fromkeys((*MODALITIES, "events", "label"), rows))
    event = found["events"][..., 0]
    label = tf.cast(found["label"], tf.int32)[:, None]
    classes = tf.where(event == 1, label, background)
    return {kind: found[kind] for kind in MODALITIES}, {"class": classes, "event": event}
