"""What a network says of a split's videos, as arrays: what every table and figure is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kavc import progress
from kavc.data.store import VideoStore
from kavc.metrics.parsing import THRESHOLD, parsing_metrics, predictions
from kavc.metrics.parsing_threshold import fit_parsing_threshold
from kavc.systems.av_parsing.videos import features, truth

GATES = ("video", "modality", "none")  # as the config's
BATCH_SIZE = 256
Ask = Callable[..., dict[str, np.ndarray]]  # see `asker`
NUMBERS = 5  # of a level: audio, visual, audio-visual, Type@AV, Event@AV


@dataclass(frozen=True)
class Answers:
    """Probabilities of the videos of a split, and what is true of them.

    Args:
        segment: (videos, segments, 2, classes) float32, audio first.
        video: (videos, classes) float32; can exceed 1.
        streams: (videos, 2, classes) float32. Of each modality's whole video.
        truth: (videos, segments, 2, classes) bool.

    Example:
        >>> half = np.full((1, 2, 2, 3), 0.5, np.float32)
        >>> found = Answers(half, np.array([[0.9, 0.4, 0.6]], np.float32), half[:, 0], half > 1)
        >>> found.decide("video")[0, 0, 0].tolist(), bool(found.decide("none").all())
        ([True, False, True], True)
    """

    segment: np.ndarray
    video: np.ndarray
    streams: np.ndarray
    truth: np.ndarray

    def decide(
        self, gate: str, threshold: float = THRESHOLD, gate_threshold: float | None = None
    ) -> np.ndarray:
        """Returns what is predicted, (videos, segments, 2, classes) bool.

        Args:
            gate: one of `GATES`.
            threshold: of segments.
            gate_threshold: of the gate; that of segments, if None.

        Reference:
            Published evaluations: of Tian et al., ECCV 2020, "video"; of Wu and Yang, CVPR 2021,
            "modality".
        """
        return predictions(self.segment, self._gate(gate), threshold, gate_threshold)

    def best_thresholds(self, gate: str) -> tuple[float, float]:
        """Returns those of the highest segment-level Type@AV here: of segments, of the gate."""
        found = fit_parsing_threshold(self.segment, self._gate(gate), self.truth)
        return found.value, found.gate

    def _gate(self, gate: str) -> np.ndarray | None:
        return {"video": self.video, "modality": self.streams, "none": None}[gate]


def answers(ask: Ask, store: VideoStore, segments: int) -> Answers:
    """Asks a network about a split whose events are known.

    Args:
        ask: `asker` of a network of `kavc.systems.av_parsing.networks`.
        store: as `load_videos` gives it.
        segments: seconds of a video.
    """
    found = ask(store, np.arange(len(store)))
    return Answers(
        found["segment_probability"],
        found["video_probability"],
        np.stack([found["audio_probability"], found["visual_probability"]], axis=1),
        truth(store, segments),
    )


def asker(model: keras.Model) -> Ask:
    """Returns a function of a store and rows of it, (rows,), that asks a model about these videos.

    It returns each output by name, (rows, ...) float32. A second array of rows has the pictures
    come from other videos than the sound.

    Args:
        model: takes the features of `videos.features`, and returns a dict.
    """
    specs = {name: tf.TensorSpec(x.shape, x.dtype, name) for name, x in model.input.items()}
    answer = tf.function(lambda batch: model(batch, training=False), input_signature=[specs])

    def ask(
        store: VideoStore, rows: np.ndarray, visual: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        streams = {"audio": rows, "visual": rows if visual is None else visual}
        parts = []
        firsts = range(0, len(rows), BATCH_SIZE)
        for first in progress.track(firsts, "parsing", unit="batches"):
            chosen = {name: of[first : first + BATCH_SIZE] for name, of in streams.items()}
            batch = features(store, chosen)
            parts.append(answer({name: batch[name] for name in specs}))
        return {
            name: np.concatenate([part[name].numpy() for part in parts]).astype(np.float32)
            for name in parts[0]
        }

    return ask


def per_video(predicted: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """Scores each video.

    Args:
        predicted, true: (videos, segments, 2, classes) bool.

    Returns:
        "segment" and "event" to (videos, 5) float64, in per cent: audio, visual, audio-visual,
        Type@AV, Event@AV. The corpus' numbers are the means over videos.

    Reference:
        Lamba et al., 2021, section 4.

    Example:
        >>> truth = np.ones((3, 10, 2, 4), bool)
        >>> {level: scores.shape for level, scores in per_video(truth, truth).items()}
        {'segment': (3, 5), 'event': (3, 5)}
    """
    found = parsing_metrics(predicted, true).per_video
    return {"segment": found[:, :NUMBERS], "event": found[:, NUMBERS:]}
