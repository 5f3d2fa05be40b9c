"""What tokens are told of their place and kind."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.layers.token_embedding import Offset, PositionAndKind, sinusoids

EXACT = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-6


def test_an_offset_is_added_to_every_token():
    layer = Offset(dtype="float64")
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    layer.build(x.shape)
    layer.offset.assign([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(layer(x), x + np.arange(1, 5), rtol=EXACT)


@pytest.mark.parametrize("kind", [0, 1])
def test_place_and_kind_are_added(kind):
    layer = PositionAndKind(dtype="float64")
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    layer.build(x.shape)
    layer.kind.assign([[1.0] * 4, [2.0] * 4])
    found = layer(x, kind=kind)
    np.testing.assert_allclose(found, x + sinusoids(3, 4) + 1 + kind, rtol=EXACT)


@pytest.mark.parametrize("layer", [Offset, PositionAndKind])
def test_they_are_made_again_under_a_policy_object(layer):
    made = layer(dtype=keras.DTypePolicy("mixed_bfloat16"), name="mine")
    again = layer.from_config(made.get_config())
    assert again.get_config() == made.get_config()
    assert again.compute_dtype == "bfloat16"
