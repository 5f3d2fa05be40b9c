"""Small files in the layout of YouTube-8M."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf


def _bytes(*values: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _record(ids: Sequence[bytes], labels: Sequence[int], key: str, level: str, sound: float):
    context = {"labels": tf.train.Feature(int64_list=tf.train.Int64List(value=labels))}
    if ids:
        context[key] = _bytes(*ids)
    widths = {"rgb": 1024, "audio": 128}
    if level == "frame":
        rows = {
            name: tf.train.FeatureList(feature=[_bytes(bytes([9]) * width)] * 2)
            for name, width in widths.items()
        }
        lists = tf.train.FeatureLists(feature_list=rows)
        return tf.train.SequenceExample(
            context=tf.train.Features(feature=context), feature_lists=lists
        )
    for name, width in widths.items():
        values = np.full(width, sound if name == "audio" else 1.0)
        context[f"mean_{name}"] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Example(features=tf.train.Features(feature=context))


@pytest.fixture
def shard() -> Callable[..., Path]:
    """Writes a file of videos, id to labels; "" stands for an empty id, a tuple for several."""

    def write(
        path: Path,
        videos: Mapping[str | tuple[str, ...], Sequence[int]],
        *,
        key: str = "id",
        level: str = "video",
        silent: Sequence[str] = (),
    ) -> Path:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for id_, labels in videos.items():
                ids = [i.encode() for i in (id_ if isinstance(id_, tuple) else (id_,))]
                sound = 0.0 if id_ in silent else 1.0
                writer.write(_record(ids, labels, key, level, sound).SerializeToString())
        return path

    return write
