"""Small networks of frames, stacks of flow and sound, on either backend."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.media.networks.tiny import LOG_MEL, TinyImages, TinySounds


def embedded(network, **given):
    return keras.ops.convert_to_numpy(network(given)["embedding"])


def draw(*shape, low=0.0, high=255.0, seed=0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype("f4")


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (TinyImages(side=32, dim=5), (32, 32, 3)),
        (TinyImages(side=16, channels=20, dim=7, low=-128, high=128), (16, 16, 20)),
        (TinySounds(dim=6), (96, 64)),
    ],
    ids=["images", "stacks", "sounds"],
)
def test_rows_each_by_itself(network, shape):
    (name,) = network.input
    rows = draw(3, *shape)
    found = embedded(network, **{name: rows})
    assert found.shape == (3, network.config["dim"]) and np.isfinite(found).all()
    for at in range(3):
        alone = embedded(network, **{name: rows[at : at + 1]})
        np.testing.assert_allclose(alone[0], found[at], 1e-4, 1e-4)
    assert np.abs(found[0] - found[1]).max() > 1e-4
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    assert type(again) is type(network) and again.get_config() == network.get_config()
    again.set_weights(network.get_weights())
    np.testing.assert_allclose(embedded(again, **{name: rows}), found, 1e-5, 1e-5)


def test_what_is_taken_is_scaled_to_about_one():
    cases = (
        (TinyImages(side=16), (0, 127.5, 255)),
        (TinyImages(side=16, low=-128, high=128), (-128, 0, 128)),
        (TinySounds(), (LOG_MEL[0], -0.6, LOG_MEL[1])),
    )
    for network, values in cases:
        scaled = keras.ops.convert_to_numpy(network.get_layer("scaled")(np.array(values, "f4")))
        np.testing.assert_allclose(scaled, [-1, 0, 1], 0, 1e-5)


def test_light_and_dark_are_told_apart():
    """Nothing on the way takes a picture's mean out."""
    network = TinyImages(side=16)
    light, dark = (embedded(network, images=np.full((1, 16, 16, 3), x, "f4")) for x in (230, 30))
    assert np.abs(light - dark).max() > 0.05


def test_half_precision_within_and_full_at_the_end():
    network = TinyImages(side=16, dtype="mixed_bfloat16")
    assert keras.backend.standardize_dtype(network.output["embedding"].dtype) == "float32"
    assert network.get_layer("conv1").compute_dtype == "bfloat16"
    assert TinyImages.from_config(network.get_config()).get_layer("conv2").compute_dtype == (
        "bfloat16"
    )
