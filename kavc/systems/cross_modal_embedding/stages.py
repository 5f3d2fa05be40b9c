"""The fits of the cross-modal embedding: what each trains, on which pairs, against which loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc.data.epochs import Columns, of_epoch
from kavc.data.feature_store import FeatureStore
from kavc.data.negatives import draw_negatives
from kavc.evaluation.monitor import RetrievalMonitor
from kavc.systems.base import Stage
from kavc.systems.cross_modal_embedding.config import CrossModalConfig
from kavc.systems.cross_modal_embedding.fitted import fit_canonical
from kavc.systems.cross_modal_embedding.trainees import ContrastiveTrainee, PairTrainee


class _FeatureStage(Stage):
    """What the stages share: the store, the order of an epoch, the monitor."""

    monitor = "val_recall_at_1"
    direction = "max"

    def __init__(self, config: CrossModalConfig):
        self.config = config
        self.epochs = config.epochs
        self.patience = config.patience
        self.steps_per_execution = config.steps_per_execution

    def load(self, examples: tf.data.Dataset) -> FeatureStore:
        return FeatureStore.from_dataset(examples, silent=self.config.silent)

    def callbacks(self, validation: FeatureStore) -> Sequence[keras.callbacks.Callback]:
        return [RetrievalMonitor(validation.audio, validation.visual)]

    def batches(self, count: int, epoch: int | None, seed: int) -> np.ndarray:
        """Returns the rows of each batch of an epoch, shuffled: (steps, batch) int64.

        What does not fill a batch is left out, another remainder in each epoch.
        """
        size = min(self.config.batch_size, count)
        rng = np.random.default_rng([seed, 0 if epoch is None else epoch + 1])
        return rng.permutation(count)[: count // size * size].reshape(-1, size)


class PairStage(_FeatureStage):
    """The paper's only fit: pairs of which six in ten do not belong together.

    Reference:
        Surís et al., 2018, section 3.
    """

    name = "pairs"

    def trainee(self, network: keras.Model) -> keras.Model:
        config = self.config
        return PairTrainee(
            network,
            margin=config.margin,
            scale_hinge=config.scale_hinge,
            class_weight=config.class_weight,
            switch_step=config.switch_step,
            class_kind=config.class_kind,
            log_epsilon=config.log_epsilon,
        )

    def compile_arguments(self) -> dict[str, Any]:
        config = self.config
        rate = keras.optimizers.schedules.ExponentialDecay(
            config.learning_rate,
            config.decay_examples / config.batch_size,
            config.decay,
            staircase=True,
        )
        return {"optimizer": keras.optimizers.Adam(rate, clipnorm=config.clip_norm or None)}

    def dataset(
        self, examples: FeatureStore, epoch: tf.Tensor | int | None, seed: int
    ) -> tf.data.Dataset:
        classes = self.config.classes

        def pair(audio: tf.Tensor, visual: tf.Tensor, is_negative: tf.Tensor) -> tuple:
            inputs = examples.gather(audio, visual)
            targets = {
                "is_negative": is_negative,
                "audio_labels": examples.gather_labels(audio, classes),
                "visual_labels": examples.gather_labels(visual, classes),
            }
            return inputs, targets

        labels = examples.label_matrix(classes)

        def draw(epoch: int | None) -> Columns:
            return self._draw(labels, epoch, seed)

        shape = (None, min(self.config.batch_size, len(examples)))
        columns = of_epoch(draw, epoch, (tf.int32, tf.int32, tf.bool), shape)
        return tf.data.Dataset.from_tensor_slices(columns).map(pair, 2).prefetch(2)

    def _draw(self, labels: Any, epoch: int | None, seed: int) -> Columns:
        """Returns rows of sound and of picture, and which are negatives, each (steps, batch)."""
        config = self.config
        batches = self.batches(labels.shape[0], epoch, seed)
        rng = np.random.default_rng([seed, 0 if epoch is None else epoch + 1, 1])
        audio, negative = [], []
        for rows in batches:
            source, is_negative = draw_negatives(
                labels[rows],
                config.negatives_share,
                rng,
                draw=config.negatives_draw,
                disjoint_labels=config.negatives == "disjoint_labels",
            )
            audio.append(rows[source])
            negative.append(is_negative)
        return np.stack(audio).astype(np.int32), batches.astype(np.int32), np.stack(negative)


class ContrastiveStage(_FeatureStage):
    """Ours: matching pairs, mixed with each other, against all others of the batch.

    Reference:
        van den Oord et al., 2018; Zhang et al., "mixup", 2018.
    """

    name = "contrastive"

    def trainee(self, network: keras.Model) -> keras.Model:
        return ContrastiveTrainee(network, class_weight=self.config.class_weight)

    def prepare(
        self, network: keras.Model, load: Callable[[], FeatureStore], folder: Path
    ) -> FeatureStore:
        """Also fits what the network is given and not taught, on the training split."""
        store = load()
        if folder.name == "train":
            self.steps = len(store) // min(self.config.batch_size, len(store))
            if self.config.network == "canonical":
                fit_canonical(network, store, self.config)
        return store

    def compile_arguments(self) -> dict[str, Any]:
        config = self.config
        total = self.steps * self.epochs
        warm_up = min(config.warm_up_steps, total - 1)
        rate = keras.optimizers.schedules.CosineDecay(
            0.01 * config.learning_rate,
            total - warm_up,
            warmup_target=config.learning_rate,
            warmup_steps=warm_up,
        )
        optimizer = keras.optimizers.AdamW(
            rate,
            weight_decay=config.weight_decay,
            clipnorm=config.clip_norm or None,
            use_ema=config.ema_momentum > 0,
            ema_momentum=config.ema_momentum or 0.99,
        )
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "temperature"])
        return {"optimizer": optimizer}

    def dataset(
        self, examples: FeatureStore, epoch: tf.Tensor | int | None, seed: int
    ) -> tf.data.Dataset:
        classes = min(self.config.classes, self.config.label_limit or self.config.classes)

        def mix(rows: tf.Tensor, partners: tf.Tensor, weights: tf.Tensor) -> tuple:
            """Both modalities and the labels by one weight: a mixed pair still matches."""
            weights = weights[:, None]

            def mixed(of: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
                if not self.config.mixing or epoch is None:
                    return of(rows)
                return weights * of(rows) + (1 - weights) * of(partners)

            inputs = {
                "audio": mixed(lambda rows: examples.gather(rows, rows)["audio"]),
                "visual": mixed(lambda rows: examples.gather(rows, rows)["visual"]),
            }
            labels = mixed(lambda rows: examples.gather_labels(rows, classes))
            return inputs, {"audio_labels": labels, "visual_labels": labels}

        def draw(epoch: int | None) -> Columns:
            return self._draw(len(examples), epoch, seed)

        shape = (None, min(self.config.batch_size, len(examples)))
        columns = of_epoch(draw, epoch, (tf.int32, tf.int32, tf.float32), shape)
        return tf.data.Dataset.from_tensor_slices(columns).map(mix, 2).prefetch(2)

    def _draw(self, count: int, epoch: int | None, seed: int) -> Columns:
        """Returns rows, those they are mixed with and their own weight, each (steps, batch)."""
        batches = self.batches(count, epoch, seed)
        rng = np.random.default_rng([seed, 0 if epoch is None else epoch + 1, 1])
        partners = rng.permuted(batches, axis=1)
        alpha = self.config.mixing or 1.0
        weights = rng.beta(alpha, alpha, batches.shape)
        weights = np.maximum(weights, 1 - weights).astype(np.float32)
        return batches.astype(np.int32), partners.astype(np.int32), weights
