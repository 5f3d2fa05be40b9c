"""Losses of grounding against loops of NumPy, in float64."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.losses.grounding import (
    cross_modal_grounding_loss,
    multimodal_grounding_loss,
    unimodal_grounding_loss,
)

BATCH, SEGMENTS, DIM = 4, 5, 3
# Float64, sums in another order; but some operations of Keras on JAX answer in float32 (3.15).
EXACT = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-6


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def one_way(anchors, others, groups, anchor, p, n):
    total = 0.0
    for j in range(SEGMENTS):
        near = cosine(anchors[anchor], others[j])
        total += max(p - near, 0) if groups[anchor, j] else max(near - n, 0)
    return total


def expected(kind, audio, visual, groups, anchors, p=0.7, n=0.7):
    pairs = {
        "uni": lambda a, v: [(a, a), (v, v)],
        "cross": lambda a, v: [(a, v), (v, a)],
        "multi": lambda a, v: [(a, a), (v, v), (a, v), (v, a)],
    }[kind]
    return [
        sum(one_way(x, y, groups[at], anchors[at], p, n) for x, y in pairs(audio[at], visual[at]))
        for at in range(BATCH)
    ]


LOSSES = {
    "uni": unimodal_grounding_loss,
    "cross": cross_modal_grounding_loss,
    "multi": multimodal_grounding_loss,
}


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    audio, visual = rng.normal(size=(2, BATCH, SEGMENTS, DIM))
    labels = rng.integers(3, size=(BATCH, SEGMENTS))
    return audio, visual, (labels[:, :, None] == labels[:, None]).astype(float)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("anchors", [[0, 4, 2, 2], [3, 3, 3, 3]])
@pytest.mark.parametrize("margins", [{}, {"positive_margin": 0.9, "negative_margin": 0.2}])
def test_each_is_what_its_equation_says(arrays, kind, anchors, margins):
    found = LOSSES[kind](*map(ops.convert_to_tensor, arrays), np.array(anchors), **margins)
    wanted = expected(kind, *arrays, anchors, *margins.values())
    np.testing.assert_allclose(found, wanted, rtol=EXACT)


@pytest.mark.parametrize("kind", LOSSES)
def test_one_anchor_may_be_that_of_all_videos(arrays, kind):
    one = LOSSES[kind](*arrays, 3)
    np.testing.assert_allclose(one, LOSSES[kind](*arrays, np.full(BATCH, 3)), rtol=EXACT)


def test_a_video_of_zeros_has_a_loss(arrays):
    audio, visual, groups = arrays
    found = multimodal_grounding_loss(0 * audio, visual, groups, 0)
    assert np.isfinite(np.asarray(found)).all()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a gradient tape is asked")
def test_the_gradient_of_zeros_is_finite(arrays):
    import tensorflow as tf

    audio = tf.zeros((BATCH, SEGMENTS, DIM))
    with tf.GradientTape() as tape:
        tape.watch(audio)
        loss = tf.reduce_sum(multimodal_grounding_loss(audio, audio, arrays[2], 0))
    assert np.isfinite(tape.gradient(loss, audio)).all()
