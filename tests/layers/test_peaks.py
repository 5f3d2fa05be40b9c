"""Rows divided by their largest value."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from kavc.layers.peaks import PeakNorm


def test_rows_peak_at_one_and_zeros_stay():
    x = np.float32([[1, -4, 2], [0, 0, 0], [0.5, 0.25, 0]])
    found = ops.convert_to_numpy(PeakNorm()(x))
    np.testing.assert_array_equal(found, [[0.25, -1, 0.5], [0, 0, 0], [1, 0.5, 0]])


def test_config_round_trip():
    layer = PeakNorm(dtype="mixed_bfloat16", name="peak")
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert again.get_config() == layer.get_config()
