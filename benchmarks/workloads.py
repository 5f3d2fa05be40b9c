"""What the benchmarks run: the stages of Ti-AVC, as training prepares, compiles and feeds them."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from kavc.data.store import VideoStore
from kavc.data.synthetic.kwai import KwaiWorld
from kavc.data.synthetic.kwai_knobs import knobs
from kavc.systems.base import Stage
from kavc.systems.ti_avc.config import TiAVCConfig
from kavc.systems.ti_avc.recipe import build, stages
from kavc.systems.ti_avc.stages import frozen_embeddings
from kavc.systems.ti_avc.videos import video_store

VARIANTS = {"pairs": "joint", "correspondence": "ti-avc"}  # stage to a variant that has it


def synthetic_store(videos: int) -> VideoStore:
    """Returns KWAI-like videos: 4 to 24 steps of sound, 8 frames, the paper's widths."""
    drawn = [example for example, _ in KwaiWorld(knobs(missing=0.0)).sample(videos, 0)]
    ids, audio, visual, themes = (
        [example[name] for example in drawn] for name in ("id", "audio", "visual", "theme")
    )
    lengths = [list(map(len, sequences)) for sequences in (audio, visual)]
    values = [np.concatenate(sequences) for sequences in (audio, visual)]
    return video_store(
        np.array(ids), np.array(themes), values[0], lengths[0], values[1], lengths[1]
    )


def prepared(name: str, store: VideoStore, batch_size: int) -> tuple:
    """Returns the stage of that name and what it trains on."""
    config = TiAVCConfig(
        variant=VARIANTS[name],
        themes=int(store.columns["theme"].max()) + 1,
        visual_dim=int(store.gather({"visual": [0]})["visual"].shape[-1]),
        batch_size=batch_size,
    )
    stage = next(stage for stage in stages(config) if stage.name == name)
    if name == "correspondence":
        store = video_store(**frozen_embeddings(build(config), store))
    return stage, store


def compiled(stage: Stage, steps_per_execution: int) -> keras.Model:
    """Returns a fresh network's trainee, compiled as training does it."""
    model = stage.trainee(build(stage.config))
    model.compile(**stage.compile_arguments(), steps_per_execution=steps_per_execution)
    return model


def fit(model: keras.Model, data: tf.data.Dataset) -> int:
    """Fits; returns the number of steps."""
    model.fit(data, verbose=0, shuffle=False)
    return int(data.cardinality())


def alone(data: tf.data.Dataset) -> int:
    """Reads the data and does nothing with them; returns the number of batches."""
    return int(data.reduce(np.int64(0), lambda n, _: n + 1))
