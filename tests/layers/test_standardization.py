"""Features made of mean 0 and variance 1, and back."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from kavc.layers.standardization import Standardization


def test_there_and_back():
    rows = np.random.default_rng(0).normal(3, [1, 2, 5], size=(400, 3)).astype("float32")
    rows[:, 2] = 7  # a constant feature
    layer = Standardization()
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(rows)), rows)
    layer.assign(rows)
    found = ops.convert_to_numpy(layer(rows))
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=0), [1, 1, 0], atol=1e-5)
    back = ops.convert_to_numpy(layer(found, inverse=True))
    np.testing.assert_allclose(back, rows, 1e-5, 1e-5)


def test_nothing_of_it_is_trained():
    layer = Standardization()
    layer.build((None, 4))
    assert not layer.trainable_weights and len(layer.non_trainable_weights) == 2


def test_config_round_trip():
    layer = Standardization(name="even")
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert again.get_config() == layer.get_config()
