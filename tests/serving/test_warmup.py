"""Warm-up records: TensorFlow Serving's file, read with care."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import ClassifyLog, PredictionLog

from kavc.errors import DataError, ServingError
from kavc.inputs.crc32c import masked_crc32c
from kavc.serving import warmup, wire
from kavc.serving.warmup import read_warmup, write_warmup

REQUESTS = {
    "serving_default": {"x": np.ones((1, 3), np.float32), "n": np.array([2], np.int32)},
    "echo": {"word": np.array([b"a"], object)},
}


@pytest.fixture
def version(tmp_path):
    write_warmup(tmp_path, "m", REQUESTS)
    return tmp_path


def test_records_are_where_and_what_the_real_server_reads(version):
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    logs = [PredictionLog.FromString(record).predict_log for record in records]
    assert [log.request.model_spec.signature_name for log in logs] == list(REQUESTS)
    assert {log.request.model_spec.name for log in logs} == {"m"}


def test_requests_read_back(version):
    for request, inputs in zip(read_warmup(version), REQUESTS.values(), strict=True):
        assert set(request.inputs) == set(inputs)
        for name, value in inputs.items():
            np.testing.assert_array_equal(wire.to_array(request.inputs[name], name), value)


def test_a_version_without_records(tmp_path):
    assert read_warmup(tmp_path) == []


def spoil(version, change):
    path = version / warmup.FILE
    data = bytearray(path.read_bytes())
    path.write_bytes(change(data))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data[:-1], "damaged after record 1"),
        (lambda data: data[:5], "damaged after record 0"),
        (lambda data: b"no records at all", "damaged after record 0"),
        (lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:], "damaged after record 0"),
    ],
)
def test_a_damaged_file(version, change, says):
    spoil(version, change)
    with pytest.raises(ServingError, match=says) as error:
        read_warmup(version)
    assert str(error.value).startswith(str(version / warmup.FILE))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("length", [101, 2**31 + 5, 2**40, 2**62, 2**64 - 17, 2**64 - 1])
def test_a_length_beyond_the_file(version, length):
    """TensorFlow's reader ends the process at some of these."""
    head = struct.pack("<Q", length)
    spoil(version, lambda data: head + struct.pack("<I", masked_crc32c(head)) + b"x" * 100)
    with pytest.raises(ServingError, match=r"damaged after record 0 \(truncated record\)"):
        read_warmup(version)


def test_a_link_that_leads_nowhere_is_no_file(tmp_path):
    (tmp_path / "assets.extra").symlink_to("x" * 300)
    assert read_warmup(tmp_path) == []


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (b"\xff\xff", "record 1 is no PredictionLog"),
        (PredictionLog(classify_log=ClassifyLog()).SerializeToString(), "no request to Predict"),
        (b"", "no request to Predict"),
    ],
)
def test_records_of_another_kind(version, record, says):
    with tf.io.TFRecordWriter(str(version / warmup.FILE)) as writer:
        writer.write(record)
    with pytest.raises(ServingError, match=says):
        read_warmup(version)


def test_limits(version, monkeypatch):
    monkeypatch.setattr(warmup, "MAX_RECORDS", 1)
    with pytest.raises(ServingError, match="more than 1 warm-up records"):
        read_warmup(version)
    with pytest.raises(DataError, match="2 warm-up requests; TensorFlow Serving takes 1"):
        write_warmup(version, "m", REQUESTS)
    monkeypatch.setattr(warmup, "MAX_BYTES", 10)
    with pytest.raises(ServingError, match="larger than 0 MiB"):
        read_warmup(version)
