"""A system small enough to train in a second: one dense layer with dropout, on random vectors."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kavc.evaluation.report import Headline, Report
from kavc.systems.base import Paper, SourceInfo, Stage, System
from kavc.systems.config import Config, option

EXAMPLES = 60


@dataclass(frozen=True)
class TinyConfig(Config):
    epochs: int = option(3, "epochs of a stage")
    patience: int = option(3, "patience")
    learning_rate: float = option(0.05, "Adam's")
    batch_size: int = option(7, "examples")


class TinyStage(Stage):
    def __init__(self, config, name):
        self.name = name
        self.epochs = config.epochs
        self.patience = config.patience
        self.steps_per_execution = 4
        self.config = config

    def trainee(self, network):
        return network

    def compile_arguments(self):
        return {"optimizer": keras.optimizers.Adam(self.config.learning_rate), "loss": "mse"}

    def prepare(self, network, examples, folder):
        rows = list(examples.as_numpy_iterator())
        return np.stack([r["x"] for r in rows]), np.stack([r["y"] for r in rows])

    def dataset(self, examples, epoch, seed):
        if epoch is not None:
            epoch = tf.cast(epoch, tf.int64)
            rows = tf.range(EXAMPLES)
            order = tf.random.experimental.stateless_shuffle(rows, seed=[seed, epoch])
            examples = tuple(tf.gather(column, order) for column in examples)
        data = tf.data.Dataset.from_tensor_slices(examples)
        return data.batch(self.config.batch_size)


class TinySystem(System):
    name = "tiny"
    summary = "a test"
    paper = Paper("none", "none", 2020, "", "none", {})
    Config = TinyConfig

    def examples(self, config):
        return {}

    def describe(self, source, config=None):
        return SourceInfo({"train": EXAMPLES}, {"x": 4}, ["only"], "0" * 64)

    def adapt(self, config, info):
        return config

    def read(self, source, split, config):
        rng = np.random.default_rng(["train", "validation", "test"].index(split))
        x = rng.normal(size=(EXAMPLES, 4)).astype("float32")
        y = x.sum(axis=1, keepdims=True) + rng.normal(size=(EXAMPLES, 1)).astype("float32")
        return tf.data.Dataset.from_tensor_slices({"x": x, "y": y})

    def build(self, config):
        x = keras.Input((4,))
        y = keras.layers.Dropout(0.3)(keras.layers.Dense(8, "relu")(x))
        return keras.Model(x, keras.layers.Dense(1)(y))

    def stages(self, config):
        return [TinyStage(config, "first"), TinyStage(config, "second")]

    def evaluate(self, network, source, config):
        weight = float(np.sum([np.sum(w) for w in network.get_weights()]))
        return Report("tiny", Headline("sum", weight, "max"), [], [], [], {})

    def signatures(self, network, config, assets=None):
        return {}

    def rows(self, config):
        return []
