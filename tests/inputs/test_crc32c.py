"""The checksum of records, against bytes taken one by one and against TensorFlow's files."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kavc.inputs.crc32c import BLOCK, masked_crc32c
from kavc.inputs.tfrecords import checksum


def content(size: int) -> bytes:
    return np.random.default_rng(size).bytes(size)


@pytest.mark.parametrize("size", [*range(18), 31, 32, 33, 1000, 4096])
def test_one_by_one(size):
    assert masked_crc32c(content(size)) == checksum(content(size))


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 4, 3 * BLOCK + 77])
def test_records_of_several_blocks(tmp_path, size):
    path = tmp_path / "records"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(content(size))
    assert masked_crc32c(content(size)) == int.from_bytes(path.read_bytes()[-4:], "little")
