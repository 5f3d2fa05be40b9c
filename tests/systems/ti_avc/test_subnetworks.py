"""The sub-networks alone: what they make of nothing, and that their variants see every input."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.systems.ti_avc.subnetworks import ATTENTION, audio_network, fusion_network


@pytest.mark.parametrize("normalize", ["none", "layer"])
@pytest.mark.parametrize("attention", ATTENTION)
def test_no_audio_is_embedded_as_zeros(attention, normalize):
    network = audio_network(
        5, dense_units=4, embedding_dim=8, attention=attention, normalize=normalize
    )
    for value in (0.0, 1e30, np.nan):
        audio = np.full((2, 3, 5), value)
        embedding = network({"audio": audio, "audio_length": np.zeros(2)})
        np.testing.assert_array_equal(embedding, np.zeros((2, 8)))


@pytest.mark.parametrize("theme_input", ["conv", "dense"])
@pytest.mark.parametrize("interaction", ["none", "product"])
@pytest.mark.parametrize("branches", [1, 2])
def test_fusion_network_sees_every_input(theme_input, interaction, branches):
    keras.utils.set_random_seed(0)
    network = fusion_network(
        1, 4, 4, theme_widths=(2, 3), theme_input=theme_input, interaction=interaction,
        branches=branches, filters=4, units=5,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    inputs = {
        name: rng.normal(size=[6 if n is None else n for n in x.shape])
        for name, x in network.input.items()
    } | {"visual_length": np.full(6, 6)}
    expected = ops.convert_to_numpy(network(inputs))
    for name in set(inputs) - {"visual_length"}:
        changed = ops.convert_to_numpy(network(inputs | {name: inputs[name] + 1.0}))
        assert np.abs(changed - expected).max() > 1e-4, name


@pytest.mark.parametrize("size", [1, 2])
def test_widths_that_equal_the_number_of_frames_stay_apart(size):
    """Keras 3.15's `ops.add` takes a sum of `(1, 1, 3)` and `(1, 3, 1)` for that with a bias."""
    network = fusion_network(1, 3, 3, theme_widths=(3,), filters=4, units=5, dtype="float64")
    joined = keras.Model(network.input, network.get_layer("concatenate").output)
    rng = np.random.default_rng(0)
    vectors = {name: rng.normal(size=(size, 3)) for name in ("audio_embedding", "theme_0")}
    frames = rng.normal(size=(size, 3, 3))
    answers = joined(vectors | {"visual_embedding": frames, "visual_length": np.full(size, 3)})
    repeated = [np.repeat(vectors[name][:, None], 3, axis=1) for name in vectors]
    np.testing.assert_array_equal(answers, np.concatenate([frames, *repeated], axis=-1))
