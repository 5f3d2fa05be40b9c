"""The fits of the rows "Pretrain": grounding of an encoder, and parsing by what it represents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc.data.epochs import Columns, of_epoch
from kavc.data.store import VideoStore
from kavc.errors import DataError
from kavc.files import write_npz
from kavc.inputs.arrays import read_npz
from kavc.optimizers import TorchAdam
from kavc.systems.av_parsing import grounding
from kavc.systems.av_parsing.config import AVParsingConfig
from kavc.systems.av_parsing.scoring import asker
from kavc.systems.av_parsing.silence import read_silence
from kavc.systems.av_parsing.stages import ParsingStage
from kavc.systems.av_parsing.trainees import Grounding
from kavc.systems.av_parsing.videos import all_features, features
from kavc.systems.base import Stage

GROUPS = "groups"  # column of a store: which segments are in one group
FILE = "representations.npz"


class GroundingStage(Stage):
    """First fit: the encoder, on what is seen and heard in the training videos; no labels.

    Reference:
        Lamba et al., 2021, section 3.2.
    """

    name = "grounding"
    monitor = "val_loss"
    patience = None
    load = ParsingStage.load  # the same function: what it reads is shared

    def __init__(self, config: AVParsingConfig):
        self.config = config
        self.epochs = config.grounding_epochs
        self.steps_per_execution = config.steps_per_execution
        self.thresholds: dict[str, float] = {}

    def prepare(
        self, network: keras.Model, load: Callable[[], VideoStore], folder: Path
    ) -> VideoStore:
        store = load()
        found = all_features(store)
        if folder.name == "train":  # comes first, and says what is alike
            self.thresholds = thresholds(self.config, found)
        groups = grounding.grounding_graph(
            found["visual"],
            found["audio"],
            rule=self.config.grounding_rule,
            silence=read_silence(self.config),
            silence_threshold=self.config.silence_alike,
            **self.thresholds,
        )
        if folder.name == "train":
            grounding.check_groups(groups)
        return store.with_columns({GROUPS: groups.astype(np.float32)})

    def trainee(self, network: keras.Model) -> keras.Model:
        config = self.config
        return Grounding(
            network.encoder.without_clips(),
            positive_margin=config.positive_margin,
            negative_margin=config.negative_margin,
        )

    def compile_arguments(self) -> dict[str, Any]:
        return {"optimizer": TorchAdam(self.config.grounding_learning_rate)}

    def dataset(
        self, examples: VideoStore, epoch: tf.Tensor | int | None, seed: int
    ) -> tf.data.Dataset:
        def batch(
            rows: tf.Tensor, anchor: tf.Tensor, unimodal: tf.Tensor, cross_modal: tf.Tensor
        ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
            found = features(examples, {"audio": rows, "visual": rows})
            targets = {
                "groups": examples.gather({GROUPS: rows})[GROUPS],
                "anchor": anchor,
                "unimodal": unimodal,
                "cross_modal": cross_modal,
            }
            return {name: found[name] for name in ("audio", "visual")}, targets

        columns = self.draw(len(examples), epoch, seed)
        rows = tf.data.Dataset.from_tensor_slices(columns).batch(self.config.grounding_batch_size)
        return rows.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)

    def draw(self, count: int, epoch: tf.Tensor | int | None, seed: int) -> Columns:
        """Returns the rows of an epoch, the anchor of each, and what either loss weighs.

        Returns:
            (count,) int32, int32, float32, float32.

        Reference:
            Lamba et al., 2021, section 3.2: "i is any random segment".
        """
        segments = self.config.segments
        ones = np.ones(count, np.float32)
        if epoch is None:
            rows = np.arange(count, dtype=np.int32)
            return rows, rows % segments, *(weight * ones for weight in self.weights(None))

        def drawn(epoch: int) -> Columns:
            rng = np.random.default_rng([seed, epoch])
            rows = rng.permutation(count).astype(np.int32)
            anchors = rng.integers(segments, size=count, dtype=np.int32)
            return rows, anchors, *(weight * ones for weight in self.weights(epoch))

        return of_epoch(drawn, epoch, (tf.int32, tf.int32, tf.float32, tf.float32))

    def weights(self, epoch: int | None) -> tuple[float, float]:
        """Returns what the unimodal and the cross-modal loss weigh in an epoch, from 0.

        Reference:
            Lamba et al., 2021, equations 4 to 6; that they alternate is the published code's.

        Example:
            >>> options = {"variant": "pretrain-multi", "grounding_alternates": True}
            >>> stage = GroundingStage(AVParsingConfig(**options))
            >>> stage.weights(0), stage.weights(1), stage.weights(None)
            ((0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
        """
        variant = self.config.variant
        if variant == "pretrain-multi" and self.config.grounding_alternates and epoch is not None:
            variant = "pretrain-uni" if epoch % 2 else "pretrain-cross"
        return {
            "pretrain-uni": (1.0, 0.0),
            "pretrain-cross": (0.0, 1.0),
            "pretrain-multi": (1.0, 1.0),
        }[variant]


class RepresentationStage(ParsingStage):
    """Second fit: the paper's model, on what the encoder made of each video once and for all.

    Reference:
        Lamba et al., 2021, section 4.
    """

    artefacts = ("representations",)

    def prepare(
        self, network: keras.Model, load: Callable[[], VideoStore], folder: Path
    ) -> VideoStore:
        store = super().prepare(network, load, folder)
        file = Path(folder) / FILE
        if not file.exists():
            write_npz(file, asker(network.encoder)(store, np.arange(len(store))))
        arrays = read_npz(file, most=None)  # as large as the file is, which is this stage's own
        try:
            return store.with_sequences(arrays)
        except (TypeError, ValueError) as error:
            raise DataError(f"{file}: not representations ({error}); remove the file") from None

    def trainee(self, network: keras.Model) -> keras.Model:
        return super().trainee(network.parser)


def thresholds(config: AVParsingConfig, found: dict[str, np.ndarray]) -> dict[str, float]:
    """Returns from which cosine on segments are alike in either modality.

    Args:
        config: its thresholds, or the share of pairs that are alike.
        found: (videos, segments, width) features of the training videos, by name.

    Reference:
        Lamba et al., 2021, section 3.2 and algorithm 1, which name no values.

    Example:
        >>> thresholds(AVParsingConfig(visual_alike=0.96, audio_alike=0.99), {})
        {'visual_threshold': 0.96, 'audio_threshold': 0.99}
    """
    given = {"visual": config.visual_alike, "audio": config.audio_alike}
    return {
        f"{name}_threshold": grounding.quantiles(found[name], 1 - config.alike)
        if value is None
        else value
        for name, value in given.items()
    }
