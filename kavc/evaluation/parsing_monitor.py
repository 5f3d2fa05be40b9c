"""Parsing metrics on held-out videos after each epoch, as numbers that Keras logs like its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import ConfigError, DataError, unknown
from kavc.metrics.parsing import THRESHOLD, parsing_metrics, predictions
from kavc.metrics.parsing_threshold import fit_parsing_threshold

SEGMENT = "segment_probability"
GATES = {
    "video": ("video_probability",),
    "modality": ("audio_probability", "visual_probability"),
    "none": (),
}
LOGGED = (
    "segment_type_at_av",
    "segment_event_at_av",
    "event_type_at_av",
    "event_event_at_av",
)


class ParsingMonitor(keras.callbacks.Callback):
    """After each epoch, adds how well held-out videos are parsed to the epoch's logs.

    Adds `val_segment_type_at_av`, `val_segment_event_at_av`, `val_event_type_at_av` and
    `val_event_event_at_av`, fractions, see `kavc.metrics.parsing`. All are NaN where a probability
    that is asked for is not finite, so that a fit that diverged is stopped by what watches its
    loss. As with `RetrievalMonitor`, it comes before what follows it.

    Args:
        inputs: what the network takes, by name: `(videos, ...)` each.
        truth: `(videos, segments, 2, classes)` of audio and visual events, 1 where there is one.
        batch_size: videos parsed at a time; all batches have this shape, so one graph is traced.
        gate: which probability of the whole video a class must reach the threshold in: "video",
            one for both modalities, "modality", each one's own, or "none".
        threshold: see `kavc.metrics.predictions`; of the gate, too. None for those that are best
            on these videos, found anew after each epoch, see `kavc.metrics.fit_parsing_threshold`.
        keep: optional function that is given these each time, of segments and of the gate, as
            `AttentiveMMILPooling.decide_by`.
        network: the model to ask; the one that is trained, if None. It gives
            "segment_probability" `(batch, segments, 2, classes)` and, as the gate asks for,
            "video_probability" or "audio_probability" and "visual_probability",
            `(batch, classes)` each.

    Raises:
        DataError: `truth` has another shape, or inputs and truth are not as many, or none.
        ConfigError: there is no such gate, or the network gives no such outputs.

    Example:
        monitor = ParsingMonitor({"audio": audio, "visual": visual}, truth)
        stop = keras.callbacks.EarlyStopping("val_segment_type_at_av", mode="max", patience=5)
        model.fit(dataset, epochs=40, callbacks=[monitor, stop])

    Reference:
        Tian et al., 2020 (Type@AV and Event@AV).
    """

    def __init__(
        self,
        inputs: Mapping[str, np.ndarray],
        truth: np.ndarray,
        *,
        batch_size: int = 64,
        gate: str = "video",
        threshold: ArrayLike | None = THRESHOLD,
        keep: Callable[[float, float], Any] | None = None,
        network: keras.Model | None = None,
    ):
        super().__init__()
        truth = np.asarray(truth)
        if truth.ndim != 4 or truth.shape[2] != 2:
            raise DataError(f"truth {truth.shape}: expected (videos, segments, 2, classes)")
        videos = {name: len(x) for name, x in inputs.items()}
        if not len(truth) or set(videos.values()) != {len(truth)}:
            raise DataError(f"truth of {len(truth)} videos, inputs {videos}; expected as many")
        if gate not in GATES:
            raise ConfigError(unknown("gate", gate, GATES))
        self.inputs = {name: np.asarray(x) for name, x in inputs.items()}
        self.truth = truth
        self.batch_size = min(batch_size, len(truth))
        self.gate = gate
        self.threshold = threshold
        self.keep = keep
        self.network = network

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs |= self.measure()

    def measure(self) -> dict[str, float]:
        """Returns the numbers of the model as it is."""
        segment, *gates = self._probabilities()
        if not all(np.isfinite(found).all() for found in (segment, *gates)):
            return {f"val_{name}": float("nan") for name in LOGGED}
        gate = np.stack(gates, axis=1) if len(gates) > 1 else next(iter(gates), None)
        if self.threshold is not None:
            predicted = predictions(segment, gate, self.threshold)
        else:
            best = fit_parsing_threshold(segment, gate, self.truth)
            if self.keep is not None:
                self.keep(best.value, best.gate)
            predicted = predictions(segment, gate, best.value, best.gate)
        numbers = parsing_metrics(predicted, self.truth).as_dict()
        return {f"val_{name}": numbers[name] / 100 for name in LOGGED}

    def _probabilities(self) -> list[np.ndarray]:
        """Those of segments, and those that the gate asks for."""
        model = self.network or self.model
        videos = len(self.truth)
        parts: dict[str, list[np.ndarray]] = {name: [] for name in (SEGMENT, *GATES[self.gate])}
        for first in range(0, videos, self.batch_size):
            # The last batch is filled up from the first video on.
            rows = np.arange(first, first + self.batch_size) % videos
            outputs = model.predict_on_batch({name: x[rows] for name, x in self.inputs.items()})
            if not isinstance(outputs, dict) or not outputs.keys() >= parts.keys():
                raise ConfigError(
                    f"model {model.name!r} does not give {' and '.join(parts)}; hand the monitor "
                    "one that does, as `network`"
                )
            wanted = min(self.batch_size, videos - first)
            for name, found in parts.items():
                found.append(np.asarray(outputs[name][:wanted], np.float32))
        return [np.concatenate(found) for found in parts.values()]
