"""What the fits train: the losses, and which way the adversary's gradients go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from kavc.losses.parsing import modality_cross_entropy, parsing_losses
from kavc.systems.av_parsing.networks import HAN, Base, BaseAdvSkip
from kavc.systems.av_parsing.trainees import Adversarial, Weak

VIDEOS, SEGMENTS, CLASSES = 6, 3, 4
WIDTHS = {"audio": 5, "visual": 6, "visual_3d": 7}
NAMES = ("video", "audio", "visual")
# Float64, sums in another order; but some operations of Keras on JAX answer in float32 (3.15).
EXACT = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-6
WEIGHT = 2.0  # of the adversarial loss: so large that a wrong sign shows

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="gradients are taken with tf.GradientTape"
)


def small_network(kind=BaseAdvSkip, dropout=0.0, dtype="float64"):
    options = {"segments": SEGMENTS, "dim": 8, "units": 8, "dropout": dropout, "dtype": dtype}
    return kind(CLASSES, *WIDTHS.values(), **options)


def batch(videos=VIDEOS, dtype="float64"):
    rng = np.random.default_rng(0)
    x = {n: rng.normal(size=(videos, SEGMENTS, w)).astype(dtype) for n, w in WIDTHS.items()}
    labels = {name: (rng.random((videos, CLASSES)) < 0.4).astype(dtype) for name in NAMES}
    return x, labels


def adversarial(network=None, **options):
    options = {"adversarial_weight": WEIGHT, "total_steps": 10} | options
    return Adversarial(network or small_network(), **options)


def number(x):
    return float(ops.convert_to_numpy(x))


# === Weak labels ===


@pytest.mark.parametrize("guided_weight", [0.6, 0.0])
def test_the_loss_of_weak_labels(guided_weight):
    (x, y), network = batch(), small_network(Base)
    trainee = Weak(network, guided_weight=guided_weight, audio_keep=0.8, visual_keep=0.7)
    found = trainee.compute_loss(x, y, trainee(x))
    losses = parsing_losses(network(x), y, audio_keep=0.8, visual_keep=0.7)
    means = {name: ops.convert_to_numpy(loss).mean() for name, loss in losses.items()}
    expected = means["video"] + guided_weight * (means["audio"] + means["visual"])
    assert number(found) == pytest.approx(expected, rel=EXACT)


def test_segments_with_labels_of_their_own_bear_a_loss():
    (x, y), network = batch(), small_network(Base)
    segments = np.random.default_rng(1).random((VIDEOS, SEGMENTS, 2, CLASSES))
    without = Weak(network).compute_loss(x, y, network(x))
    found = Weak(network, segment_weight=3.0).compute_loss(
        x, y | {"segments": segments}, network(x)
    )
    p = ops.convert_to_numpy(network(x)["segment_probability"])
    entropy = -(segments * np.log(p) + (1 - segments) * np.log(1 - p)).mean()
    assert number(found) - number(without) == pytest.approx(3 * entropy, rel=EXACT)


# === The adversary ===


def rectified_rows(network, x):
    """What the discriminator is to see: rows of sound are 0, rows of pictures 1."""
    joint = ops.convert_to_numpy(keras.Model(network.input, network.features["joint"])(x))
    rows = [(joint[v, s, t], s) for v in range(VIDEOS) for s in (0, 1) for t in range(SEGMENTS)]
    features, is_visual = zip(*rows, strict=True)
    return np.maximum(features, 0), np.array(is_visual)


@pytest.mark.parametrize("training", [True, False])
def test_the_discriminators_loss_is_added(training):
    (x, y), trainee = batch(), adversarial()
    rows, is_visual = rectified_rows(trainee.network, x)
    logits = ops.convert_to_numpy(trainee.discriminator(rows, training=training))
    p = 1 / (1 + np.exp(-logits))
    loss_ad = -np.mean(np.where(is_visual, np.log(p), np.log(1 - p)))
    weak = Weak(trainee.network).compute_loss(x, y, trainee.network(x))
    found = trainee.compute_loss(x, y, trainee(x), training=training)
    assert number(found) == pytest.approx(number(weak) + WEIGHT * loss_ad, rel=EXACT)
    assert number(trainee.adversarial_loss.result()) == pytest.approx(loss_ad, rel=1e-6)


def test_the_strength_is_of_the_step_counter():
    trainee = adversarial(total_steps=40, first_step=1)
    for step in (0, 19, 40):
        trainee.steps.assign(step)
        expected = 2 / (1 + np.exp(-10 * (step + 1) / 40)) - 1
        assert number(trainee.strength()) == pytest.approx(expected, abs=2e-7)


def test_training_counts_steps_and_evaluation_does_not():
    (x, y), trainee = batch(), adversarial()
    for training, steps in ((True, 1), (False, 1), (True, 2)):
        trainee.compute_loss(x, y, trainee(x), training=training)
        assert number(trainee.steps) == steps


@on_tensorflow
@pytest.mark.parametrize("step", [0, 1, 9])
def test_the_encoder_ascends_what_the_discriminator_descends(step):
    """Gradients of either loss are taken apart, without a reversal, and put together by hand."""
    import tensorflow as tf

    (x, y), trainee = batch(), adversarial()
    network, discriminator = trainee.network, trainee.discriminator
    joint = keras.Model(network.input, network.features["joint"])
    of_network, of_discriminator = network.trainable_variables, discriminator.trainable_variables
    trainee.steps.assign(step)
    strength = 2 / (1 + np.exp(-step)) - 1

    def gradients(loss, variables):
        with tf.GradientTape() as tape:
            value = loss()
        values = [variable.value for variable in variables]
        return tape.gradient(value, values, unconnected_gradients="zero")

    def loss_ad():
        rows = ops.reshape(ops.relu(joint(x)), (-1, 8))
        is_visual = np.tile(np.repeat([0.0, 1.0], SEGMENTS), VIDEOS)
        return ops.mean(modality_cross_entropy(discriminator(rows, training=True), is_visual))

    of_weak = gradients(lambda: Weak(network).compute_loss(x, y, network(x)), of_network)
    of_ad = gradients(loss_ad, of_network + of_discriminator)
    found = gradients(
        lambda: trainee.compute_loss(x, y, trainee(x, training=True), training=True),
        of_network + of_discriminator,
    )
    count = len(of_network)
    for at, variable in enumerate(of_network):
        expected = of_weak[at] - strength * WEIGHT * of_ad[at]
        np.testing.assert_allclose(found[at], expected, atol=1e-6, err_msg=variable.path)
    for at, variable in enumerate(of_discriminator):
        expected = WEIGHT * of_ad[count + at]
        np.testing.assert_allclose(found[count + at], expected, atol=1e-6, err_msg=variable.path)
    moved = [np.abs(each).max() for each in of_ad]
    assert max(moved[:count]) > 0.01 and max(moved[count:]) > 0.01  # or nothing was compared


def test_every_weight_is_trained_once():
    trainee = adversarial()
    ids = [id(variable) for variable in trainee.trainable_variables]
    assert len(ids) == len(set(ids))
    parts = trainee.network.trainable_variables + trainee.discriminator.trainable_variables
    assert set(ids) == {id(variable) for variable in parts}
    assert any(variable is trainee.steps for variable in trainee.non_trainable_variables)


# === Fits ===


@on_tensorflow
def test_steps_are_exact_where_several_are_executed_at_once():
    """Against steps taken one by one, each with the strength that is due."""
    import tensorflow as tf

    x, y = batch(8)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(2)
    trainee = adversarial(small_network(HAN), total_steps=4)
    weights = trainee.get_weights()
    trainee.compile(keras.optimizers.SGD(0.1), steps_per_execution=3)  # and a fourth
    logs = trainee.fit(data, validation_data=data, shuffle=False, verbose=0).history
    assert number(trainee.steps) == 4
    assert logs.keys() == {"loss", "adversarial_loss", "val_loss", "val_adversarial_loss"}
    found = trainee.get_weights()

    trainee.set_weights(weights)
    optimizer = keras.optimizers.SGD(0.1)
    for step, (inputs, labels) in enumerate(data):
        assert number(trainee.steps) == step
        with tf.GradientTape() as tape:
            outputs = trainee(inputs, training=True)
            loss = trainee.compute_loss(inputs, labels, outputs, training=True)
        values = [variable.value for variable in trainee.trainable_variables]
        optimizer.apply(tape.gradient(loss, values), trainee.trainable_variables)
    for one, other in zip(found, trainee.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


@on_tensorflow
def test_evaluation_leaves_the_counter_and_the_running_averages():
    x, y = batch()
    trainee = adversarial()
    trainee.compile(keras.optimizers.SGD(0.1))
    before = trainee.get_weights()
    trainee.evaluate(x, y, batch_size=4, verbose=0)
    for one, other in zip(trainee.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


@on_tensorflow
def test_the_network_that_is_kept_has_no_part_of_the_adversary():
    network = small_network()
    before = [id(variable) for variable in network.variables]
    adversarial(network)
    assert [id(variable) for variable in network.variables] == before


@on_tensorflow
def test_two_devices_take_the_steps_of_one(tmp_path):
    """Running averages and step counter included; in a process of its own, a few seconds."""
    command = [sys.executable, Path(__file__).with_name("two_cpus.py"), tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "one.npz") as one, np.load(tmp_path / "two.npz") as two:
        assert one.keys() == two.keys() and len(one) > 40
        for name in one:
            np.testing.assert_allclose(two[name], one[name], rtol=1e-5, atol=1e-6, err_msg=name)
        assert one["steps"] == 6
        assert np.abs(one["norm_0 moving_mean"]).max() > 0.01
