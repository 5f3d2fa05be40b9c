"""A small real network with a masked LSTM, a scalar theme and a string, and its signatures."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from kavc.data.schema import Field
from kavc.systems.base import Signature

WIDTH = 4
THEMES = "Sports\nPets\nMüsic\n"
AUDIO = Field((None, WIDTH), "float32", "audio features, one step a second")
LENGTH = Field((), "int32", "valid steps")
THEME = Field((), "int32", "index of the theme")


@keras.saving.register_keras_serializable(package="kavc-tests")
class LengthMask(keras.layers.Layer):
    def call(self, audio, length):
        return keras.ops.arange(keras.ops.shape(audio)[1])[None] < length[:, None]


def network() -> keras.Model:
    keras.utils.set_random_seed(7)
    audio = keras.Input((None, WIDTH), name="audio")
    length = keras.Input((), dtype="int32", name="length")
    theme = keras.Input((), dtype="int32", name="theme")
    mask = LengthMask()(audio, length)
    hidden = keras.layers.LSTM(8, name="lstm")(audio, mask=mask)
    both = keras.layers.Concatenate()([hidden, keras.layers.Embedding(3, 2)(theme)])
    match = keras.layers.Dense(1, activation="sigmoid")(both)
    return keras.Model(
        {"audio": audio, "length": length, "theme": theme},
        {"match": match, "embedding": hidden},
    )


def signatures(model: keras.Model) -> dict[str, Signature]:
    def match(audio, length, theme):
        tf.debugging.assert_less(theme, 3, message="theme out of range")
        inputs = {"audio": audio, "length": length, "theme": theme}
        outputs = model(inputs, training=False)
        return {"match": outputs["match"][:, 0], "embedding": outputs["embedding"]}

    inputs = {"audio": AUDIO, "length": LENGTH, "theme": THEME}
    outputs = {
        "match": Field((), "float32", "probability of a match"),
        "embedding": Field((8,), "float32", "the sound"),
    }
    word = {"word": Field((), "string", "any text")}
    return {
        "serving_default": Signature(match, inputs, outputs, "Does the sound match the theme?"),
        "echo": Signature(lambda word: {"word": word}, word, word, "Gives a text back."),
    }


def batch(size: int, steps: int, seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {
        "audio": draw.normal(size=(size, steps, WIDTH)).astype("float32"),
        "length": draw.integers(1, steps + 1, size).astype("int32"),
        "theme": draw.integers(0, 3, size).astype("int32"),
    }


def answers(model: keras.Model, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the live network says."""
    outputs = model(inputs, training=False)
    return {
        "match": outputs["match"].numpy()[:, 0],
        "embedding": outputs["embedding"].numpy(),
    }
