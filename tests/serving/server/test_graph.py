"""A SavedModel in a session: what it gives, and from where its ops are started."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ServingError
from kavc.serving.server.graph import CALLERS_THREAD, LARGE, SHARED_POOL, ServedGraph


@pytest.fixture(scope="module")
def graph(models_dir):
    graph = ServedGraph(models_dir / "tiny" / "2")
    yield graph
    graph.close()


def test_answers_are_the_live_networks(graph, tiny, network):
    inputs = tiny.batch(4, 6)
    found = graph("serving_default", inputs)
    for name, value in tiny.answers(network, inputs).items():
        np.testing.assert_allclose(found[name], value, atol=1e-6, rtol=0)


def test_every_function_but_the_initialiser_can_be_called(graph):
    assert set(graph.signatures) == {"serving_default", "echo"}
    assert set(graph.definitions) >= set(graph.signatures)
    words = np.array([b"a", b"b"], object)
    np.testing.assert_array_equal(graph("echo", {"word": words})["word"], words)


def test_values_that_the_graph_refuses(graph, tiny):
    inputs = tiny.batch(2, 3) | {"theme": np.array([0, 9], np.int32)}
    with pytest.raises(tf.errors.InvalidArgumentError):
        graph("serving_default", inputs)


def test_large_requests_are_spread_unless_others_run(graph, monkeypatch):
    chosen = []

    def spread(x):
        chosen.append("spread")
        if len(chosen) == 1:  # another comes meanwhile
            graph("echo", {"word": large})
        return [x]

    def own_thread(x):
        chosen.append("own thread")
        return [x]

    large, small = np.zeros(LARGE, np.uint8), np.zeros(LARGE - 1, np.uint8)
    monkeypatch.setitem(graph._functions, ("echo", SHARED_POOL), spread)
    monkeypatch.setitem(graph._functions, ("echo", CALLERS_THREAD), own_thread)
    graph("echo", {"word": large})
    assert chosen == ["spread", "own thread"]
    graph("echo", {"word": small})
    graph("echo", {"word": large})
    assert chosen[2:] == ["own thread", "spread"]


def test_another_tag_is_no_model(models_dir, tmp_path):
    from kavc.serving.inspection.version_files import read_saved_model

    folder = tmp_path / "2"
    shutil.copytree(models_dir / "tiny" / "2", folder)
    saved = read_saved_model(folder)
    saved.meta_graphs[0].meta_info_def.tags[:] = ["train"]
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    with pytest.raises(ServingError, match="the tag 'serve'"):
        ServedGraph(folder)
