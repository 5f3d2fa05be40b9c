"""Which of TensorFlow's ops a served graph may hold, and what their attributes may say."""

from __future__ import annotations

from collections import Counter

import pytest
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from kavc.errors import ConfigError
from kavc.serving.inspection.allowed_ops import ALLOWED, GROUPS, check_ops
from kavc.serving.inspection.attributes import EMPTY, FREE_TEXTS, NUMBERS, SHAPES
from kavc.serving.inspection.file_ops import FILE_OPS
from kavc.serving.inspection.library import CALLS

OPS = {op: op_def_registry.get(op) for op in sorted(ALLOWED)}
# Numbers that are no larger than what they count: a limit for all holds them.
SMALL = {
    "axis", "batch_dim", "batch_dims", "beam_width", "begin_mask", "blank_index", "block_size",
    "channels", "compression", "concat_dim", "depth_radius", "dilations", "ellipsis_mask",
    "end_mask", "explicit_paddings", "k", "key_index", "ksize", "ksizes", "maxsplit",
    "new_axis_mask", "num_bits", "parallel_iterations", "quality", "rates", "ratio", "seq_dim",
    "shrink_axis_mask", "squeeze_dims", "stride", "strides", "summarize", "value_index",
    "window_size", "x_density", "y_density",
}  # fmt: skip


def attributes(*kinds):
    """Yields (op, attribute) of all that are allowed, of some kinds."""
    for op, definition in OPS.items():
        for attr in definition.attr:
            if attr.type in kinds:
                yield op, attr


def counted(op) -> set[str]:
    """The attributes that say how many tensors an op takes or gives."""
    return {each.number_attr for each in (*OPS[op].input_arg, *OPS[op].output_arg)}


def test_every_op_is_in_one_group_and_there():
    counts = Counter(op for group in GROUPS for op in group.ops)
    assert set(counts.values()) == {1}
    assert not [op for op, definition in OPS.items() if definition is None]
    assert 400 < len(ALLOWED) < 600


def test_every_group_says_why_in_one_sentence():
    for group in GROUPS:
        assert group.why.endswith(".") and group.why.count(".") == 1 and len(group.why) < 200
        assert group.why.isascii() and group.name.islower()


def test_every_kind_of_attribute_is_known():
    kinds = {attr.type for definition in OPS.values() for attr in definition.attr}
    assert kinds == {
        "type", "bool", "float", "int", "string", "shape", "tensor", "func", "list(type)",
        "list(float)", "list(int)", "list(string)", "list(func)", "list(shape)",
    }  # fmt: skip


def test_every_free_text_is_named_with_a_reason():
    known = {*FREE_TEXTS, *EMPTY, "config_proto"}
    found = {
        attr.name
        for _, attr in attributes("string", "list(string)")
        if not attr.allowed_values.list.s
    }
    assert found <= known
    assert set(FREE_TEXTS) <= found  # no reason stands for an attribute that is gone


def test_every_number_is_small_or_named_or_counts_tensors():
    found = {
        attr.name for op, attr in attributes("int", "list(int)") if attr.name not in counted(op)
    }
    assert found == SMALL | set(NUMBERS)


def test_every_shape_is_named_with_a_reason():
    assert {attr.name for _, attr in attributes("shape", "list(shape)")} == set(SHAPES)


def test_a_tensor_is_a_constants_alone():
    assert [op for op, _ in attributes("tensor")] == ["Const"]


def test_every_op_that_names_functions_is_known_as_a_call():
    found = {}
    for op, attr in attributes("func", "list(func)"):
        found.setdefault(op, set()).add(attr.name)
    assert found == {op: set(calls) for op, calls in CALLS.items()}


def test_ops_on_files_are_a_group_of_their_own():
    (group,) = (group for group in GROUPS if group.name == "files of the version itself")
    assert group.ops == FILE_OPS | {"ShardedFilename"}


REFUSED = """
Abort AccumulateNV2 AudioSummary Barrier Batch BatchFunction BoostedTreesEnsembleResourceHandleOp
CollectiveReduceV2 ConditionalAccumulator CreateSummaryFileWriter CudnnRNNV3 DataServiceDatasetV4
DebugIdentityV2 DebugNumericSummaryV2 DecodeCompressed DecodeProtoV2 DeserializeSparse
DestroyResourceOp EagerPyFunc Empty EncodeProto FileSystemSetConfiguration
FixedUnigramCandidateSampler GenerateVocabRemapping GetSessionHandleV2 ImmutableConst
InitializeTableFromDataset IteratorGetNext LMDBReader LoadAndRemapMatrix LoadDataset MapDefun
MatchingFiles MutexLock NcclAllReduce OneShotIterator ParallelConcat ParseExampleV2 ParseTensor
Print PrintV2 PyFunc PyFuncStateless QueueDequeueV2 ReadFile RecordInput Recv RemoteCall Restore
RestoreSlice Save SaveDatasetV2 SaveSlices Send SnapshotDatasetV2 Stage SymbolicGradient
TFRecordDatasetV2 TPUPartitionedCall TemporaryVariable TextLineDataset Unstage WholeFileReaderV2
WorkerHeartbeat WriteFile WriteScalarSummary XlaSparseCoreAdam
""".split()  # noqa: SIM905


@pytest.mark.parametrize("op", REFUSED)
def test_it_is_refused(op):
    assert hasattr(tf.raw_ops, op)  # else the name is wrong and the test can't fail
    assert op not in ALLOWED


def test_more_ops_are_tensorflows():
    check_ops(["ReadFile", "PrintV2"])
    with pytest.raises(ConfigError, match="unknown op of TensorFlow 'ReadFiles'; did you mean"):
        check_ops(["ReadFiles"])
