"""The search space: its default point is the paper's configuration."""

from __future__ import annotations

import keras_tuner
import pytest

from kavc.systems.ti_avc.config import TiAVCConfig, search_space


@pytest.mark.parametrize("preset", TiAVCConfig.PRESETS)
def test_the_default_point_is_the_config_itself(preset):
    config = TiAVCConfig.preset(preset)
    assert search_space(keras_tuner.HyperParameters(), config) == config


def test_what_a_sweep_chooses_gets_into_the_config():
    hp = keras_tuner.HyperParameters()
    search_space(hp, TiAVCConfig())
    hp.values |= {"batch_size": 32, "interaction": "product"}
    chosen = search_space(hp, TiAVCConfig())
    assert (chosen.batch_size, chosen.interaction) == (32, "product")
