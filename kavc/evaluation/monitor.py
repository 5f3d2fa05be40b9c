"""Metrics on held-out videos after each epoch, as numbers that Keras logs like its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc.errors import ConfigError, DataError
from kavc.metrics.auc import roc_auc
from kavc.metrics.random_galleries import RandomGalleries
from kavc.metrics.retrieval import match_ranks

EMBEDDINGS = ("audio_embedding", "visual_embedding")


class RetrievalMonitor(keras.callbacks.Callback):
    """After each epoch, adds how well held-out videos find each other to the epoch's logs.

    Adds `val_recall_at_K` for each K, expected over random galleries, and `val_median_rank` and
    `val_mrr` over all of the given videos; each is the mean of both directions, recalls and MRR
    are fractions. Ties count by expectation. All are NaN where the embeddings are not finite, so
    that a fit that diverged is stopped by what watches its loss.

    What comes after this callback sees these numbers: give it before early stopping and
    checkpoints that follow them. `History` and the progress bar have them too, since Keras appends
    both to what `fit` is given. It measures the weights that the model has at that moment.

    Args:
        audio: `(videos, audio_dim)` float32.
        visual: `(videos, visual_dim)` float32; row i belongs to row i of `audio`.
        gallery: videos in a gallery, or all if there are fewer; 1,024 is the paper's largest.
        ks: values of K.
        batch_size: videos embedded at a time; all batches have this shape, so one graph is traced.
        embed: model from "audio" and "visual" to "audio_embedding" and "visual_embedding"; the
            one that is trained, if None. A trainee that takes more inputs needs it.

    Raises:
        DataError: audio and visual are not as many, or none.
        ConfigError: the model gives no such outputs.

    Example:
        monitor = RetrievalMonitor(validation.audio, validation.visual)
        stop = keras.callbacks.EarlyStopping("val_recall_at_1", mode="max", patience=5)
        model.fit(dataset, epochs=50, callbacks=[monitor, stop])

    Reference:
        Surís et al., 2018, tables 1 and 2 (recall by the number of samples).
    """

    def __init__(
        self,
        audio: np.ndarray,
        visual: np.ndarray,
        *,
        gallery: int = 1024,
        ks: Sequence[int] = (1, 10),
        batch_size: int = 1024,
        embed: keras.Model | None = None,
    ):
        super().__init__()
        if not len(audio) == len(visual) > 0:
            raise DataError(f"{len(audio)} audio and {len(visual)} visual vectors; expected pairs")
        self.features = {"audio": np.asarray(audio), "visual": np.asarray(visual)}
        self.galleries = RandomGalleries(min(gallery, len(audio)), len(audio))
        self.ks = tuple(ks)
        self.batch_size = min(batch_size, len(audio))
        self.embed = embed

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs |= self.measure()

    def measure(self) -> dict[str, float]:
        """Returns the numbers of the model as it is."""
        audio, visual = self._embeddings()
        names = [*(f"val_recall_at_{k}" for k in self.ks), "val_median_rank", "val_mrr"]
        if not (np.isfinite(audio).all() and np.isfinite(visual).all()):
            return dict.fromkeys(names, float("nan"))
        both = match_ranks(audio, visual), match_ranks(visual, audio)
        recalls = np.mean([self.galleries.hits(ranks, self.ks).mean(axis=0) for ranks in both], 0)
        median = np.mean([ranks.median_rank() for ranks in both])
        reciprocal = np.mean([ranks.mean_reciprocal_rank() for ranks in both])
        return dict(zip(names, map(float, [*recalls, median, reciprocal]), strict=True))

    def _embeddings(self) -> list[np.ndarray]:
        model = self.embed or self.model
        videos = self.galleries.items
        parts: dict[str, list[np.ndarray]] = {name: [] for name in EMBEDDINGS}
        for first in range(0, videos, self.batch_size):
            # The last batch is filled up from the first video on.
            rows = np.arange(first, first + self.batch_size) % videos
            outputs = model.predict_on_batch({name: x[rows] for name, x in self.features.items()})
            if not isinstance(outputs, dict) or not outputs.keys() >= parts.keys():
                raise ConfigError(
                    f"model {model.name!r} does not give {' and '.join(EMBEDDINGS)}; hand the "
                    "monitor one that does, as `embed`"
                )
            wanted = min(self.batch_size, videos - first)
            for name, found in parts.items():
                found.append(outputs[name][:wanted])  # each of several devices answers it all
        return [np.concatenate(found) for found in parts.values()]


class MatchMonitor(keras.callbacks.Callback):
    """After each epoch, adds `val_auc` to its logs: how well pairs are told from others.

    The exact area under the ROC curve, a fraction; NaN where a logit is not finite. As with
    `RetrievalMonitor`, it comes before what follows it.

    Args:
        batches: held-out pairs as `validation_data` has them, inputs and targets; both by name.
        output: the match logit among the model's outputs and among the targets.

    Example:
        monitor = MatchMonitor(pairs)  # batches of inputs and {"match": labels}
        model.fit(dataset, epochs=50, callbacks=[monitor])
    """

    def __init__(self, batches: tf.data.Dataset, output: str = "match"):
        super().__init__()
        self.batches = batches
        self.output = output

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["val_auc"] = self.measure()

    def measure(self) -> float:
        """Returns the number of the model as it is."""
        labels, logits = [], []
        for inputs, targets, *_ in self.batches:
            label = targets[self.output].numpy()
            found = self.model.predict_on_batch(inputs)[self.output].reshape(-1)
            labels.append(label.reshape(-1))
            logits.append(found[: label.size])  # each of several devices answers it all
        scores = np.concatenate(logits)
        return roc_auc(np.concatenate(labels), scores) if np.isfinite(scores).all() else np.nan
