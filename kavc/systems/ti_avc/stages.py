"""The fits of Ti-AVC: what each trains, on which pairs, against which loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc.data.epochs import Columns, of_epoch
from kavc.data.pairing import pairs
from kavc.data.store import VideoStore
from kavc.errors import DataError
from kavc.evaluation.monitor import MatchMonitor
from kavc.files import write_npz
from kavc.inputs.arrays import read_npz
from kavc.systems.base import Stage
from kavc.systems.ti_avc import networks, trainees
from kavc.systems.ti_avc.config import TiAVCConfig
from kavc.systems.ti_avc.scoring import EVALUATION_SEED
from kavc.systems.ti_avc.videos import gather_pairs, load_videos, video_store

Batch = dict[str, tf.Tensor]


def match_loss() -> keras.losses.Loss:
    """Binary cross-entropy of match logits."""
    return keras.losses.BinaryCrossentropy(from_logits=True)


class ThemeLoss(keras.losses.SparseCategoricalCrossentropy):
    """Cross-entropy of theme logits.

    Args:
        label_smoothing: share of the target that is spread evenly over all themes.
        name: str.

    Reference:
        Szegedy et al., 2016, section 7, for the smoothing.

    Example:
        >>> logits = keras.ops.convert_to_tensor([[0.0, 0.0], [50.0, 0.0]])
        >>> round(float(ThemeLoss()(keras.ops.zeros(2), logits)), 4)  # log 2 / 2
        0.3466
    """

    def __init__(self, label_smoothing: float = 0.0, name: str = "theme_loss"):
        super().__init__(from_logits=True, name=name)
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        loss = super().call(y_true, y_pred)
        if not self.label_smoothing:
            return loss
        uniform = -keras.ops.mean(keras.ops.log_softmax(y_pred), axis=-1)
        return (1 - self.label_smoothing) * loss + self.label_smoothing * uniform

    def get_config(self) -> dict[str, Any]:
        return {"label_smoothing": self.label_smoothing, "name": self.name}


class _VideoStage(Stage):
    """What the stages share: the store, the pairs of an epoch, the optimizer."""

    def __init__(self, config: TiAVCConfig):
        self.config = config
        self.epochs = config.epochs
        self.patience = config.patience
        self.batch_size = config.batch_size
        self.steps_per_execution = config.steps_per_execution

    def load(self, examples: tf.data.Dataset) -> VideoStore:
        return load_videos(examples, self.config.silent)

    def compile_arguments(self) -> dict[str, Any]:
        config = self.config
        if config.optimizer == "adamw":
            optimizer = keras.optimizers.AdamW(
                config.learning_rate, weight_decay=config.weight_decay
            )
        else:
            optimizer = keras.optimizers.Adam(config.learning_rate)
        return {"optimizer": optimizer, **self.objective()}

    def objective(self) -> dict[str, Any]:
        """Returns losses and metrics, as arguments of `compile`."""
        raise NotImplementedError

    def targets(self, batch: Batch, label: tf.Tensor) -> tuple:
        """Returns inputs, targets and optionally weights of a gathered batch."""
        raise NotImplementedError

    def dataset(
        self, examples: VideoStore, epoch: tf.Tensor | int | None, seed: int
    ) -> tf.data.Dataset:
        audio, visual, label = self.draw(examples, epoch, seed)

        def gather(audio: tf.Tensor, visual: tf.Tensor, label: tf.Tensor) -> tuple:
            batch = gather_pairs(examples, audio, visual, self.config.max_steps)
            return self.targets(batch, label)

        indices = tf.data.Dataset.from_tensor_slices((audio, visual, label))
        batches = indices.batch(self.batch_size)
        return batches.map(gather, num_parallel_calls=2, deterministic=True).prefetch(4)

    def draw(self, store: VideoStore, epoch: tf.Tensor | int | None, seed: int) -> Columns:
        """Returns the rows and labels of an epoch's pairs: (pairs,) int32, int32, float32."""
        config = self.config
        if epoch is None:
            drawn = pairs(store.columns["theme"], seed=seed, epoch=None)
            return drawn.audio, drawn.visual, drawn.label

        def fresh(epoch: int) -> Columns:
            drawn = pairs(
                store.columns["theme"],
                seed=seed,
                epoch=epoch,
                same_theme_share=config.same_theme_share,
            )
            return drawn.audio, drawn.visual, drawn.label

        def fixed(epoch: int) -> Columns:
            columns = fresh(0)
            order = np.random.default_rng([seed, epoch]).permutation(len(columns[0]))
            return tuple(column[order] for column in columns)

        draw = fixed if config.negatives == "fixed" else fresh
        return of_epoch(draw, epoch, (tf.int32, tf.int32, tf.float32))


