"""What every extractor is: a recipe, which says what it takes, and a network with its weights.

    file -> windows of sound or frames -> preprocess -> network -> a row of features a window

A recipe is data: it loads neither Keras nor TensorFlow, so that a mistake in it is told at once.
"""

from __future__ import annotations

import abc
import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from kavc.errors import ConfigError, DataError, unknown
from kavc.files import fingerprint
from kavc.inputs.opening import named, sha256
from kavc.media.choice import CHOICES, Choice
from kavc.media.moments import Rate
from kavc.media.windows import Heard, Taken, Windows, window_of, windows
from kavc.options import Options, option

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

APACHE = "Apache-2.0, as published"


@dataclass(frozen=True)
class Weights:
    """A file of weights, or of what else a network was published with.

    Args:
        name: by which it is given: `--weights NAME=PATH`.
        files: names under which it was published, those to look for in a folder.
        page: where it is to be had.
        licence: under which it was published.

    Example:
        >>> need = Weights("yamnet", ("yamnet.h5",), "tensorflow/models, research/audioset/yamnet")
        >>> need.licence
        'Apache-2.0, as published'
    """

    name: str
    files: Sequence[str]
    page: str
    licence: str = APACHE


@dataclass(frozen=True)
class Recipe(Options):
    """How features are made of a file; its fields are what can be set.

    Attributes:
        NAME: on the command line.
        MODALITY: "audio" or "visual".
        SUMMARY: what it makes, a line.
        SEEN: with which real weights it was seen to work, or that it never was.

    Example:
        >>> from kavc.media.extractors.yamnet import YAMNet
        >>> YAMNet(hop=0.48).taken()
        Heard(rate=16000, window=15600, hop=7680, lead=0, short='drop', track='best')
    """

    NAME: ClassVar[str]
    MODALITY: ClassVar[str]
    SUMMARY: ClassVar[str]
    SEEN: ClassVar[str]

    @abc.abstractmethod
    def needs(self) -> Sequence[Weights]:
        """Returns the files that it needs, under these options."""

    track: str = option("best", "which track of a file: best, as FFmpeg says, first, or its index")

    def __post_init__(self) -> None:
        super().__post_init__()
        track_of(self.track)

    def taken(self) -> Taken:
        """Returns what it takes of a file."""
        return dataclasses.replace(self.takes(), track=track_of(self.track))

    @abc.abstractmethod
    def takes(self) -> Taken:
        """Returns what it takes of a track."""

    @abc.abstractmethod
    def load(self, files: Mapping[str, Path]) -> Extractor:
        """Returns the extractor, with its network.

        Args:
            files: name of each of `needs` to its path.

        Raises:
            DataError: a file isn't what it is called.
        """

    def check(self) -> None:
        """Raises if it can't work here, as where a package is missing (optional).

        Raises:
            ConfigError: says what to install.
        """

    @property
    def step(self) -> float | None:
        """Seconds from one row to the next; None where they vary.

        >>> from kavc.media.extractors.resnet import ResNet50
        >>> ResNet50(frames="rate:8").step, ResNet50(frames="uniform:8").step
        (0.125, None)
        """
        taken = self.taken()
        if isinstance(taken, Heard):
            return taken.hop / taken.rate
        return taken.hop / taken.moments.rate if isinstance(taken.moments, Rate) else None

    def described(self) -> dict[str, Any]:
        """Returns its name and options, JSON-serialisable.

        >>> from kavc.media.extractors.yamnet import YAMNet
        >>> YAMNet(hop=0.48).described()["options"]["hop"]
        0.48
        """
        return {"extractor": self.NAME, "options": self.to_dict()}


def track_of(text: str) -> Choice:
    """Returns the choice of a track that a text says.

    Raises:
        ConfigError: it says none.

    Example:
        >>> track_of("2"), track_of("best")
        (2, 'best')
    """
    if text.isdecimal():
        return int(text)
    if text in CHOICES:
        return "first" if text == "first" else "best"
    raise ConfigError(unknown("track", text, (*CHOICES, "an index")))


