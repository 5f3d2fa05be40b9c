import keras
import numpy as np

from kavc.layers.rows import FlattenRows, RestoreRows


def test_a_network_of_single_rows_sees_all_rows_of_all_sequences():
    sequence = keras.Input((None, 4, 4, 3))
    flat = FlattenRows()(sequence)
    rows = keras.layers.Flatten()(flat)
    model = keras.Model(sequence, RestoreRows()(rows, sequence))
    assert flat.shape == (None, 4, 4, 3) and model.output.shape == (None, None, 48)
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(model(x), x.reshape(2, 5, 48))
