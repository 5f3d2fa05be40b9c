"""Options and presets of Ti-AVC, and the network that they build."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.systems.ti_avc import networks
from kavc.systems.ti_avc.config import TiAVCConfig
from kavc.systems.ti_avc.recipe import build, stages

SMALL = {"themes": 3, "audio_dim": 4, "visual_dim": 5, "embedding_dim": 6, "filters": 6, "units": 6}

# Defaults of the paper, which nobody may change in silence.
PAPER = {
    "variant": "ti-avc", "embedding_dim": 128, "attention": "additive", "kernel_size": 3,
    "filters": 128, "units": 128, "dropout": 0.0, "normalize": "none", "optimizer": "adam",
    "learning_rate": 1e-4, "batch_size": 8, "patience": 5, "negatives": "fresh",
    "same_theme_share": 0.0, "alignment_epochs": 0, "theme_loss_weight": 1.0,
    "theme_loss_on": "positives", "predicted_theme": "probabilities", "doubling": "matched",
    "silent": "drop", "label_smoothing": 0.0, "frames": 8,
}  # fmt: skip


def test_what_was_published():
    values = TiAVCConfig().to_dict()
    assert {name: values[name] for name in PAPER} == PAPER


@pytest.mark.parametrize(
    ("variant", "kind", "names"),
    [
        ("ti-avc", networks.TiAVC, ["theme", "correspondence"]),
        ("joint", networks.JointTiAVC, ["pairs"]),
        ("baseline-1", networks.Baseline1, ["pairs"]),
        ("baseline-2", networks.Baseline2, ["pairs"]),
    ],
)
def test_variants(variant, kind, names):
    config = TiAVCConfig(variant=variant, **SMALL)
    assert type(build(config)) is kind
    assert [stage.name for stage in stages(config)] == names
    aligned = config.replace(alignment_epochs=2)
    assert [stage.name for stage in stages(aligned)] == ["alignment", *names]
    assert stages(aligned)[0].epochs == 2


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"kernel_size": 1}, "smaller"),
        ({"attention": "weighted"}, "smaller"),
        ({"theme_input": "dense"}, "smaller"),
        ({"normalize": "layer"}, "larger"),
        ({"interaction": "product"}, "larger"),
        ({"filters": 7}, "larger"),
        ({"units": 7}, "larger"),
        ({"embedding_dim": 7}, "larger"),
    ],
)
def test_options_reach_the_network(options, size):
    plain, other = (build(TiAVCConfig(**SMALL | more)).count_params() for more in ({}, options))
    assert (other < plain) if size == "smaller" else (other > plain)


@pytest.mark.parametrize("form", ["probabilities", "logits", "onehot"])
def test_the_form_of_the_predicted_theme_reaches_the_network(form):
    assert build(TiAVCConfig(predicted_theme=form, **SMALL)).config["predicted_theme"] == form


def test_dropout_and_dtype_reach_the_network():
    network = build(TiAVCConfig(dropout=0.25, dtype="mixed_bfloat16", **SMALL))
    layers = network._flatten_layers()
    assert {layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)} == {0.25}
    assert network.compute_dtype == "bfloat16"


@pytest.mark.parametrize("stop", [False, True])
def test_stop_gradient_keeps_the_match_loss_out_of_the_theme_fusion(stop):
    import tensorflow as tf

    network = build(TiAVCConfig(variant="joint", stop_gradient=stop, **SMALL))
    rng = np.random.default_rng(0)
    inputs = {
        "audio": rng.normal(size=(2, 3, 4)).astype("float32"),
        "visual": rng.normal(size=(2, 2, 5)).astype("float32"),
        "theme": np.array([0, 2]),
    }
    weight = network.theme_learner.fusion_network.get_layer("fc2").kernel
    with tf.GradientTape() as tape:
        match = tf.reduce_sum(network(inputs)["match"])
    gradient = tape.gradient(match, weight.value)
    assert (gradient is None) == stop
