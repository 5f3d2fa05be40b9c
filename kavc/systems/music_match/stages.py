"""The fit: judgements in the order of an epoch, and the cross-entropy of their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc.data.comparisons.store import ComparisonStore
from kavc.data.epochs import Columns, of_epoch
from kavc.errors import DataError
from kavc.files import write_json
from kavc.inputs.json_files import read_json
from kavc.layers.network import Network
from kavc.media.extractors.base import digest_of
from kavc.media.networks.backbones import load_backbone_weights
from kavc.systems.base import Stage
from kavc.systems.music_match.config import MusicMatchConfig
from kavc.systems.music_match.networks import TRACK, VIDEO, MusicMatch
from kavc.systems.music_match.scoring import encoded, present, vectors
from kavc.systems.music_match.weights import weight_files, weights_wanted

BEGUN = "backbones.json"


class Embedded:
    """Judgements of what was made once of videos and tracks: as `ComparisonStore`, a vector each.

    Args:
        store: the judgements.
        videos: name to (videos, width) float32; none where nothing is seen.
        tracks: (tracks, width) float32.
        heard: (tracks,) bool. Whether a track has any row.
    """

    def __init__(
        self,
        store: ComparisonStore,
        videos: Mapping[str, np.ndarray],
        tracks: np.ndarray,
        heard: np.ndarray,
    ):
        self.answer, self.tracks, self.heard = store.answer, tracks, heard
        with tf.device("CPU:0"):  # a split may be larger than a GPU's memory
            self._rows = [tf.constant(rows) for rows in (store.video, store.a, store.b)]
            self._videos = {name: tf.constant(rows) for name, rows in videos.items()}
            self._tracks = tf.constant(tracks)

    @classmethod
    def of(cls, network: MusicMatch, store: ComparisonStore) -> Embedded:
        """Returns what a network's untrained parts make of judgements."""
        videos, there = vectors(network, store), present(network, store)
        tracks = videos.pop(TRACK)
        if not network.trains_norms:
            tracks = network.vector_of({TRACK: tracks}, there)
            videos = {VIDEO: network.vector_of(videos, there)} if videos else {}
        return cls(store, videos, tracks, there[TRACK])

    def __len__(self) -> int:
        return len(self.answer)

    def gather(self, rows: tf.Tensor, swapped: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns what is seen by name, "audio_a" and "audio_b", (batch, width) float32 each."""
        video, a, b = (tf.gather(each, rows) for each in self._rows)
        a, b = tf.where(swapped, b, a), tf.where(swapped, a, b)
        heard = {"audio_a": tf.gather(self._tracks, a), "audio_b": tf.gather(self._tracks, b)}
        return {name: tf.gather(seen, video) for name, seen in self._videos.items()} | heard


class PreferenceStage(Stage):
    """Learns whether the first of two tracks was preferred.

    Reference:
        Langlois, 2019, section 3.
    """

    name = "preference"
    headline = ("val_accuracy", "max")

    def __init__(self, config: MusicMatchConfig):
        self.config = config
        self.epochs = config.epochs
        self.patience = config.patience
        self.steps_per_execution = config.steps_per_execution
        self.artefacts = (BEGUN,) if weights_wanted(config) else ()

    def load(self, examples: tf.data.Dataset) -> ComparisonStore:
        return load_judgements(examples, self.config)

    def prepare(
        self, network: keras.Model, load: Callable[[], ComparisonStore], folder: Path
    ) -> ComparisonStore | Embedded:
        store = load()
        if folder.name == "train":
            begin(network, self.config, folder)
            network.fit_normalization(**_there(vectors(network, store), present(network, store)))
        # What comes before the head is the same in every epoch, if nothing of it is trained.
        return store if network.trains_encoders else Embedded.of(network, store)

    def finish(self, network: keras.Model, examples: ComparisonStore | Embedded) -> None:
        """Takes the mean track anew, where what makes vectors of tracks was trained, too."""
        if isinstance(examples, ComparisonStore):
            heard = present(network, examples)[TRACK]
            network.fit_reference(encoded(network, examples.tracks, TRACK)[heard])
        elif network.trains_norms:
            network.fit_reference(examples.tracks[examples.heard])

    def trainee(self, network: keras.Model) -> keras.Model:
        inputs, outputs = network.input, network.output
        if not network.trains_encoders:
            inputs, outputs = network.on_encodings() if network.trains_norms else (
                network.on_vectors()
            )  # fmt: skip
        preference = {"preference": outputs["preference"]}
        return Network(inputs, preference, config={}, dtype=network.dtype_policy)

    def compile_arguments(self) -> dict[str, Any]:
        config = self.config
        if config.optimizer == "adamw":
            optimizer = keras.optimizers.AdamW(
                config.learning_rate, weight_decay=config.weight_decay
            )
        else:
            optimizer = keras.optimizers.Adam(config.learning_rate)
        return {
            "optimizer": optimizer,
            "loss": {"preference": keras.losses.BinaryCrossentropy(from_logits=True)},
            "metrics": {"preference": [keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)]},
        }

    def dataset(
        self, examples: ComparisonStore | Embedded, epoch: tf.Tensor | int | None, seed: int
    ) -> tf.data.Dataset:
        preferred = tf.constant(examples.answer == 0)

        def batch(rows: tf.Tensor, swapped: tf.Tensor) -> tuple:
            label = tf.cast(tf.gather(preferred, rows) != swapped, tf.float32)[:, None]
            return examples.gather(rows, swapped), {"preference": label}

        drawn = tf.data.Dataset.from_tensor_slices(self.draw(len(examples), epoch, seed))
        batches = drawn.batch(self.config.batch_size)
        return batches.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)

    def draw(self, count: int, epoch: tf.Tensor | int | None, seed: int) -> Columns:
        """Returns the rows of an epoch and which change places: (judgements,) int32, bool.

        Example:
            >>> stage = PreferenceStage(MusicMatchConfig())
            >>> rows, swapped = stage.draw(4, None, seed=0)
            >>> rows.tolist(), swapped.tolist()  # validation is as it was asked
            ([0, 1, 2, 3], [False, False, False, False])
        """
        rows = np.arange(count, dtype=np.int32)
        swaps = self.config.swaps == "random" and self.config.head == "plain"

        def drawn(epoch: int) -> Columns:
            rng = np.random.default_rng([seed, epoch])
            order = rng.permutation(rows)
            return order, (rng.uniform(size=count) < 0.5) & swaps

        if epoch is None:
            return rows, np.zeros(count, bool)
        return of_epoch(drawn, epoch, (tf.int32, tf.bool))


def _there(
    found: Mapping[str, np.ndarray], there: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns the vectors of what is there at all: zeros that stand for nothing are no example."""
    for name, kept in there.items():
        if not kept.any():
            what = "track" if name == TRACK else "video"
            raise DataError(
                f"no {what} of the training split has a row of {name!r}; extract it, or train "
                "without it"
            )
    return {name: rows[there[name]] for name, rows in found.items()}


def load_judgements(examples: tf.data.Dataset, config: MusicMatchConfig) -> ComparisonStore:
    """Reads a split once, into memory: each judgement, and each video and each track once.

    Args:
        examples: as `kavc.systems.music_match.MusicMatchSystem.read` gives them.
        config: of the network.

    Raises:
        DataError: as `ComparisonStore.from_dataset`.
    """
    return ComparisonStore.from_dataset(examples, config.streams, (TRACK,))


def begin(network: MusicMatch, config: MusicMatchConfig, folder: Path) -> None:
    """Gives backbones the weights that they begin with, if these are published ones.

    Args:
        network: whose backbones they are.
        config: that it was built with.
        folder: where their digests are kept, so that a run goes on with the same ones.

    Raises:
        ConfigError: a file isn't there; says what to fetch, and where to put it.
        DataError: it is of another network, or not what the run began with.
    """
    if not (wanted := weight_files(config)):
        return
    digests = {
        name: {key: digest_of(path) for key, path in files.items()}
        for name, files in wanted.items()
    }
    kept = folder / BEGUN
    if kept.exists():
        check_begun(read_json(kept), digests, kept)
    for name, files in wanted.items():
        backbone = network.encoders[name].get_layer(f"{name}_backbone")
        load_backbone_weights(backbone, config.backbone(name), files)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(kept, digests)


def check_begun(before: Any, now: Mapping[str, Mapping[str, str]], kept: Path) -> None:
    """Raises unless backbones begin with the weights that they began with before.

    Example:
        >>> check_begun({"visual": {"h5": "5f"}}, {"visual": {"h5": "5f"}}, Path("backbones.json"))
        >>> check_begun({}, {"visual": {"h5": "5f"}}, Path("backbones.json"))
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: backbones.json: the run began with other weights of ...
    """
    for name, digests in now.items():
        if not isinstance(before, dict) or before.get(name) != dict(digests):
            raise DataError(
                f"{kept}: the run began with other weights of {name}_backbone than those that are "
                "found now; bring those back, or use another folder"
            )
