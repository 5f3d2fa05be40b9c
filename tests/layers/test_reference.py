import keras
import numpy as np

from kavc.layers.reference import Reference


def test_is_the_same_vector_everywhere_and_kept_in_a_file(tmp_path):
    model = keras.Sequential([keras.Input((None, 3)), Reference()])
    x = np.ones((2, 4, 3), np.float32)
    np.testing.assert_array_equal(model(x), np.zeros((2, 4, 3)))
    model.layers[0].assign(np.arange(3))
    assert not model.trainable_variables
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), np.broadcast_to(np.arange(3.0), (2, 4, 3)))
