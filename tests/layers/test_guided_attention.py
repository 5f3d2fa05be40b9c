"""Attention guided by sound, against a loop; the published network has it in `test_localizers`."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from kavc.layers.guided_attention import GuidedAttention

EXACT = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-6


def test_against_a_loop():
    rng = np.random.default_rng(0)
    audio, places = rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 4, 6))
    layer = GuidedAttention(units=7, dtype="float64")
    mean, weights = map(ops.convert_to_numpy, layer(audio, places))
    of = {name: [ops.convert_to_numpy(x) for x in getattr(layer, name)]
          for name in ("audio", "visual")}  # fmt: skip
    head = ops.convert_to_numpy(layer.head)
    for video in range(2):
        for second in range(3):
            kernel, bias, score = of["audio"]
            guide = np.maximum(audio[video, second] @ kernel + bias, 0) @ score
            kernel, bias, score = of["visual"]
            seen = np.maximum(places[video, second] @ kernel + bias, 0) @ score
            fit = np.exp((np.tanh(seen + guide[:, None]) @ head)[:, 0])
            expected = fit / fit.sum()
            np.testing.assert_allclose(weights[video, second], expected, atol=EXACT)
            np.testing.assert_allclose(
                mean[video, second], expected @ places[video, second], atol=EXACT
            )


def test_config_round_trip():
    layer = GuidedAttention(units=3, name="look")
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert again.get_config() == layer.get_config()
