"""Losses of pooled probabilities against plain NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.losses.parsing import (
    modality_cross_entropy,
    parsing_losses,
    probability_cross_entropy,
    smooth_labels,
)

NAMES = ("video", "audio", "visual")
# Float64, sums in another order; but some operations of Keras on JAX answer in float32 (3.15).
EXACT = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-6


def gradient(function, x):
    """Of the sum of what `function` gives."""
    x = ops.convert_to_tensor(x)
    if keras.backend.backend() == "jax":
        import jax

        return ops.convert_to_numpy(jax.grad(lambda x: ops.sum(function(x)))(x))
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = ops.sum(function(x))
    return tape.gradient(value, x).numpy()


def random(shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def cross_entropy(p, y):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(axis=-1)


@pytest.mark.parametrize("shape", [(4, 5), (4, 3, 2, 5)])
def test_cross_entropy_is_the_mean_over_classes(shape):
    p, y = random(shape), random(shape, 1)
    found = probability_cross_entropy(ops.convert_to_tensor(p), y)
    np.testing.assert_allclose(found, cross_entropy(p, y), rtol=EXACT)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_out_of_reach_is_clipped_and_has_no_gradient(dtype):
    p = np.array([[0.0, 1.0, 1.7, -0.2, 0.5]], dtype)
    y = np.array([[1.0, 0.0, 0.0, 1.0, 1.0]], dtype)
    found = ops.convert_to_numpy(probability_cross_entropy(ops.convert_to_tensor(p), y))
    # In float32 the largest number below 1 - 1e-7 is 1.19e-7 from 1.
    near_one = float(1 - np.array(1 - 1e-7, dtype))
    expected = (2 * -np.log(1e-7) + 2 * -np.log(near_one) + np.log(2)) / 5
    np.testing.assert_allclose(found, [expected], rtol=1e-6)
    found = gradient(lambda p: probability_cross_entropy(p, y), p)
    np.testing.assert_array_equal(found[:, 2:4], 0)
    np.testing.assert_allclose(found[:, 4], -2 / 5, rtol=1e-6)


def test_gradient_within_reach():
    p, y = 0.1 + 0.8 * random((4, 5)), random((4, 5), 1)
    found = gradient(lambda p: probability_cross_entropy(p, y), p)
    np.testing.assert_allclose(found, (p - y) / (p * (1 - p)) / 5, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize(("keep", "expected"), [(1, [0, 1]), (0.9, [0.05, 0.95]), (0, [0.5, 0.5])])
def test_smoothing(keep, expected):
    np.testing.assert_allclose(smooth_labels(np.array([0.0, 1.0]), keep), expected, rtol=EXACT)


def outputs(shape=(4, 5)):
    return {f"{name}_probability": random(shape, seed) for seed, name in enumerate(NAMES)}


@pytest.mark.parametrize(
    ("keep", "used"), [({}, (1.0, 0.9)), ({"audio_keep": 0.8, "visual_keep": 0.7}, (0.8, 0.7))]
)
def test_the_three_losses(keep, used):
    y = np.round(random((4, 5), 3))
    found = parsing_losses(outputs(), y, **keep)
    targets = {
        "video": y,
        "audio": used[0] * y + (1 - used[0]) / 2,
        "visual": used[1] * y + (1 - used[1]) / 2,
    }
    assert found.keys() == targets.keys()
    for name, target in targets.items():
        expected = cross_entropy(outputs()[f"{name}_probability"], target)
        np.testing.assert_allclose(found[name], expected, rtol=EXACT, err_msg=name)


def test_each_may_have_labels_of_its_own():
    labels = {name: np.round(random((4, 5), 7 + seed)) for seed, name in enumerate(NAMES)}
    found = parsing_losses(outputs(), labels, visual_keep=1.0)
    for name, target in labels.items():
        expected = cross_entropy(outputs()[f"{name}_probability"], target)
        np.testing.assert_allclose(found[name], expected, rtol=EXACT, err_msg=name)


def test_what_is_dropped_of_a_modality_has_the_target_0_also_where_videos_are_mixed():
    y = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    dropped = np.array([[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [0, 0, 0]]], float)
    keeps = {"audio": 0.9, "visual": 0.8}
    share = 0.6
    targets = {"video": share * y[0] + (1 - share) * y[1]}
    for at, (name, keep) in enumerate(keeps.items()):
        alone = np.where(dropped[:, at] > 0, 0, keep * y + (1 - keep) / 2)
        targets[name] = share * alone[0] + (1 - share) * alone[1]
    mixed = share * dropped[0] + (1 - share) * dropped[1]
    labels = dict.fromkeys(NAMES, targets["video"]) | {"dropped": mixed}
    probabilities = {f"{name}_probability": random(3, seed) for seed, name in enumerate(NAMES)}
    found = parsing_losses(probabilities, labels, audio_keep=0.9, visual_keep=0.8)
    for name, target in targets.items():
        expected = cross_entropy(probabilities[f"{name}_probability"], target)
        np.testing.assert_allclose(found[name], expected, rtol=EXACT, err_msg=name)


def test_the_discriminators_loss_is_plain_cross_entropy():
    logits, is_visual = 4 * random(7) - 2, np.array([0, 1, 1, 0, 0, 1, 0])
    p = 1 / (1 + np.exp(-logits))
    found = modality_cross_entropy(ops.convert_to_tensor(logits), is_visual)
    expected = -np.where(is_visual, np.log(p), np.log(1 - p))
    np.testing.assert_allclose(found, expected, rtol=EXACT)
    found = gradient(lambda logits: modality_cross_entropy(logits, is_visual), logits)
    np.testing.assert_allclose(found, p - is_visual, rtol=EXACT)


def test_the_discriminators_loss_of_large_logits():
    logits = ops.convert_to_tensor(np.float32([1e4, -1e4, 1e4, -1e4]))
    found = modality_cross_entropy(logits, np.array([1, 0, 0, 1]))
    np.testing.assert_array_equal(found, [0, 0, 1e4, 1e4])
