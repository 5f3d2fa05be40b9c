"""A system whose trials take a fraction of a second: one dense layer, on random vectors, eagerly.

Some of its options make a trial fail: a learning rate of 1e30, units that the groups don't divide.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kavc.evaluation.headline import Headline
from kavc.evaluation.report import Report
from kavc.options import option
from kavc.systems.base import Paper, SourceInfo, Stage, System
from kavc.systems.choices import Choices
from kavc.systems.config import Config

EXAMPLES = 24


@dataclass(frozen=True)
class SmallConfig(Config):
    epochs: int = option(2, "epochs of a stage", low=1)
    patience: int | None = option(None, "patience", low=1)
    learning_rate: float = option(0.05, "the optimizer's", low=1e-8)
    units: int = option(4, "hidden units", low=1, high=64)
    groups: int = option(1, "parts of the hidden units", low=1)
    normalized: bool = option(False, "whether they are normalized")
    deep: int = option(0, "further layers", low=0)
    dropout: float = option(0.2, "after each further layer", low=0, high=0.9)
    scale: float = option(1.0, "of the data, which are read again", low=0)


class SmallStage(Stage):
    monitor = "val_loss"

    def __init__(self, config, name):
        self.name = name
        self.epochs = config.epochs
        self.patience = config.patience
        self.config = config

    def trainee(self, network):
        return network

    def compile_arguments(self):
        optimizer = keras.optimizers.SGD(self.config.learning_rate)
        return {"optimizer": optimizer, "loss": "mse", "metrics": ["mae"], "run_eagerly": True}

    def load(self, examples):
        SmallSystem.loads += 1
        rows = list(examples.as_numpy_iterator())
        return np.stack([r["x"] for r in rows]), np.stack([r["y"] for r in rows])

    def dataset(self, examples, epoch, seed):
        return tf.data.Dataset.from_tensor_slices(examples).batch(EXAMPLES)


class SmallSystem(System):
    name = "small"
    summary = "a test"
    paper = Paper("none", "none", 2020, "", "none", {})
    Config = SmallConfig
    data_options = ("scale",)
    stage_names = ("only",)
    reads: tuple = ()
    loads = 0

    def examples(self, config):
        return {}

    def describe(self, source, config=None):
        digest = (source.path / "corpus.json").read_text() if source.path.is_dir() else "0"
        return SourceInfo({"train": EXAMPLES}, {"x": 4}, ["only"], digest)

    def adapt(self, config, info):
        return config

    def read(self, source, split, config):
        SmallSystem.reads += ((split, config.scale),)
        rng = np.random.default_rng(["train", "validation", "test"].index(split))
        x = config.scale * rng.normal(size=(EXAMPLES, 4)).astype("float32")
        y = x.sum(axis=1, keepdims=True) + rng.normal(size=(EXAMPLES, 1)).astype("float32")
        return tf.data.Dataset.from_tensor_slices({"x": x.astype("float32"), "y": y})

    def build(self, config):
        inputs = keras.Input((4,))
        x = keras.layers.Dense(config.units, "relu")(inputs)
        for _ in range(config.deep):
            x = keras.layers.Dropout(config.dropout)(keras.layers.Dense(config.units)(x))
        parts = keras.layers.Reshape((config.groups, config.units // config.groups))(x)
        if config.normalized:
            parts = keras.layers.LayerNormalization()(parts)
        return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(parts)))

    def stages(self, config):
        return [SmallStage(config, name) for name in self.stage_names]

    def search_space(self, hp, config):
        ask = Choices(hp, config)
        ask.log_range("learning_rate", 1e-3, 1e-1)
        ask.one_of("units", 2, 4, 8)
        ask.one_of("groups", 1, 2)
        ask.one_of("normalized")
        ask.one_of("scale", 0.5, 1.0)
        ask.one_of("deep", 0, 1)
        with ask.where("deep", lambda deep: deep > 0):
            ask.one_of("dropout", 0.1, 0.2)
        return ask.config()

    def evaluate(self, network, source, config):
        x, y = self.stages(config)[0].load(self.read(source, "test", config))
        error = float(np.mean(np.abs(network(x) - y)))
        return Report("small", Headline("mean error", error, "min"))

    def signatures(self, network, config, assets=None):
        return {}

    def rows(self, config):
        return []
