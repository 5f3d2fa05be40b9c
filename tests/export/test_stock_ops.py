"""Which of TensorFlow's ops a served graph may hold."""

from __future__ import annotations

import pytest
import tensorflow as tf

from kavc.export.stock_ops import REFUSED, refuse_foreign_ops


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


def test_ops_of_an_export(version_folder):
    ops = refuse_foreign_ops(version_folder)
    assert {"While", "MatMul", "StatefulPartitionedCall", "SaveV2"} <= ops
