"""Frees what TensorFlow keeps for ever: graphs that have branches, and by them all variables."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

import keras
from tensorflow.python.framework.func_graph import dismantle_func_graph
from tensorflow.python.ops.control_flow_v2_func_graphs import ControlFlowFuncGraph


@contextlib.contextmanager
def freed(model: keras.Model) -> Iterator[None]:
    """Frees the graphs that a model's fit has traced, once the block ends.

    The graph of a branch (`keras.ops.cond`, a loop) and the one around it refer to each other out
    of the garbage collector's sight. So each fit would leave its weights and optimizer in memory:
    of a sweep, those of every trial.

    Args:
        model: traces its functions anew if it is used again.

    Example:
        with freed(model):
            model.fit(data, epochs=50)
    """
    before = {id(graph) for graph in _branches()}
    try:
        yield
    finally:
        model.train_function = model.test_function = model.predict_function = None
        branches = [graph for graph in _branches() if id(graph) not in before]
        around = {id(graph.outer_graph): graph.outer_graph for graph in branches}
        for graph in [*branches, *around.values()]:
            dismantle_func_graph(graph)
            assert not graph.captures  # computed anew: a cache of them would keep the variables


def _branches() -> list[ControlFlowFuncGraph]:
    return [each for each in gc.get_objects() if isinstance(each, ControlFlowFuncGraph)]
