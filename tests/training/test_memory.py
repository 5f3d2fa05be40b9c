from __future__ import annotations

import gc

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.ops.control_flow_v2_func_graphs import ControlFlowFuncGraph

from kavc.training.memory import freed


def fitted(*, free):
    """A model whose step has branches: of the rate that warms up."""
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    rate = keras.optimizers.schedules.CosineDecay(0.01, 20, warmup_target=0.1, warmup_steps=5)
    model.compile(keras.optimizers.Adam(rate), loss="mse")
    model.optimizer.build(model.trainable_variables)
    x = np.ones((8, 3), np.float32)
    if free:
        with freed(model):
            model.fit(x, x[:, :1], verbose=0)
    else:
        model.fit(x, x[:, :1], verbose=0)
    return model


def operations():
    gc.collect()
    graphs = [each for each in gc.get_objects() if isinstance(each, ControlFlowFuncGraph)]
    return sum(len(graph.get_operations()) for graph in graphs)


def resources():
    """How many handles there are of variables, which live as long as these."""
    gc.collect()
    tensors = [each for each in gc.get_objects() if type(each).__name__ == "EagerTensor"]
    return sum(each.dtype == tf.resource for each in tensors)


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("kept", [operations, resources])
def test_graphs_with_branches_and_their_variables_are_freed(kept, free):
    """False: TensorFlow does not do it by itself; once it does, kavc.training.memory can go."""
    before = kept()
    fitted(free=free)
    assert (kept() == before) == free


def test_a_model_can_be_used_after_its_fit():
    model = fitted(free=True)
    x = np.ones((8, 3), np.float32)
    assert model.predict(x, verbose=0).shape == (8, 1)
    model.fit(x, x[:, :1], verbose=0)
    assert np.isfinite(model.evaluate(x, x[:, :1], verbose=0))


def test_what_was_there_before_stays():
    other = fitted(free=False)
    fitted(free=True)
    x = np.ones((8, 3), np.float32)
    losses = other.fit(x, x[:, :1], verbose=0, epochs=2).history["loss"]
    assert losses[1] < losses[0]
