"""Which sounds are heard in a file, second by second, by YAMNet: an answer without any training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kavc.errors import ConfigError, DataError
from kavc.inputs.opening import named
from kavc.inputs.table import read_table
from kavc.media.front_ends import YAMNET, LogMel
from kavc.media.networks.yamnet import CLASSES, YAMNet, load
from kavc.media.sound import RATE, SoundStream
from kavc.media.weight_folders import YAMNET_CLASSES, yamnet_weights
from kavc.metrics.runs import runs

MOST = 2**20  # bytes of the table of classes; the published one has 14 kB
AT_ONCE = 64  # seconds
THRESHOLD = 0.3


@dataclass(frozen=True)
class SoundEvent:
    """A sound that is heard.

    Args:
        start, end: seconds from the start of the file; `end` is where it is over.
        label: its class of AudioSet.
        score: mean over its seconds, from 0 to 1.

    Reference:
        The classes are those of AudioSet: Gemmeke et al., 2017.

    Example:
        >>> SoundEvent(2.0, 5.0, "Dog", 0.81).end
        5.0
    """

    start: float
    end: float
    label: str
    score: float


class Listener:
    """YAMNet with its weights and its classes.

    Args:
        network: `YAMNet`.
        classes: names, by index.

    Reference:
        Gemmeke et al., 2017, of the classes; YAMNet is that of research/audioset/yamnet.

    Example:
        listener = Listener.load("weights/yamnet")
        for event in listener.events("clip.mp4"):
            print(event.start, event.end, event.label, event.score)
    """

    def __init__(self, network: YAMNet, classes: Sequence[str]):
        import tensorflow as tf

        self.classes = classes
        # A patch takes 0.975 s, so that each second has one of its own, and none hears two.
        front_end = LogMel(YAMNET, patch_hop=RATE // YAMNET.hop, short="pad")
        self._score = tf.function(
            lambda seconds: network({"patches": front_end(seconds)[:, 0]}, training=False)[
                "scores"
            ],
            input_signature=[tf.TensorSpec((None, RATE))],
        )

    @classmethod
    def load(cls, folder: str | Path) -> Listener:
        """Returns a listener with weights and classes of a folder.

        Args:
            folder: holds `yamnet.h5` or `yamnet_coral_int8.npz`, and `yamnet_class_map.csv`.

        Raises:
            ConfigError: there are no weights, or no classes.
            DataError: a file is not what it is called.
        """
        weights = yamnet_weights(Path(folder))
        classes = read_classes(weights.with_name(YAMNET_CLASSES))
        return cls(load(weights), classes)

    def scores(self, path: str | Path) -> tuple[float, np.ndarray]:
        """Returns how probable each class is in each second of a file's sound.

        Args:
            path: of a media file; read block by block, however long it is.

        Returns:
            Where the sound starts, in seconds from the start of the file; (seconds, 521) float32.
            What is left at the end is a second from half of one on.

        Raises:
            DataError: the file can't be read, or has no sound.
        """
        with SoundStream(path) as sound:
            parts = [self._score(seconds).numpy() for seconds in _seconds(sound)]
        return sound.start, np.concatenate(parts)

    def events(self, path: str | Path, threshold: float = THRESHOLD) -> list[SoundEvent]:
        """Returns what is heard, in the order of time.

        Args:
            path: as of `scores`.
            threshold: least score of a second, above 0 and at most 1; 0.3 is ours.

        Raises:
            ConfigError: the threshold is none.
            DataError: as `scores`.

        Example:
            Listener.load("weights/yamnet").events("clip.mp4", threshold=0.5)
        """
        if not 0 < threshold <= 1:
            raise ConfigError(f"a threshold lies above 0 and at most at 1; got {threshold}")
        begin, scores = self.scores(path)
        found = [
            SoundEvent(
                begin + start, begin + end, self.classes[label],
                float(scores[start:end, label].mean(dtype=np.float64)),
            )
            for label, start, end in runs(scores >= threshold)
        ]  # fmt: skip
        return sorted(found, key=lambda event: (event.start, -event.score))


def read_classes(path: str | Path) -> list[str]:
    """Returns the names of YAMNet's classes.

    Args:
        path: of a table with the columns `index` and `display_name`.

    Raises:
        DataError: it is no such table, or names other than 521 classes, 0 to 520 in order.
    """
    _, rows = read_table(path, needed=("index", "display_name"), most=MOST)
    found = [(row["index"], row["display_name"]) for _, row in rows]
    if [index for index, _ in found] != [str(number) for number in range(CLASSES)]:
        raise DataError(f"{named(path)}: expected classes 0 to {CLASSES - 1}, a line each in order")
    return [name for _, name in found]


def _seconds(sound: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields whole seconds of a sound, (seconds, rate) float32, one at least.

    Half a second at the end is filled up with silence, and less than that is left out.
    """
    rest, any_yet = np.zeros(0, np.float32), False
    for block in sound:
        rest = np.concatenate([rest, block])
        if len(rest) >= AT_ONCE * RATE:
            whole = len(rest) // RATE
            yield rest[: whole * RATE].reshape(whole, RATE)
            rest, any_yet = rest[whole * RATE :], True
    seconds = (len(rest) + RATE // 2) // RATE or (0 if any_yet else 1)
    if seconds:
        filled = np.pad(rest, (0, max(0, seconds * RATE - len(rest))))
        yield filled[: seconds * RATE].reshape(seconds, RATE)
