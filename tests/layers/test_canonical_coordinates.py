"""Coordinates along given directions, whose length doesn't count, and back."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.layers.canonical_coordinates import CanonicalCoordinates


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(2, [1, 2, 5, 1], size=(400, 4)).astype("float32")


@pytest.fixture
def layer(rows):
    layer = CanonicalCoordinates(2)
    layer(rows)
    layer.assign(rows.mean(axis=0), np.eye(4)[:, [2, 0]] * [3, 1], rows)
    return layer


def test_the_first_axes_until_it_is_told(rows):
    found = ops.convert_to_numpy(CanonicalCoordinates(2)(rows))
    expected = rows[:, :2] / np.linalg.norm(rows[:, :2], axis=1, keepdims=True) * np.sqrt(2)
    np.testing.assert_allclose(found, expected, 1e-5)


def test_lengths_dont_count(layer, rows):
    centred = rows - rows.mean(axis=0)
    once, thrice = (
        ops.convert_to_numpy(layer(rows.mean(axis=0) + times * centred)) for times in (1, 3)
    )
    np.testing.assert_allclose(once, thrice, 1e-3, 1e-4)
    np.testing.assert_allclose(np.square(once).mean(axis=1), 1, 1e-4)
    turned = centred[:, [2, 0]] * [3, 1]
    expected = turned / np.sqrt(np.square(turned).mean(axis=1, keepdims=True))
    np.testing.assert_allclose(once, expected, 1e-3, 1e-4)


def test_back_is_the_linear_map_with_least_error(layer, rows):
    found = ops.convert_to_numpy(layer(layer(rows), inverse=True))
    errors = np.square(found - rows).mean(axis=0)
    assert (errors[[0, 2]] < 0.9 * rows.var(axis=0)[[0, 2]]).all()
    for nudge in (0.9, 1.1):  # no multiple is nearer
        worse = rows.mean(axis=0) + nudge * (found - rows.mean(axis=0))
        assert np.square(worse - rows).mean() > errors.mean()


def test_what_is_its_centre_stays_finite(layer, rows):
    found = ops.convert_to_numpy(layer(rows.mean(axis=0, keepdims=True)))
    assert np.isfinite(found).all()


def test_nothing_of_it_is_trained(layer):
    assert not layer.trainable_weights and len(layer.non_trainable_weights) == 3


def test_config_round_trip(layer):
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert again.get_config() == layer.get_config()
