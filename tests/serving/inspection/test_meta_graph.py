"""What stands beside a graph."""

from __future__ import annotations

import pytest

from kavc.serving.inspection import inspect


@pytest.mark.parametrize("name", ["variables", "trainable_variables", "update_ops"])
def test_lists_of_names(scale, graphs, name):
    def edit(meta_graph):
        meta_graph.collection_def[name].bytes_list.value.append(b"x")

    inspect(graphs.change(scale, edit))


@pytest.mark.parametrize("name", ["legacy_init_op", "saved_model_assets", "queue_runners", "\x1b["])
def test_what_a_loader_would_run_or_read(scale, refusal, name):
    def edit(meta_graph):
        meta_graph.collection_def[name].node_list.value.append("NoOp")

    assert f"the graph has a collection {name!r}, which no served graph needs" in refusal(
        scale, edit
    )
