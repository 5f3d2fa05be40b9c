"""The fit of a parser: which videos, against which labels, at which rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kavc.data.store import VideoStore
from kavc.evaluation.parsing_monitor import ParsingMonitor
from kavc.optimizers import TorchAdam
from kavc.systems.av_parsing import pseudo_labels
from kavc.systems.av_parsing.batches import SEGMENTS, batches
from kavc.systems.av_parsing.config import ADVERSARIAL, AVParsingConfig
from kavc.systems.av_parsing.trainees import Adversarial, Weak, WeakApart
from kavc.systems.av_parsing.videos import all_features, check_events, load_videos, truth
from kavc.systems.base import Stage


class ParsingStage(Stage):
    """The only fit of every row of the paper: weak labels, the best epoch on validation."""

    name = "parsing"
    monitor = "val_segment_type_at_av"
    direction = "max"
    headline = ("val_segment_type_at_av", "max")
    patience = None

    def __init__(self, config: AVParsingConfig):
        self.config = config
        self.epochs = config.epochs
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
            if self.config.pseudo_labels is not None:
                return self._with_segments(store)
        else:  # what is watched after each epoch
            check_events(folder.name, store)
        return store

    def _with_segments(self, store: VideoStore) -> VideoStore:
        """Returns the store with a column "segments", the labels of the file."""
        config = self.config
        segments = pseudo_labels.read(
            str(config.pseudo_labels), list(store.ids), config.segments, config.classes
        )
        return store.with_columns({SEGMENTS: segments})

    def trainee(self, network: keras.Model) -> keras.Model:
        config = self.config
        self.keep = network.pooling.decide_by
        weak = {
            "guided_weight": config.guided_weight,
            "audio_keep": config.audio_keep,
            "visual_keep": config.visual_keep,
        }
        if config.pseudo_labels is not None:
            weak["segment_weight"] = config.segment_weight
            weak["positive_weight"] = config.positive_weight
        if config.members > 1:
            return WeakApart(network, **weak)
        if config.variant not in ADVERSARIAL:
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


def optimizer(config: AVParsingConfig, steps: int, epochs: int) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a config, whose rate follows the schedule.

    Args:
        config: of the fit.
        steps: of an epoch.
        epochs: that are planned.
    """
    rate = learning_rate(config, steps, epochs)
    clip = config.clip_norm or None
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay, global_clipnorm=clip)
    return TorchAdam(rate, global_clipnorm=clip)


def learning_rate(
    config: AVParsingConfig, steps: int, epochs: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the schedule of a config; see `optimizer`."""
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
