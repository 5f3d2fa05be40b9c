import keras
import numpy as np
import pytest
from keras import ops

from kavc.layers.joined_dense import JoinedDense, joined, joined_along

rng = np.random.default_rng(0)
VIDEO, TRACKS = (rng.normal(size=shape).astype(np.float32) for shape in ((4, 5), (4, 3, 2)))


def test_it_is_a_dense_layer_on_the_concatenation():
    layer = JoinedDense(6, "relu")
    found = layer([VIDEO, TRACKS])
    layer.bias.assign(rng.normal(size=6))
    found = layer([VIDEO, TRACKS])
    both = np.concatenate([np.repeat(VIDEO[:, None], 3, axis=1), TRACKS], axis=-1)
    kernel = np.concatenate([ops.convert_to_numpy(each) for each in layer.kernels])
    expected = np.maximum(both @ kernel + ops.convert_to_numpy(layer.bias), 0)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_its_kernels_begin_as_that_of_the_concatenation():
    parts = [np.zeros((1, dim), np.float32) for dim in (3000, 1000)]
    keras.utils.set_random_seed(0)
    layer = JoinedDense(500)
    layer(parts)
    limit = (6 / (4000 + 500)) ** 0.5  # Glorot and Bengio, 2010
    for kernel in layer.kernels:
        values = ops.convert_to_numpy(kernel)
        assert 0.99 * limit < np.abs(values).max() <= limit
        assert values.std() == pytest.approx(limit / 3**0.5, rel=0.01)
    first, second = (ops.convert_to_numpy(kernel)[:1000] for kernel in layer.kernels)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.01


def test_shapes_in_a_graph_and_without_a_bias():
    layer = JoinedDense(6, use_bias=False)
    inputs = [keras.Input((5,)), keras.Input((None, 2))]
    assert layer(inputs).shape == (None, None, 6)
    assert len(layer.weights) == 2
    assert JoinedDense.from_config(layer.get_config()).use_bias is False


def test_many_rows_of_one_part_by_one_product_each():
    kernels = [rng.normal(size=(dim, 6)).astype(np.float32) for dim in (5, 2, 2)]
    bias = rng.normal(size=6).astype(np.float32)
    other = rng.normal(size=(4, 1, 2)).astype(np.float32)
    parts = [VIDEO, np.zeros((4, 1, 2), np.float32), other]
    found = joined_along(TRACKS, parts, kernels, bias, kernels[1][None])
    expected = joined([VIDEO, TRACKS, other], kernels, bias)
    np.testing.assert_allclose(found, expected, atol=1e-5)
