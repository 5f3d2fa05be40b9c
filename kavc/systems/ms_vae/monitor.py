"""Localisation on held-out videos after each epoch, as numbers that Keras logs like its own."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kavc.systems.ms_vae.config import MSVAEConfig
from kavc.systems.ms_vae.scoring import Coded, coder
from kavc.systems.ms_vae.videos import Videos

LOGGED = ("val_a2v", "val_v2a", "val_localization")


class LocalizationMonitor(keras.callbacks.Callback):
    """After each epoch, adds how many held-out queries are found exactly to the epoch's logs.

    Adds `val_a2v`, `val_v2a` and `val_localization`, their mean, fractions. All are NaN where a
    distance is not finite, so that a fit that diverged is stopped by what watches its loss. It
    comes before what follows it.

    Args:
        network: shares its layers with what is trained.
        config: of the network.
        videos: held-out ones, some of them with an event that isn't the whole video.
    """

    def __init__(self, network: keras.Model, config: MSVAEConfig, videos: Videos):
        super().__init__()
        self.config = config
        self.videos = videos.select(videos.queries)
        self.code = coder(network, config)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs |= self.measure()

    def measure(self) -> dict[str, float]:
        """Returns the numbers of the network as it is."""
        coded = Coded.of(self.code, self.videos, self.config)
        between = coded.between()
        if not np.isfinite(between).all():
            return dict.fromkeys(LOGGED, float("nan"))
        hits = coded.accuracy(coded.found(between))
        both = [float(np.mean(hits[way])) for way in ("a2v", "v2a")]
        return dict(zip(LOGGED, (*both, float(np.mean(both))), strict=True))
