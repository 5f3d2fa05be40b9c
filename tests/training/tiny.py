"""A system small enough to train in a second: two dense layers with dropout, on random vectors."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kavc.evaluation.report import Headline, Report
from kavc.losses.contrastive import info_nce
from kavc.losses.reduction import batch_mean
from kavc.options import option
from kavc.systems.base import Paper, SourceInfo, Stage, System
from kavc.systems.config import Config

EXAMPLES = 60
MOMENTUM = 0.8


@dataclass(frozen=True)
class TinyConfig(Config):
    epochs: int = option(3, "epochs of a stage")
    patience: int = option(3, "patience")
    optimizer: str = option("adam", "its name", choices=("adam", "sgd"))
    learning_rate: float = option(0.05, "the optimizer's")
    batch_size: int = option(7, "examples")
    dropout: float = option(0.3, "share of hidden units")
    averaged: bool = option(False, "whether the optimizer averages the weights")
    contrast: bool = option(False, "whether all examples of a batch are compared")
    restore_best: bool = option(True, "whether a stage ends on its best epoch")


class Contrast(keras.Model):
    """Tells the hidden units of each example from those of all others, at a learned scale."""

    def __init__(self, network):
        super().__init__()
        self.hidden = keras.Model(network.input, network.layers[1].output)
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        self.gather = lambda part: part
        self.built = True

    def call(self, x):
        return self.hidden(x), self.hidden(ops.flip(x, axis=1))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        one, other = (self.gather(part) for part in y_pred)
        return batch_mean(info_nce(one, other, temperature=1 / self.scale))


class TinyStage(Stage):
    def __init__(self, config, name):
        self.name = name
        self.epochs = config.epochs
        self.patience = config.patience
        self.restore_best = config.restore_best
        self.steps_per_execution = 4
        self.config = config

    def trainee(self, network):
        return Contrast(network) if self.config.contrast else network

    def compile_arguments(self):
        config = self.config
        kind = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}[config.optimizer]
        optimizer = kind(config.learning_rate, use_ema=config.averaged, ema_momentum=MOMENTUM)
        loss = {} if config.contrast else {"loss": "mse", "metrics": ["mae"]}
        return {"optimizer": optimizer, **loss}

    def load(self, examples):
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
    Stage = TinyStage
    stage_names = ("first", "second")

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
        y = keras.layers.Dropout(config.dropout)(keras.layers.Dense(8, "relu")(x))
        return keras.Model(x, keras.layers.Dense(1)(y))

    def stages(self, config):
        return [self.Stage(config, name) for name in self.stage_names]

    def evaluate(self, network, source, config):
        weight = float(np.sum([np.sum(w) for w in network.get_weights()]))
        return Report("tiny", Headline("sum", weight, "max"), [], [], [], {})

    def signatures(self, network, config, assets=None):
        return {}

    def rows(self, config):
        return []
