"""L3-Net and AVE-Net on frames and sound: sizes as published, and a step."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.systems.ms_vae.convolutional import ConvAVENet, ConvL3Net
from kavc.systems.ms_vae.trainees import Corresponding

PARAMETERS = {ConvL3Net: 9_516_418, ConvAVENet: 9_549_316}


def expected(heads):
    """Two towers of eight 3 x 3 convolutions with BatchNormalization, and what stands on them."""
    total = 0
    for channels in (3, 1):
        before = channels
        for width in (64, 128, 256, 512):
            for _ in range(2):
                total += (9 * before + 1) * width + 4 * width
                before = width
    return total + heads


@pytest.mark.parametrize(
    ("network", "heads"),
    [
        (ConvL3Net, 1025 * 128 + 129 * 2),
        (ConvAVENet, 2 * (513 * 128 + 129 * 128) + 4),
    ],
)
def test_parameters(network, heads):
    assert network().count_params() == PARAMETERS[network] == expected(heads)


@pytest.mark.parametrize(("network", "last"), [(ConvL3Net, (28, 28)), (ConvAVENet, (14, 14))])
def test_the_last_pool_sees_as_many_places_as_published(network, last):
    made = network()
    assert made.get_layer("frame_3_1_rectified").output.shape[1:] == (*last, 512)
    assert made.output["logits"].shape == (None, 2)


@pytest.mark.parametrize("network", PARAMETERS)
def test_one_step(network):
    made = network((32, 32, 3), (33, 24, 1), channels=(4, 4, 8, 8))
    trainee = Corresponding(made)
    trainee.compile(optimizer=keras.optimizers.Adam(1e-3), run_eagerly=True)
    rng = np.random.default_rng(0)
    inputs = {
        "frame": rng.normal(size=(4, 32, 32, 3)).astype("float32"),
        "sound": rng.normal(size=(4, 33, 24, 1)).astype("float32"),
    }
    before = [weight.numpy() for weight in made.trainable_weights]
    loss = trainee.train_on_batch(inputs, {"matches": np.float32([1, 0, 1, 0])})
    assert np.isfinite(loss)
    moved = [
        not np.array_equal(b, w.numpy())
        for b, w in zip(before, made.trainable_weights, strict=True)
    ]
    assert np.mean(moved) > 0.8
