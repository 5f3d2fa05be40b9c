import keras
import numpy as np

from kavc.layers.projection import Projection


def test_begins_with_the_first_axes_and_takes_what_it_is_given():
    layer = Projection(2)
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.testing.assert_array_equal(layer(x), x[:, :2])
    centre, directions = np.ones(3), np.random.default_rng(0).normal(size=(3, 3))
    layer.assign(centre, directions)
    np.testing.assert_allclose(layer(x), (x - 1) @ directions[:, :2], rtol=1e-5)
    assert not layer.trainable_variables and len(layer.variables) == 2


def test_keeps_its_weights_in_a_file(tmp_path):
    model = keras.Sequential([keras.Input((3,)), Projection(2)])
    model.layers[0].assign(np.ones(3), np.random.default_rng(0).normal(size=(3, 2)))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.ones((1, 3), np.float32) * 2
    np.testing.assert_array_equal(loaded(x), model(x))
