"""Losses, gradients and steps, made as `compile` and `fit` make them, against golden arrays."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.systems.ti_avc.networks import (
    Baseline1,
    Baseline2,
    JointTiAVC,
    ThemeLearner,
    TiAVC,
)
from kavc.systems.ti_avc.trainees import on_frozen_embeddings

if keras.backend.backend() != "tensorflow":
    pytest.skip("gradients are taken with tf.GradientTape", allow_module_level=True)

import tensorflow as tf

LOGS = 1e-6  # Keras' metrics add up in float32.
ADAM = 1e-6  # Keras' Adam rounds its betas to float32: 3e-7 off in the losses.


@pytest.fixture(autouse=True)
def float64():
    """Lets Keras compute losses in float64: they follow its float type, not the network's."""
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def match_loss():
    return keras.losses.BinaryCrossentropy(from_logits=True)


def theme_loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def check(golden, network, fit_arguments, *, loss, prefix, weights=None, count=None):
    """Compares the compiled loss and all gradients that the arrays hold.

    Args:
        fit_arguments: inputs, targets and perhaps sample weights.
        loss: key of the loss.
        prefix: of the keys of the gradients.
        weights: variables by name; all of the network's by default.
        count: how many gradients the arrays hold; all by default.
    """
    weights = weights or golden.weights(network)
    names = [name for name in weights if f"{prefix}/{name}" in golden]
    assert len(names) == (count or len(weights))
    x, y, *sample_weight = fit_arguments
    with tf.GradientTape() as tape:
        value = network.compute_loss(x, y, network(x, training=True), *sample_weight)
    golden.close(value, loss)
    gradients = tape.gradient(value, [weights[name] for name in names])
    for name, gradient in zip(names, gradients, strict=True):
        golden.close(gradient, f"{prefix}/{name}")


def test_theme_learner(golden):
    network = golden.network(ThemeLearner)
    network.compile(loss=theme_loss())
    check(golden, network, (golden.videos(), golden["in/theme"]), loss="out/tl/loss",
          prefix="grad_tl")  # fmt: skip


def test_theme_learner_with_respect_to_its_inputs(golden):
    network = golden.network(ThemeLearner)
    inputs = {name: tf.constant(x) for name, x in golden.videos().items()}
    watched = [inputs["audio"], inputs["visual"]]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        loss = theme_loss()(golden["in/theme"], network(inputs))
    audio, visual = tape.gradient(loss, watched)
    golden.close(audio, "grad_tl/in/audio")
    golden.close(visual, "grad_tl/in/visual")
    assert not audio[~golden["in/audio_mask"]].numpy().any()


def test_correspondence_learner(golden):
    network = golden.network(TiAVC)
    weights = {n: w for n, w in golden.weights(network).items() if n.startswith("cl/")}
    trainee = on_frozen_embeddings(network)
    trainee.compile(loss={"match": match_loss()})
    x = golden.embedded() | {"theme": golden.pairs()["theme"]}
    y = {"match": golden["in/pair_label"][:, None]}
    check(golden, trainee, (x, y), loss="out/cl/loss", prefix="grad_cl", weights=weights)


def joint(golden, theme_weight, **arguments):
    """A compiled joint network, and what its `fit` takes."""
    network = golden.network(JointTiAVC, **arguments)
    network.compile(
        keras.optimizers.Adam(1e-3),
        loss={"match": match_loss(), "theme": theme_loss()},
        loss_weights={"match": 1.0, "theme": float(golden["in/joint_theme_weight"])},
    )
    x, label = golden.pairs(), golden["in/pair_label"]
    y = {"match": label[:, None], "theme": x["theme"]}
    weights = {
        "match": np.ones_like(label),
        "theme": 2 * label if theme_weight == "positives" else np.ones_like(label),
    }
    return network, (x, y, weights)


@pytest.mark.parametrize("stop", [False, True], ids=["through", "stop"])
@pytest.mark.parametrize("theme_weight", ["positives", "all"])
def test_joint(golden, theme_weight, stop):
    network, arguments = joint(golden, theme_weight, stop_gradient=stop)
    name = f"joint_{theme_weight}" + "_stop" * stop
    count = None if name == "joint_positives" else 4
    check(golden, network, arguments, loss=f"out/{name}/loss", prefix=f"grad_{name}", count=count)


def test_joint_reports_both_losses(golden):
    network, (x, y, weights) = joint(golden, "positives")
    logs = network.test_on_batch(x, y, weights, return_dict=True)
    for name in ("loss", "match_loss", "theme_loss"):
        golden.close(logs[name], f"out/joint_positives/{name}", LOGS)


def test_three_steps_of_adam(golden):
    network, (x, y, weights) = joint(golden, "positives")
    losses = [network.train_on_batch(x, y, weights, return_dict=True)["loss"] for _ in range(3)]
    losses.append(network.compute_loss(x, y, network(x), weights))
    golden.close(losses, "out/adam/losses", ADAM)
    after = {n: w for n, w in golden.weights(network).items() if f"out/adam/after3/{n}" in golden}
    assert len(after) == 6
    for name, weight in after.items():
        golden.close(weight, f"out/adam/after3/{name}", ADAM)


@pytest.mark.parametrize(("kind", "part"), [(Baseline1, "b1"), (Baseline2, "b2")])
def test_baselines(golden, kind, part):
    network = golden.network(kind)
    network.compile(loss={"match": match_loss()})
    arguments = golden.pairs(), {"match": golden["in/pair_label"][:, None]}
    check(golden, network, arguments, loss=f"out/{part}/loss", prefix=f"grad_{part}", count=20)
