"""The settings beside a call: those of real exports, and no others."""

from __future__ import annotations

import pytest
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

from kavc.serving.inspection.call_config import config_fault


def fault(**fields):
    return config_fault(ConfigProto(**fields).SerializeToString())


def test_what_exports_hold():
    # As TensorFlow 2.17 writes it beside each call.
    real = b"\n\x07\n\x03CPU\x10\x01\n\x07\n\x03GPU\x10\x002\x02J\x008\x01\x82\x01\x00"
    assert config_fault(real) is None
    assert config_fault(b"") is None
    assert fault(intra_op_parallelism_threads=2, inter_op_parallelism_threads=4) is None
    assert fault(gpu_options={"allow_growth": True, "visible_device_list": "0,1"}) is None
    assert fault(graph_options={"rewrite_options": {"disable_meta_optimizer": True}}) is None


def rewriting(**fields):
    return {"graph_options": {"rewrite_options": RewriterConfig(**fields)}}


@pytest.mark.parametrize(
    "fields",
    [
        rewriting(custom_optimizers=[{"name": "any"}]),
        rewriting(optimizers=["any"]),
        rewriting(auto_parallel={"enable": True, "num_replicas": 10**6}),
        {"cluster_def": {"job": [{"name": "other"}]}},
        {"session_inter_op_thread_pool": [{"num_threads": 10**6}]},
        {"experimental": {"executor_type": "any"}},
        {"gpu_options": {"per_process_gpu_memory_fraction": 1.0}},
        {"device_filters": ["/job:other"]},
    ],
)
def test_what_they_do_not(fields):
    assert fault(**fields).startswith("sets more than allow_soft_placement, device_count, ")


def test_a_field_that_is_unknown():
    assert config_fault(b"\xfa\x3f\x01x").startswith("sets more than ")


@pytest.mark.parametrize(
    "fields", [{"device_count": {"CPU": 10**6}}, {"intra_op_parallelism_threads": -1}]
)
def test_numbers(fields):
    assert fault(**fields) == "counts more than 1024 devices or threads"


def test_no_settings_at_all():
    assert config_fault(b"\xff") == "is no ConfigProto"