def _shuffled_videos(store: VideoStore, epoch: tf.Tensor | int | None, seed: int) -> Columns:
    """Returns matched pairs alone, each video once, in the order of (seed, epoch)."""

    def matched(rows: np.ndarray) -> Columns:
        rows = rows.astype(np.int32)
        return rows, rows, np.ones(len(rows), np.float32)

    if epoch is None:
        return matched(np.arange(len(store)))

    def shuffled(epoch: int) -> Columns:
        return matched(np.random.default_rng([seed, epoch]).permutation(len(store)))

    return of_epoch(shuffled, epoch, (tf.int32, tf.int32, tf.float32))


class ThemeStage(_VideoStage):
    """First stage of Ti-AVC: the theme learner (section 4.2).

    Example:
        >>> stage = ThemeStage(TiAVCConfig())
        >>> stage.start, stage.patience, stage.monitor
        ('previous', 5, 'val_loss')
    """

    name = "theme"

    def trainee(self, network: keras.Model) -> keras.Model:
        return network.theme_learner

    def objective(self) -> dict[str, Any]:
        return {
            "loss": ThemeLoss(self.config.label_smoothing),
            "metrics": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        }

    def targets(self, batch: Batch, label: tf.Tensor) -> tuple:
        theme = batch.pop("theme")
        return batch, theme

    def draw(self, store: VideoStore, epoch: tf.Tensor | int | None, seed: int) -> Columns:
        if self.config.theme_stage_on == "all":
            return super().draw(store, epoch, seed)
        return _shuffled_videos(store, epoch, seed)


class AlignmentStage(_VideoStage):
    """Not in the paper: InfoNCE over the videos of a batch, before anything else is trained.

    Reference:
        van den Oord et al., 2018.
    """

    name = "alignment"

    def __init__(self, config: TiAVCConfig):
        super().__init__(config)
        self.epochs = config.alignment_epochs
        self.batch_size = config.alignment_batch_size

    def trainee(self, network: keras.Model) -> keras.Model:
        return trainees.Alignment(network, self.config.temperature)

    def objective(self) -> dict[str, Any]:
        return {}

    def targets(self, batch: Batch, label: tf.Tensor) -> tuple:
        del batch["theme"]
        return (batch,)

    def draw(self, store: VideoStore, epoch: tf.Tensor | int | None, seed: int) -> Columns:
        return _shuffled_videos(store, epoch, seed)


class _MatchStage(_VideoStage):
    """The last stage of a variant, whose validation AUC is logged."""

    headline = ("val_auc", "max")

    def callbacks(self, validation: VideoStore) -> Sequence[keras.callbacks.Callback]:
        return [MatchMonitor(self.dataset(validation, None, EVALUATION_SEED))]


