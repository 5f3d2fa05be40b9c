"""Which of TensorFlow's ops a served graph may hold."""

from __future__ import annotations

import re
import shutil

import pytest
import tensorflow as tf

from kavc.errors import ExportError
from kavc.serving.inspection.stock_ops import REFUSED, refuse_foreign_ops
from kavc.serving.inspection.version_files import read_saved_model


@pytest.mark.parametrize(
    "op",
    [
        "PyFunc",
        "EagerPyFunc",
        "PyFuncStateless",
        "ReadFile",
        "WriteFile",
        "MatchingFiles",
        "WholeFileReaderV2",
        "TFRecordDatasetV2",
        "TextLineDataset",
        "SaveDatasetV2",
        "LoadDataset",
        "SnapshotDatasetV2",
        "LMDBReader",
        "ImmutableConst",
        "WriteScalarSummary",
        "CreateSummaryFileWriter",
        "DebugIdentityV2",
        "CudnnRNNV3",
        "Send",
        "DataServiceDatasetV4",
        "RemoteCall",
        "CollectiveReduceV2",
        "IteratorGetNext",
        "Abort",
        "LoadAndRemapMatrix",
        "GenerateVocabRemapping",
        "FixedUnigramCandidateSampler",
        "QueueDequeueV2",
        "BarrierTakeMany",
        "NcclAllReduce",
        "ShutdownDistributedTPU",
        "WorkerHeartbeat",
    ],
)
def test_refused(op):
    assert hasattr(tf.raw_ops, op)  # else the name is wrong and the test can't fail
    assert REFUSED.fullmatch(op)


@pytest.mark.parametrize(
    "op",
    [
        "MatMul",
        "While",
        "TensorListReserve",
        "TensorListStack",
        "StatefulPartitionedCall",
        "VarHandleOp",
        "TopKV2",
        "ReadVariableOp",
        "Assert",
        "LookupTableFindV2",
        "InitializeTableFromTextFileV2",
        "DecodeWav",
    ],
)
def test_allowed(op):
    assert hasattr(tf.raw_ops, op)
    assert not REFUSED.fullmatch(op)


def test_ops_of_an_export(models_dir):
    ops = refuse_foreign_ops(models_dir / "tiny" / "2")
    assert {"While", "MatMul", "StatefulPartitionedCall", "SaveV2"} <= ops


def spoiled(models_dir, tmp_path, change):
    """A copy of the tiny model's version 2 whose graph somebody changed."""
    folder = tmp_path / "2"
    shutil.copytree(models_dir / "tiny" / "2", folder)
    saved = read_saved_model(folder)
    change(saved.meta_graphs[0])
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    return folder


def refusal(models_dir, tmp_path, change) -> str:
    with pytest.raises(ExportError) as error:
        refuse_foreign_ops(spoiled(models_dir, tmp_path, change))
    assert "\n" not in str(error.value)
    return str(error.value)


def function_of(graph, tensor):
    """The function that a node of the outermost graph calls."""
    (node,) = (n for n in graph.graph_def.node if n.name == tensor.partition(":")[0])
    return node.attr["f"].func.name


def test_a_foreign_op_is_named_with_its_place(models_dir, tmp_path):
    def change(graph):
        graph.graph_def.library.function[0].node_def.add(name="mine", op="MyOp")

    line = refusal(models_dir, tmp_path, change)
    assert line.startswith("the op MyOp (mine in function ")
    assert "is not one of TensorFlow's own" in line


def test_printing_to_a_file(models_dir, tmp_path):
    def change(graph):
        node = graph.graph_def.node.add(name="shout", op="PrintV2")
        node.attr["output_stream"].s = b"file:///tmp/x"

    assert "(shout in the graph) prints to a file" in refusal(models_dir, tmp_path, change)


def test_a_signature_that_saves(models_dir, tmp_path):
    def change(graph):
        outputs = graph.signature_def["serving_default"].outputs
        outputs["match"].name = graph.saver_def.save_tensor_name

    line = refusal(models_dir, tmp_path, change)
    assert line.startswith("signature 'serving_default' reaches the op ")


def test_an_initialiser_that_saves(models_dir, tmp_path):
    def change(graph):
        outputs = graph.signature_def["__saved_model_init_op"].outputs
        outputs["__saved_model_init_op"].name = graph.saver_def.save_tensor_name

    assert "__saved_model_init_op" in refusal(models_dir, tmp_path, change)


def test_a_main_op_that_saves(models_dir, tmp_path):
    def change(graph):
        main = graph.collection_def["saved_model_main_op"].node_list
        main.value[:] = [graph.saver_def.save_tensor_name.partition(":")[0]]

    line = refusal(models_dir, tmp_path, change)
    assert line.startswith("the op that initialises the graph reaches the op ")


def test_a_restore_that_saves(models_dir, tmp_path):
    def change(graph):
        graph.saver_def.restore_op_name = graph.saver_def.save_tensor_name.partition(":")[0]

    line = refusal(models_dir, tmp_path, change)
    assert line.startswith("the op that restores variables reaches the op ")


def test_a_function_of_the_objects_that_saves(models_dir, tmp_path):
    def change(graph):
        saver = function_of(graph, graph.saver_def.save_tensor_name)
        graph.object_graph_def.concrete_functions[saver].bound_inputs.append(0)

    assert re.match(r"function \S+save\S+ reaches the op ", refusal(models_dir, tmp_path, change))


def test_an_output_of_nothing(models_dir, tmp_path):
    def change(graph):
        graph.signature_def["serving_default"].outputs["match"].name = "nowhere:0"

    assert "it has no node 'nowhere'" in refusal(models_dir, tmp_path, change)


def test_an_asset_out_of_the_folder(models_dir, tmp_path):
    def change(graph):
        graph.asset_file_def.add(filename="../../../../etc/hosts")

    assert "'../../../../etc/hosts' lies outside assets/" in refusal(models_dir, tmp_path, change)
