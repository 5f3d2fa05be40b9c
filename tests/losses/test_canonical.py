"""The correlation loss against published arithmetic, and where published code gives NaN."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.losses.canonical import canonical_correlation_loss

EXACT = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-5
DEGENERATE = {
    "a constant column": lambda x: np.concatenate([x[:, :2], 0 * x[:, :1] + 4], axis=1),
    "a column twice": lambda x: x[:, [0, 1, 1]],
    "fewer rows than columns": lambda x: x[:2],
    "nothing but zeros": lambda x: 0 * x,
    "large features": lambda x: 1e5 * x,
    "equal eigenvalues": lambda x: np.kron(np.eye(3), np.ones((2, 1))),
}

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="gradients are taken with tf.GradientTape"
)


def value_and_gradients(x, y, ridge=1e-3):
    import tensorflow as tf

    x, y = tf.constant(x), tf.constant(y)
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        loss = canonical_correlation_loss(x, y, ridge=ridge)
    return float(loss), [gradient.numpy() for gradient in tape.gradient(loss, [x, y])]


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "ave_cml.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files if name.startswith("dcca")}


def test_loss(golden):
    found = canonical_correlation_loss(golden["dcca_h1"], golden["dcca_h2"])
    assert abs(float(found) - golden["dcca_loss_trace"]) < EXACT


@on_tensorflow
def test_gradients(golden):
    _, found = value_and_gradients(golden["dcca_h1"], golden["dcca_h2"])
    for gradient, name in zip(found, ("dcca_grad_h1", "dcca_grad_h2"), strict=True):
        np.testing.assert_allclose(gradient, golden[name], atol=EXACT)


def test_it_is_minus_the_sum_of_the_correlations():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 4))
    y = np.concatenate([x[:, :2] + rng.normal(size=(500, 2)), rng.normal(size=(500, 1))], axis=1)
    roots = []
    for each in (x, y):
        values, vectors = np.linalg.eigh(np.cov(each.T) + 1e-3 * np.eye(each.shape[1]))
        roots.append(vectors / np.sqrt(values) @ vectors.T)
    between = np.cov(x.T, y.T)[:4, 4:]
    expected = np.linalg.svd(roots[0] @ between @ roots[1], compute_uv=False).sum()
    assert abs(float(canonical_correlation_loss(x, y)) + expected) < EXACT


@on_tensorflow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", DEGENERATE)
def test_no_covariance_gives_nan(kind, dtype):
    x = DEGENERATE[kind](np.random.default_rng(0).normal(size=(30, 3))).astype(dtype)
    loss, gradients = value_and_gradients(x, x)
    assert -3 - 1e-6 <= loss <= 0
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@on_tensorflow
def test_it_descends():
    """The gradient is that of the loss, also where singular values are equal."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 40, 3))
    loss, (gradient, _) = value_and_gradients(x, y)
    step = 1e-6 * gradient / np.linalg.norm(gradient)
    after = float(canonical_correlation_loss(x + step, y))
    assert abs((after - loss) / 1e-6 - np.linalg.norm(gradient)) < 1e-4


def test_shapes_need_not_agree():
    rng = np.random.default_rng(0)
    found = canonical_correlation_loss(rng.normal(size=(50, 2)), rng.normal(size=(50, 7)))
    assert ops.shape(found) == ()
