"""Scalings that are taken of the training split, on features that say nothing."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.systems.ms_vae.networks import MSVAE

SMALL = {"latent_dim": 3, "audio_units": (4,), "visual_units": (4,), "decoder_units": (4,)}


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(200, 4))
    mixed = [common @ rng.normal(size=(4, width)) for width in (6, 8)]
    audio, visual = (x + 0.3 * rng.normal(size=x.shape) for x in mixed)
    return {"audio": audio.astype("float32"), "visual": visual.astype("float32")}


def constant(x):
    return np.full_like(x, 1.5)


def zeros(x):
    return np.zeros_like(x)


def partly_zero(x):
    return np.concatenate([x[:, :2], 0 * x[:, 2:]], axis=1)


def doubled(x):
    return np.concatenate([x[:, :1]] * x.shape[1], axis=1)


@pytest.mark.parametrize("scaling", ["standard", "canonical"])
@pytest.mark.parametrize("poor", [constant, zeros, partly_zero, doubled])
def test_features_that_say_little_give_no_nan(rows, poor, scaling):
    network = MSVAE(6, 8, scaling=scaling, canonical_dim=4, **SMALL)
    rows["audio"] = poor(rows["audio"])
    network.fit_scaling(**rows)
    for name, found in network(rows).items():
        assert np.isfinite(keras.ops.convert_to_numpy(found)).all(), name


def test_canonical_coordinates_agree(rows):
    network = MSVAE(6, 8, scaling="canonical", canonical_dim=4, **SMALL)
    network.fit_scaling(**rows)
    audio, visual = (keras.ops.convert_to_numpy(network.scale[kind](x)) for kind, x in rows.items())
    alike = (audio * visual).mean(axis=1)  # cosines
    assert np.median(alike) > 0.9
    assert abs(np.median((audio * np.roll(visual, 1, axis=0)).mean(axis=1))) < 0.3


def test_no_more_coordinates_than_features():
    network = MSVAE(6, 8, scaling="canonical", canonical_dim=32, **SMALL)
    assert {x.shape[-1] for x in network.features.values()} == {6}
