"""Several networks side by side: their mean, their losses apart, their features."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.errors import ConfigError
from kavc.layers.network import Network
from kavc.systems.av_parsing import recipe
from kavc.systems.av_parsing.composed import Ensemble
from kavc.systems.av_parsing.config import AVParsingConfig
from kavc.systems.av_parsing.networks import HAN, Base
from kavc.systems.av_parsing.trainees import Weak, WeakApart

WIDTHS = {"audio": 5, "visual": 6, "visual_3d": 7}
SMALL = {
    "classes": 4, "audio_dim": 5, "visual_dim": 6, "visual_3d_dim": 7, "segments": 3, "dim": 8,
    "units": 8,
}  # fmt: skip
EXACT = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-6


@pytest.fixture(scope="module")
def ensemble():
    return Ensemble(3, dropout=0.0, dtype="float64", **SMALL)


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    x = {name: rng.normal(size=(6, 3, width)) for name, width in WIDTHS.items()}
    labels = {
        name: (rng.random((6, 4)) < 0.4).astype(float) for name in ("video", "audio", "visual")
    }
    return x, labels | {"segments": rng.random((6, 3, 2, 4))}


def arrays(outputs):
    return {name: ops.convert_to_numpy(x) for name, x in outputs.items()}


def test_it_answers_by_the_mean_of_networks_that_differ(ensemble, batch):
    x, _ = batch
    members = [arrays(network(x)) for network in ensemble.networks]
    found = arrays(ensemble(x))
    assert found.keys() == members[0].keys()
    for name, value in found.items():
        each = np.stack([member[name] for member in members])
        assert each.std(axis=0).min() > 0
        np.testing.assert_allclose(value, each.mean(axis=0), EXACT, EXACT, err_msg=name)


def test_its_features_are_those_of_its_members_side_by_side(ensemble, batch):
    x, _ = batch
    joint = Network(ensemble.input, {"joint": ensemble.features["joint"]}, config={})
    members = [
        Network(one.input, {"joint": one.features["joint"]}, config={}) for one in ensemble.networks
    ]
    expected = np.concatenate([arrays(one(x))["joint"] for one in members], axis=-1)
    np.testing.assert_allclose(arrays(joint(x))["joint"], expected, EXACT, EXACT)


@pytest.mark.parametrize("segment_weight", [0.0, 0.7])
def test_each_member_bears_its_losses_by_itself(ensemble, batch, segment_weight):
    x, y = batch
    weak = {"guided_weight": 0.6, "segment_weight": segment_weight, "positive_weight": 3.0}
    together = WeakApart(ensemble, **weak)
    found = together.compute_loss(x, y, together(x))
    alone = [Weak(network, **weak).compute_loss(x, y, network(x)) for network in ensemble.networks]
    expected = np.mean([float(ops.convert_to_numpy(loss)) for loss in alone])
    np.testing.assert_allclose(float(ops.convert_to_numpy(found)), expected, EXACT)
    # Their mean would bear less: the logarithm is concave.
    mean = Weak(ensemble, **weak).compute_loss(x, y, ensemble(x))
    assert float(ops.convert_to_numpy(mean)) < expected


def test_the_trainee_answers_as_the_ensemble_does(ensemble, batch):
    x, _ = batch
    found = WeakApart(ensemble)(x)
    for name, value in arrays(ensemble(x)).items():
        np.testing.assert_array_equal(ops.convert_to_numpy(found[name]), value)


@pytest.mark.parametrize(("variant", "kind"), [("han", HAN), ("base", Base)])
def test_the_recipe_makes_members_of_the_variant(variant, kind):
    network = recipe.build(AVParsingConfig(variant=variant, members=2, **SMALL))
    assert [type(one) for one in network.networks] == [kind, kind]
    alone = recipe.build(AVParsingConfig(variant=variant, **SMALL))
    assert network.count_params() == 2 * alone.count_params()


def test_an_adversary_has_no_members():
    with pytest.raises(ConfigError, match="'members' must be 1 for the variant 'base-adv-skip'"):
        AVParsingConfig(variant="base-adv-skip", members=2)
