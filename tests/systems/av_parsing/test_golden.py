"""HAN, its losses, gradients and Adam's steps against arrays of the published network class."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.optimizers import TorchAdam
from kavc.systems.av_parsing.networks import HAN
from kavc.systems.av_parsing.trainees import Weak

# Float64, sums in another order; but some operations of Keras on JAX answer in float32 (3.15).
EXACT = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-6
ADAM = 1e-8  # Keras keeps the learning rate in float32
SINGLE = 2e-6  # the published class run in float32 is 4e-7 off

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="gradients are taken with tf.GradientTape"
)


def numpy(x):
    return keras.tree.map_structure(ops.convert_to_numpy, x)


def total_loss(network, inputs, labels, guided_weight=1.0):
    """The loss that `fit` descends; 1 is HAN's weight."""
    trainee = Weak(network, guided_weight=guided_weight)
    y = dict.fromkeys(("video", "audio", "visual"), labels)
    return trainee.compute_loss(inputs, y, trainee(inputs, training=True))


def gradients(network, inputs, labels):
    """Loss, gradients of the inputs by name, and of the weights by PyTorch's name."""
    import tensorflow as tf

    inputs = {name: tf.constant(x) for name, x in inputs.items()}
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = total_loss(network, inputs, labels)
    return loss, *tape.gradient(loss, (inputs, [v.value for v in network.trainable_variables]))


@pytest.mark.parametrize("pooled", [False, True], ids=["80 frames", "10 means"])
def test_outputs(golden, pooled):
    network = golden.small(frames_per_segment=1 if pooled else 8)
    golden.outputs_close(network(golden.videos(pooled)), "out", EXACT)


def test_what_lies_between(golden):
    network = golden.small()
    features = keras.Model(network.input, network.features)(golden.videos())
    _, over_time, over_streams = network.get_layer("mmil_pooling").parts(features["joint"])
    features = numpy(features)
    for stream in (0, 1):
        golden.close(features["encoded"][:, stream], f"mid/x{stream + 1}_in", EXACT)
        golden.close(features["joint"][:, stream], f"mid/x{stream + 1}", EXACT)
    golden.close(numpy(over_time), "mid/frame_att", EXACT)
    golden.close(numpy(over_streams), "mid/av_att", EXACT)


@pytest.mark.parametrize(("name", "guided_weight"), [("han", 1.0), ("paper", 0.6), ("weak", 0.0)])
def test_losses(golden, name, guided_weight):
    loss = total_loss(golden.small(), golden.videos(), golden.labels(), guided_weight)
    golden.close(numpy(loss), f"loss/{name}" + "_total" * (name != "weak"), EXACT)


@on_tensorflow
def test_gradients(golden):
    network = golden.small()
    _, of_inputs, of_weights = gradients(network, golden.videos(), golden.labels())
    for ours, theirs in (("audio", "audio"), ("visual", "visual"), ("visual_3d", "visual_st")):
        golden.close(of_inputs[ours], f"grad_in/{theirs}", EXACT)
    found = golden.as_torch(network, of_weights)
    assert {f"grad/{name}" for name in found} == {key for key in golden if key[:5] == "grad/"}
    for name, gradient in found.items():
        golden.close(gradient, f"grad/{name}", EXACT)


@on_tensorflow
def test_three_steps_of_adam(golden):
    network, optimizer = golden.small(), TorchAdam(3e-4)
    losses = []
    for _ in range(3):
        loss, _, of_weights = gradients(network, golden.videos(), golden.labels())
        losses.append(float(loss))
        optimizer.apply(of_weights, network.trainable_variables)
    golden.close(losses, "adam/losses", ADAM)
    found = golden.as_torch(network, network.trainable_variables)
    after = [key.removeprefix("adam/after3/") for key in golden if key.startswith("adam/after3/")]
    assert len(after) == 4
    for name in after:
        golden.close(found[name], f"adam/after3/{name}", ADAM)


def test_the_recipe_of_the_true_width_draws_what_it_drew(golden, full):
    weights, inputs, labels = full
    sums = [np.float64(weights[name]).sum() for name in golden["full/names"]]
    golden.close(sums, "full/weight_sums", EXACT)
    golden.close([np.float64(x).sum() for x in (*inputs.values(), labels)], "full/in_sums", EXACT)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", EXACT), ("float32", SINGLE)])
def test_outputs_of_the_true_width(golden, full, dtype, tolerance):
    weights, inputs, _ = full
    network = HAN(frames_per_segment=8, dropout=0.0, dtype=dtype)
    golden.assign(network, weights)
    golden.outputs_close(network(inputs), "full/out", tolerance)


@on_tensorflow
def test_loss_and_gradients_of_the_true_width(golden, full):
    weights, inputs, labels = full
    network = HAN(frames_per_segment=8, dropout=0.0, dtype="float64")
    golden.assign(network, weights)
    inputs = {name: np.float64(x) for name, x in inputs.items()}
    loss, of_inputs, of_weights = gradients(network, inputs, labels)
    golden.close(loss, "full/loss/han_total", EXACT)
    norms = [np.linalg.norm(of_inputs[name]) for name in inputs]
    golden.close(norms, "full/grad_in_norm", EXACT)
    found = golden.as_torch(network, of_weights)
    ordered = [found[name] for name in golden["full/names"]]
    golden.close([np.linalg.norm(g) for g in ordered], "full/grad_norm", EXACT)
    golden.close([np.abs(g).sum() for g in ordered], "full/grad_abs", EXACT)
    golden.close([g.sum() for g in ordered], "full/grad_sum", EXACT)
