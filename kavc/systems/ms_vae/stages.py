"""The fits: each trains one kind of network, on which segments, against which loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc.data.epochs import Columns, of_epoch
from kavc.data.store import VideoStore
from kavc.errors import DataError
from kavc.optimizers import TorchAdam
from kavc.systems.base import Stage
from kavc.systems.ms_vae.config import FITTED, MSVAEConfig
from kavc.systems.ms_vae.monitor import LocalizationMonitor
from kavc.systems.ms_vae.published import PublishedGenerating, TwiceAdam
from kavc.systems.ms_vae.trainees import Corresponding, Generating, Matching
from kavc.systems.ms_vae.videos import MODALITIES, Segments, Videos, load_videos


class SegmentStage(Stage):
    """What the fits share: segments in memory, their order, the monitor, the optimizer."""

    monitor = "val_localization"
    direction = "max"
    headline = ("val_localization", "max")
    patience = None

    def __init__(self, config: MSVAEConfig):
        self.config = config
        self.epochs = config.epochs
        self.restore_best = config.keep == "best"
        self.steps_per_execution = config.steps_per_execution
        self.steps = 1  # of an epoch; known once the training split is

    def load(self, examples: tf.data.Dataset) -> VideoStore:
        return load_videos(examples)

    def prepare(
        self, network: keras.Model, load: Callable[[], VideoStore], folder: Path
    ) -> Segments:
        videos = Videos.of(load())
        if folder.name != "train":
            videos.check_queries(folder.name)
            self.held = LocalizationMonitor(network, self.config, videos)
        segments = Segments(videos, events_alone=self.events_alone)
        if folder.name == "train":
            self.steps = self.count(segments)
        return segments

    @property
    def events_alone(self) -> bool:
        """Whether segments without an event are left out."""
        return self.config.train_on == "events"

    def count(self, segments: Segments) -> int:
        """Returns how many steps an epoch has."""
        return -(-len(segments) // self.config.batch_size)

    def compile_arguments(self) -> dict[str, Any]:
        return {"optimizer": optimizer(self.config, self.steps * self.epochs)}

    def callbacks(self, validation: Segments) -> Sequence[keras.callbacks.Callback]:
        return [self.held]

    def dataset(
        self, examples: Segments, epoch: tf.Tensor | int | None, seed: int
    ) -> tf.data.Dataset:
        columns = self.draw(examples, epoch, seed)
        rows = tf.data.Dataset.from_tensor_slices(columns).batch(self.config.batch_size)
        batch = lambda *drawn: self.batch(examples, *drawn)  # noqa: E731 - autograph reads it
        return rows.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)

    def draw(self, segments: Segments, epoch: tf.Tensor | int | None, seed: int) -> Columns:
        """Returns the rows of an epoch, each once: (segments,) int32."""
        count = len(segments)

        def drawn(epoch: int) -> Columns:
            return (np.random.default_rng([seed, epoch]).permutation(count).astype(np.int32),)

        if epoch is None:
            return (np.arange(count, dtype=np.int32),)
        return of_epoch(drawn, epoch, (tf.int32,))

    def batch(self, segments: Segments, *drawn: tf.Tensor) -> Any:
        """Returns what `fit` takes, of what `draw` gave."""
        raise NotImplementedError


class GeneratingStage(SegmentStage):
    """The only fit of MS-VAE: no labels, but for which segments it is shown.

    Reference:
        Zhu et al., 2021, section 2.2.
    """

    name = "generation"

    def trainee(self, network: keras.Model) -> keras.Model:
        config = self.config
        kind = PublishedGenerating if config.latent == "matrix" else Generating
        without = config.variant != "ms-vae"
        return kind(
            network,
            error_weight=config.error_weight,
            latent_weight=config.latent_weight,
            kl_weights=(config.kl_weight, config.late_kl_weight),
            switch_step=config.kl_epochs * self.steps,
            latent="none" if without else config.latent,
            kl_over=config.kl_over,
        )

    def prepare(
        self, network: keras.Model, load: Callable[[], VideoStore], folder: Path
    ) -> Segments:
        segments = super().prepare(network, load, folder)
        if folder.name == "train" and self.config.scaling in FITTED:
            every = segments.gather(dict.fromkeys(MODALITIES, np.arange(len(segments))))
            network.fit_scaling(**{kind: rows.numpy() for kind, rows in every.items()})
        return segments

    def compile_arguments(self) -> dict[str, Any]:
        if self.config.latent == "matrix":
            return {"optimizer": TwiceAdam(self.config.learning_rate)}
        return super().compile_arguments()

    def count(self, segments: Segments) -> int:
        if self.config.batches == "videos":
            return len(segments.of_videos[0])
        return super().count(segments)

    def dataset(
        self, examples: Segments, epoch: tf.Tensor | int | None, seed: int
    ) -> tf.data.Dataset:
        if self.config.batches != "videos":
            return super().dataset(examples, epoch, seed)
        firsts, counts = (each.astype(np.int32) for each in examples.of_videos)
        videos = tf.data.Dataset.from_tensor_slices((firsts, counts))
        batch = lambda first, count: self.batch(examples, first + tf.range(count))  # noqa: E731
        return videos.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)

    def batch(self, segments: Segments, *drawn: tf.Tensor) -> Any:
        (rows,) = drawn
        return (segments.gather({"audio": rows, "visual": rows}),)


class MatchingStage(SegmentStage):
    """AVDLN's fit: pairs of one second each, in events and in the background.

    Reference:
        Tian et al., ECCV 2018, section 3.4; published code.
    """

    name = "matching"
    events_alone = False

    def trainee(self, network: keras.Model) -> keras.Model:
        return Matching(network, margin=self.config.margin)

    def batch(self, segments: Segments, *drawn: tf.Tensor) -> Any:
        (rows,) = drawn
        found = segments.gather(dict.fromkeys(("audio", "visual", "event"), rows))
        return found, {"event": found.pop("event")}


class CorrespondingStage(SegmentStage):
    """L3-Net's and AVE-Net's fit: as many pairs of two videos as of one second.

    Reference:
        Arandjelovic and Zisserman, ICCV 2017, section 2.
    """

    name = "correspondence"

    def trainee(self, network: keras.Model) -> keras.Model:
        return Corresponding(network)

    def count(self, segments: Segments) -> int:
        return -(-2 * len(segments) // self.config.batch_size)

    def prepare(
        self, network: keras.Model, load: Callable[[], VideoStore], folder: Path
    ) -> Segments:
        segments = super().prepare(network, load, folder)
        of_other_videos(segments.video, np.random.default_rng(0))  # says before the fit if it can't
        return segments

    def draw(self, segments: Segments, epoch: tf.Tensor | int | None, seed: int) -> Columns:
        """Returns rows of sounds, rows of pictures and whether these belong together.

        Each sound and each picture is once in either kind of pair.

        Returns:
            (pairs,) int32, int32, float32.
        """

        def drawn(epoch: int) -> Columns:
            rng = np.random.default_rng([seed, epoch + 1])
            rows = np.arange(len(segments))
            others = of_other_videos(segments.video, rng)
            order = rng.permutation(2 * len(rows))
            audio = np.concatenate([rows, rows])[order].astype(np.int32)
            visual = np.concatenate([rows, others])[order].astype(np.int32)
            return audio, visual, (order < len(rows)).astype(np.float32)

        if epoch is None:
            return drawn(-1)
        return of_epoch(drawn, epoch, (tf.int32, tf.int32, tf.float32))

    def batch(self, segments: Segments, *drawn: tf.Tensor) -> Any:
        audio, visual, matches = drawn
        return segments.gather({"audio": audio, "visual": visual}), {"matches": matches}


def of_other_videos(video: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws a permutation of segments that gives each one of another video.

    Args:
        video: (segments,) integers, equal ones together; no video has more than half of them.
        rng: source of chance.

    Returns:
        (segments,) int64.

    Raises:
        DataError: a video has more.

    Example:
        >>> video = np.array([0, 0, 1, 1, 2, 2])
        >>> others = of_other_videos(video, np.random.default_rng(0))
        >>> sorted(others.tolist()), bool((video[others] != video).all())
        ([0, 1, 2, 3, 4, 5], True)
    """
    # Shuffled within and between videos, all are shifted by no less than the longest video.
    _, which, counts = np.unique(video, return_inverse=True, return_counts=True)
    if 2 * counts.max() > len(video):
        raise DataError(
            f"one video has {counts.max()} of the {len(video)} segments: not all of them "
            "have a partner in another video; take more videos"
        )
    place = np.argsort(rng.permutation(len(counts))[which] + rng.random(len(video)))
    shift = rng.integers(counts.max(), len(video) - counts.max() + 1)
    others = np.empty_like(place)
    others[place] = np.roll(place, shift)
    return others


def optimizer(config: MSVAEConfig, steps: int) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a config.

    Args:
        config: of the fit.
        steps: of the whole fit, for the schedule.

    Reference:
        Kingma and Ba, ICLR 2015; Loshchilov and Hutter, ICLR 2019, for "adamw".

    Example:
        >>> float(optimizer(MSVAEConfig(learning_rate=0.5), steps=100).learning_rate)
        0.5
    """
    rate: Any = config.learning_rate
    if config.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
    if config.optimizer == "rmsprop":
        return keras.optimizers.RMSprop(rate)
    return TorchAdam(rate)
