"""The fit of a parser: which videos, against which labels, at which rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc.data.store import VideoStore
from kavc.evaluation.parsing_monitor import ParsingMonitor
from kavc.optimizers import TorchAdam
from kavc.systems.av_parsing import pseudo_labels
from kavc.systems.av_parsing.batches import DROPPED, SEGMENTS, batches
from kavc.systems.av_parsing.config import AVParsingConfig
from kavc.systems.av_parsing.trainees import Adversarial, Weak, WeakApart
from kavc.systems.av_parsing.videos import all_features, check_events, load_videos, truth
from kavc.systems.base import Stage


class ParsingStage(Stage):
    """The only fit of every row of the paper: weak labels, the best epoch on validation.

    Reference:
        Lamba et al., 2021, section 4.
    """

    name = "parsing"
    monitor = "val_segment_type_at_av"
    direction = "max"
    headline = ("val_segment_type_at_av", "max")
    patience = None

    def __init__(self, config: AVParsingConfig):
        self.config = config
        self.epochs = config.epochs
        self.restore_best = config.keep == "best"
        self.steps_per_execution = config.steps_per_execution
        self.steps = 1  # of an epoch; known once the training split is

    def load(self, examples: tf.data.Dataset) -> VideoStore:
        return load_videos(examples, self.config.classes)

    def prepare(
        self, network: keras.Model, load: Callable[[], VideoStore], folder: Path
    ) -> VideoStore:
        store = load()
        if folder.name == "train":
            self.steps = -(-len(store) // self.config.batch_size)
            return self.told(store)
        else:  # what is watched after each epoch
            check_events(folder.name, store)
        return store

    def told(self, store: VideoStore) -> VideoStore:
        """Returns the training split with what files say of its segments and modalities."""
        config = self.config
        ids = list(store.ids)
        columns = {}
        if config.pseudo_labels is not None:
            columns[SEGMENTS] = pseudo_labels.read(
                config.pseudo_labels, ids, config.segments, config.classes
            )
        if config.refined_labels is not None:
            labels = store.columns["labels"]
            kept = pseudo_labels.read_modalities(config.refined_labels, ids, labels)
            columns[DROPPED] = dropped(labels, kept)
        return store.with_columns(columns) if columns else store

    def trainee(self, network: keras.Model) -> keras.Model:
        config = self.config
        self.keep = network.pooling.decide_by
        weak = {
            "guided_weight": config.guided_weight,
            "audio_keep": config.audio_keep,
            "visual_keep": config.visual_keep,
            "contrastive_weight": config.contrastive_weight,
        }
        if config.pseudo_labels is not None:
            weak["segment_weight"] = config.segment_weight
            weak["positive_weight"] = config.positive_weight
        if config.members > 1:
            return WeakApart(network, **weak)
        if not config.adversarial:
            return Weak(network, **weak)
        return Adversarial(
            network,
            adversarial_weight=config.adversarial_weight,
            total_steps=self.steps * self.epochs,
            first_step=self.steps * config.reversal_from,
            **weak,
        )

    def compile_arguments(self) -> dict[str, Any]:
        return {"optimizer": optimizer(self.config, self.steps, self.epochs)}

    def callbacks(self, validation: VideoStore) -> Sequence[keras.callbacks.Callback]:
        fitted = self.config.threshold == "validation"
        return [
            ParsingMonitor(
                all_features(validation),
                truth(validation, self.config.segments),
                gate=self.config.gate,
                **({"threshold": None, "keep": self.keep} if fitted else {}),
            )
        ]

    def dataset(
        self, examples: VideoStore, epoch: tf.Tensor | int | None, seed: int
    ) -> tf.data.Dataset:
        return batches(
            examples,
            epoch,
            seed,
            batch_size=self.config.batch_size,
            recombination=self.config.recombination,
            mixup=self.config.mixup,
        )


def dropped(labels: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Returns which labels of a video are none of a modality's, (videos, 2, classes) float32.

    Args:
        labels: (videos, classes), 1 where a video has a label.
        kept: (videos, 2, classes) bool.

    Example:
        >>> labels, kept = np.array([[1, 1, 0]]), np.array([[[1, 0, 0], [1, 1, 0]]], bool)
        >>> dropped(labels, kept).tolist()
        [[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]
    """
    return ((labels[:, None] > 0) & ~kept).astype(np.float32)


def optimizer(config: AVParsingConfig, steps: int, epochs: int) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a config, whose rate follows the schedule.

    Args:
        config: of the fit.
        steps: of an epoch.
        epochs: that are planned.

    Reference:
        Kingma and Ba, ICLR 2015; Loshchilov and Hutter, ICLR 2019, for "adamw".

    Example:
        >>> found = optimizer(AVParsingConfig(optimizer="adamw", clip_norm=1.0), steps=10, epochs=4)
        >>> type(found).__name__, found.global_clipnorm
        ('AdamW', 1.0)
    """
    rate = learning_rate(config, steps, epochs)
    clip = config.clip_norm or None
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay, global_clipnorm=clip)
    return TorchAdam(rate, global_clipnorm=clip)


def learning_rate(
    config: AVParsingConfig, steps: int, epochs: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the schedule of a config; see `optimizer`.

    Reference:
        Lamba et al., 2021, section 4.

    Example:
        >>> rate = learning_rate(AVParsingConfig(), steps=10, epochs=40)
        >>> [float(f"{float(rate(epoch * 10)):.3g}") for epoch in (0, 4, 5, 10)]
        [0.0003, 0.0003, 0.00015, 7.5e-05]
    """
    if config.schedule == "cosine":
        warm_up = min(config.warm_up_epochs, epochs - 1) * steps
        return keras.optimizers.schedules.CosineDecay(
            0.01 * config.learning_rate if warm_up else config.learning_rate,
            epochs * steps - warm_up,
            warmup_target=config.learning_rate if warm_up else None,
            warmup_steps=warm_up,
        )
    return keras.optimizers.schedules.ExponentialDecay(
        config.learning_rate, config.decay_epochs * steps, config.decay, staircase=True
    )
