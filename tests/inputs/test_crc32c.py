"""The checksum of records, against bytes taken one by one and against TensorFlow's files."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kavc.inputs import crc32c
from kavc.inputs.crc32c import BLOCK, FEW, masked_crc32c


def content(size: int) -> bytes:
    return np.random.default_rng(size).bytes(size)


def test_the_published_check_value(monkeypatch):
    """That of the nine digits; and masked as TFRecord files have it."""
    value = 0xE3069283
    masked = ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert masked_crc32c(b"123456789") == masked
    monkeypatch.setattr(crc32c, "FEW", 3)
    assert masked_crc32c(b"123456789") == masked


@pytest.mark.parametrize("size", [*range(4, 18), 31, 32, 33, FEW, FEW + 1, 1000, 4096])
def test_one_by_one_and_all_at_once(size, monkeypatch):
    monkeypatch.setattr(crc32c, "FEW", size)
    slow = masked_crc32c(content(size))
    monkeypatch.setattr(crc32c, "FEW", 3)
    assert masked_crc32c(content(size)) == slow


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 4, 3 * BLOCK + 77])
def test_records_of_several_blocks(tmp_path, size):
    path = tmp_path / "records"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(content(size))
    assert masked_crc32c(content(size)) == int.from_bytes(path.read_bytes()[-4:], "little")
