import keras
import numpy as np
import pytest

from kavc.layers.fourier import FourierFeatures


def test_dot_products_approach_a_gaussian_kernel():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 5)).astype(np.float32)
    layer = FourierFeatures(8000)
    layer.build(x.shape)
    scale = np.array([0.2, 0.5, 1.0, 0.0, 0.3], np.float32)
    layer.scale.assign(scale)
    features = np.asarray(layer(x))
    difference = (x[:, None] - x[None]) * scale
    kernel = np.exp(-(difference**2).sum(axis=-1) / 2)
    # The mean of 4,000 cosines has a standard deviation of at most 0.011.
    np.testing.assert_allclose(features @ features.T, kernel, atol=0.07)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-4)


def test_nothing_is_trained_and_the_seed_decides():
    x = np.ones((2, 3), np.float32)
    layer = FourierFeatures(6, seed=3)
    first = np.asarray(layer(x))
    assert not layer.trainable_variables
    again = FourierFeatures.from_config(layer.get_config())
    np.testing.assert_array_equal(first, again(x))
    assert not np.array_equal(first, FourierFeatures(6, seed=4)(x))


@pytest.mark.parametrize("units", [0, 7])
def test_an_odd_number_is_refused(units):
    with pytest.raises(ValueError, match="even"):
        FourierFeatures(units)


def test_keeps_its_weights_in_a_file(tmp_path):
    model = keras.Sequential([keras.Input((3,)), FourierFeatures(4)])
    model.layers[0].scale.assign([1.0, 2.0, 3.0])
    model.save(tmp_path / "model.keras")
    x = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(x), model(x))