class Extractor:
    """A recipe with its network.

    Args:
        recipe: what it is made by.
        preprocess: in graph, from windows as `kavc.media.windows.Windows.values`, (windows, ...),
            to the inputs of the network.
        network: from these to a dict of outputs, each (windows, ...). None where what `preprocess`
            returns is the feature itself.
        output: name of the output that is the feature.
        files: of the weights, by name, for their digests.
        finish: in graph, optional: from the feature to what is kept of it.

    Attributes:
        shape: of a row.
        rows: function in graph, from windows as above to rows, (windows, *shape) float32.

    Example:
        extractor = MobileNetV2().load({"mobilenet-v2": "mobilenet_v2_1.0_224.h5"})
        times, rows = extractor.extract("clip.mp4")  # (8,) s, (8, 1280) float32
    """

    def __init__(
        self,
        recipe: Recipe,
        preprocess: Callable[[tf.Tensor], Any],
        network: keras.Model | None = None,
        *,
        output: str = "embedding",
        files: Mapping[str, Path],
        finish: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ):
        import tensorflow as tf

        self.recipe, self.network, self.preprocess = recipe, network, preprocess
        self._output, self._finish = output, finish
        self.weights = {name: digest_of(path) for name, path in files.items()}
        # A function of its own: a graph that calls it several times holds it once.
        self.rows = tf.function(self._rows, input_signature=[self._given()])
        self.shape = tuple(self.rows.get_concrete_function().output_shapes[1:])

    def _rows(self, values: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        found = self.preprocess(values)
        if self.network is not None:
            found = self.network(found, training=False)[self._output]
        found = found if self._finish is None else self._finish(found)
        return tf.cast(found, tf.float32)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Returns `rows` of NumPy's arrays, as one."""
        return self.rows(values).numpy()

    def extract(self, path: str | Path) -> tuple[np.ndarray, np.ndarray]:
        """Returns the features of a file, decoded in this process.

        Returns:
            When each row begins, (rows,) float64, in seconds from the start of the file; the rows,
            (rows, *shape) float32.

        Raises:
            DataError: the file can't be read, has no such track, or it is too short.

        Example:
            times, rows = extractor.extract("clip.mp4")  # of YAMNet and 10 s: (10,), (10, 1024)
        """
        times, rows = [], []
        for _, found in windows(path, [self.recipe.taken()]):
            if isinstance(found, Windows):
                times.append(found.times)
                rows.append(self(found.values))
        return np.concatenate(times), checked(np.concatenate(rows), path)

    @property
    def provenance(self) -> dict[str, Any]:
        """What the features are made by: name, options, digests and licences of the weights."""
        licences = {need.name: need.licence for need in self.recipe.needs()}
        weights = {
            name: {"sha256": digest, "licence": licences[name]}
            for name, digest in self.weights.items()
        }
        return {**self.recipe.described(), "weights": weights, "seen": self.recipe.SEEN}

    def _given(self) -> tf.TensorSpec:
        import tensorflow as tf

        shape, dtype = window_of(self.recipe.taken())
        return tf.TensorSpec((None, *shape), dtype)


def checked(rows: np.ndarray, path: str | Path) -> np.ndarray:
    """Returns rows of features, if all of them are finite.

    Raises:
        DataError: they aren't.

    Example:
        >>> checked(np.array([[0.0, 1.0]]), "dog.mp4").shape
        (1, 2)
        >>> checked(np.array([[0.0, np.nan]]), "dog.mp4")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: dog.mp4: its features hold NaN or infinity; are these its weights?
    """
    if not np.isfinite(rows).all():
        raise DataError(f"{named(path)}: its features hold NaN or infinity; are these its weights?")
    return rows


def digest_of(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a file, or of what a checkpoint or a folder consists of.

    Args:
        path: a file; a folder; or what the names of the files of a checkpoint begin with.
    """
    path = Path(path)
    if path.is_file():
        return sha256(path)
    found = path.rglob("*") if path.is_dir() else path.parent.glob(f"{path.name}.*")
    return fingerprint(sorted(each for each in found if each.is_file()))