class PairStage(_MatchStage):
    """The only stage of the joint model and of the baselines: everything at once, on pairs.

    Reference:
        Su et al., 2020, section 5.1.
    """

    name = "pairs"

    def trainee(self, network: keras.Model) -> keras.Model:
        return network

    def objective(self) -> dict[str, Any]:
        accuracy = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
        loss = {"match": match_loss()}
        weights = {"match": 1.0}
        if self.config.variant == "joint":
            loss["theme"] = ThemeLoss(self.config.label_smoothing)
            weights["theme"] = self.config.theme_loss_weight
        return {"loss": loss, "loss_weights": weights, "metrics": {"match": [accuracy]}}

    def targets(self, batch: Batch, label: tf.Tensor) -> tuple:
        if self.config.variant != "joint":
            return batch, {"match": label}
        # Twice the label has mean 1 over as many negatives as positives, and needs no division.
        weight = 2 * label if self.config.theme_loss_on == "positives" else tf.ones_like(label)
        targets = {"match": label, "theme": batch["theme"]}
        return batch, targets, {"match": tf.ones_like(label), "theme": weight}


class CorrespondenceStage(_MatchStage):
    """Second stage of Ti-AVC: the correspondence learner on the frozen theme learner (4.2).

    The embeddings of every video are computed once; only the theme learner's fusion, whose answer
    depends on the pair, runs at every step.

    Reference:
        Su et al., 2020, section 4.2.
    """

    name = "correspondence"
    artefacts = ("frozen_embeddings",)

    def trainee(self, network: keras.Model) -> keras.Model:
        return trainees.on_frozen_embeddings(network)

    def objective(self) -> dict[str, Any]:
        accuracy = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
        return {"loss": {"match": match_loss()}, "metrics": {"match": [accuracy]}}

    def targets(self, batch: Batch, label: tf.Tensor) -> tuple:
        inputs = {
            "audio_embedding": batch["audio"][:, 0],
            "visual_embedding": batch["visual"],
            "visual_length": batch["visual_length"],
            "theme": batch["theme"],
        }
        return inputs, {"match": label}

    def prepare(
        self, network: keras.Model, load: Callable[[], VideoStore], folder: Path
    ) -> VideoStore:
        file = Path(folder) / "frozen_embeddings.npz"
        if not file.exists():
            write_npz(file, frozen_embeddings(network, load(), self.config.max_steps))
        arrays = read_npz(file, most=None)  # as large as the file is, which is this stage's own
        try:
            return video_store(**arrays)
        except (TypeError, ValueError) as error:
            raise DataError(f"{file}: not frozen embeddings ({error}); remove the file") from None


def frozen_embeddings(
    network: networks.TiAVC, store: VideoStore, max_steps: int | None = None, batch_size: int = 256
) -> dict[str, np.ndarray]:
    """Embeds every video of a store with both sub-networks of the theme learner.

    Returns:
        Arguments of `video_store`: the audio of a video is one step, its embedding.

    Reference:
        Su et al., 2020, section 4.2: "we fixed it as an embedding extractor".
    """
    learner = network.theme_learner
    inputs = {name: x for name, x in network.input.items() if name != "theme"}
    encoder = keras.Model(inputs, networks.embeddings(learner, inputs))
    signature = {name: tf.TensorSpec(x.shape, x.dtype, name) for name, x in inputs.items()}
    embed = tf.function(lambda batch: encoder(batch, training=False), input_signature=[signature])
    audio, visual = [], []
    for begin in range(0, len(store), batch_size):
        rows = np.arange(begin, min(begin + batch_size, len(store)), dtype=np.int32)
        batch = gather_pairs(store, rows, rows, max_steps)
        batch.pop("theme")
        embedded = embed(batch)
        audio.append(
            keras.ops.convert_to_numpy(keras.ops.cast(embedded["audio_embedding"], "float32"))
        )
        frames = keras.ops.convert_to_numpy(keras.ops.cast(embedded["visual_embedding"], "float32"))
        lengths = batch["visual_length"].numpy()
        visual += [x[:length] for x, length in zip(frames, lengths, strict=True)]
    return {
        "ids": np.asarray(store.ids, np.bytes_),  # an array of objects would need pickle
        "themes": store.columns["theme"],
        "audio": np.concatenate(audio),
        "audio_lengths": np.ones(len(store), np.int32),
        "visual": np.concatenate(visual),
        "visual_lengths": store.lengths["visual"],
    }
