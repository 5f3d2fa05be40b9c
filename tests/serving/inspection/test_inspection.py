"""A version as a whole: read once, as it stood in the file, and with all its graphs checked."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ExportError
from kavc.serving.inspection import inspect, version_files
from kavc.serving.inspection.inspection import check_graphs
from kavc.serving.inspection.version_files import read_saved_model


def test_what_is_loaded_is_what_was_checked(scale):
    before = read_saved_model(scale)
    checked = inspect(scale)
    assert checked.serving == before.meta_graphs[0]  # not so much as an empty entry is added
    assert checked.ops >= {"Mul", "SaveV2", "RestoreV2", "Placeholder"}
    assert checked.assets == {}


def test_the_file_is_read_once(words, monkeypatch):
    reads = []

    def read(path, **options):
        reads.append(path)
        return read_bytes(path, **options)

    read_bytes = version_files.read_bytes
    monkeypatch.setattr(version_files, "read_bytes", read)
    inspect(words)
    assert reads == [words / "saved_model.pb"]


def test_a_foreign_op_is_named_with_its_place(scale, refusal):
    def edit(meta_graph):
        meta_graph.graph_def.library.function[0].node_def.add(name="mine", op="MyOp")

    line = refusal(scale, edit)
    assert line.startswith("the op MyOp (mine in function ")
    assert "is not one of TensorFlow's own" in line


def test_an_op_of_the_operators(graphs, tmp_path):
    folder = graphs.save_function(tmp_path / "1", lambda x: {"y": tf.io.read_file(x)})
    with pytest.raises(ExportError, match="--allow-op ReadFile"):
        inspect(folder)
    assert "ReadFile" in inspect(folder, allow_ops=["ReadFile"]).ops


@pytest.mark.parametrize("tags", [[], ["train"], ["serve", "tpu"]])
def test_no_graph_for_servers(scale, refusal, tags):
    def edit(meta_graph):
        meta_graph.meta_info_def.tags[:] = tags

    assert refusal(scale, edit) == "0 graphs have the tag 'serve' alone; expected one"
    saved = read_saved_model(scale)
    assert "Mul" in check_graphs(saved, scale)  # as other loaders may take it


def test_the_other_graph_is_checked_too(scale, refusal, graphs):
    saved = read_saved_model(scale)
    other = saved.meta_graphs.add()
    other.CopyFrom(saved.meta_graphs[0])
    other.meta_info_def.tags[:] = ["train"]
    (scale / "saved_model.pb").write_bytes(saved.SerializeToString())
    inspect(scale)
    graphs.const(other.graph_def.node, "file", "/x")
    graphs.add(other.graph_def.node, "look", "ReadFile", ["file"])
    (scale / "saved_model.pb").write_bytes(saved.SerializeToString())
    assert "the op ReadFile (look in the graph)" in refusal(scale)


def test_an_asset_out_of_the_folder(words, refusal):
    def edit(meta_graph):
        meta_graph.asset_file_def[0].filename = "../../../../etc/hosts"

    assert "'../../../../etc/hosts' lies outside assets/" in refusal(words, edit)


def test_a_check_of_a_large_graph_takes_a_moment(graphs, tmp_path):
    """Nothing is walked again for each of many signatures, tables or calls."""

    def body(x):
        for index in range(300):
            x = tf.nn.relu(x) + np.float32(index)
        return {"y": x}

    spec = tf.TensorSpec([2], tf.float32, "x")
    folder = graphs.save_function(tmp_path / "1", body, spec)

    def edit(meta_graph):
        nodes = meta_graph.graph_def.node
        graphs.const(nodes, "n0", [1.0, 2.0])
        for index in range(3000):
            graphs.add(nodes, f"n{index + 1}", "Identity", [f"n{index}"], T=tf.float32)
        for index in range(1000):
            signature = meta_graph.signature_def[f"more{index}"]
            signature.CopyFrom(meta_graph.signature_def["serving_default"])
            signature.outputs["y"].name = f"n{3000 - index}:0"

    walked = []
    graphs.change(folder, edit)
    with pytest.MonkeyPatch.context() as patch:
        from kavc.serving.inspection.bodies import Body

        sources = Body.sources
        patch.setattr(
            Body, "sources", lambda body, name: walked.append(name) or sources(body, name)
        )
        inspect(folder)
    assert len(walked) < 20_000  # each node a few times, not once for each of a thousand signatures
