"""What is drawn anew in every epoch, by a number and by one in a graph."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kavc.data.epochs import of_epoch


def draw(columns):
    return lambda epoch: tuple(
        np.random.default_rng([epoch, at]).permutation(5).astype(np.int32) for at in range(columns)
    )


@pytest.mark.parametrize("columns", [1, 2])
def test_a_tensor_gives_what_its_number_does(columns):
    dtypes = [tf.int32] * columns
    graph = tf.function(lambda epoch: of_epoch(draw(columns), epoch, dtypes))
    for found in (graph(tf.constant(3)), of_epoch(draw(columns), tf.constant(3), dtypes)):
        assert len(found) == columns
        for one, expected in zip(found, of_epoch(draw(columns), 3, dtypes), strict=True):
            np.testing.assert_array_equal(one, expected)
