"""Reads a corpus without TensorFlow: for a client, whose server has it.

A video at a time, in memory, where `kavc.data.features.reader` streams batches into a training.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kavc.data.features.header import files_of, read_header
from kavc.data.ids import shown
from kavc.data.manifest import check_records
from kavc.data.schema import ExampleSpec, Field
from kavc.errors import DataError
from kavc.inputs.opening import named
from kavc.inputs.tfrecords import open_records, records_of
from kavc.serving.descriptors import BYTES, FLOAT, INT64, Map, Messages, Package, Repeated

EXAMPLES = Package(
    "tensorflow",
    {
        "BytesList": [("value", 1, Repeated(BYTES))],
        "FloatList": [("value", 1, Repeated(FLOAT))],
        "Int64List": [("value", 1, Repeated(INT64))],
        "Feature": [
            ("bytes_list", 1, "tensorflow.BytesList"),
            ("float_list", 2, "tensorflow.FloatList"),
            ("int64_list", 3, "tensorflow.Int64List"),
        ],
        "Features": [("feature", 1, Map("tensorflow.Feature"))],
        "Example": [("features", 1, "tensorflow.Features")],
    },
)  # as `example.proto` and `feature.proto` of tensorflow/tensorflow


def read_arrays(
    folder: str | os.PathLike, names: Sequence[str]
) -> Iterator[tuple[bytes, dict[str, np.ndarray]]]:
    """Yields the id and some arrays of each video, in the order of the files and in them.

    Args:
        folder: of the corpus.
        names: of arrays, or of their times, that its header has.

    Returns:
        Iterator of ids, and of (rows, ...) float32 by name. An id comes as often as it is there.

    Raises:
        DataError: the corpus is damaged, or a record isn't as the header says; names file and
            record.

    Example:
        for id_, arrays in read_arrays("tracks", ["audio"]):
            print(id_, arrays["audio"].shape)
    """
    folder = Path(folder)
    header = read_header(folder)
    spec = {name: {**header.arrays, **header.times}[name] for name in names}
    files = files_of(folder, header)
    check_records(files, header.spec, deep=True)
    example = Messages(EXAMPLES)["tensorflow.Example"]
    for file in files:
        for number, record in enumerate(_records(file)):
            yield _read(example, record, spec, f"{named(file)}, record {number}")


def _records(file: Path) -> Iterator[bytes]:
    """Yields the records of a file that was checked."""
    with (
        open_records(file) as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        yield from records_of(content, summed=True)


def _read(
    example: Any, record: bytes, spec: ExampleSpec, where: str
) -> tuple[bytes, dict[str, np.ndarray]]:
    from google.protobuf.message import DecodeError

    try:
        features = example.FromString(record).features.feature
    except DecodeError:
        raise DataError(f"{where} is no example of TensorFlow; write the corpus again") from None
    ids = features["id"].bytes_list.value
    if len(ids) != 1 or not ids[0]:
        raise DataError(f"{where} has no id; write the corpus again")
    where = f"{where} (id {shown(ids[0])!r})"
    arrays = {n: _array(features[n].float_list.value, f, f"{where}: {n}") for n, f in spec.items()}
    return ids[0], arrays


def _array(flat: Sequence[float], field: Field, where: str) -> np.ndarray:
    each = [n for n in field.shape if n is not None]
    width, varies = math.prod(each), len(each) < len(field.shape)
    if len(flat) % width if varies else len(flat) != width:
        kind = "a multiple of " if varies else ""
        raise DataError(f"{where}: {len(flat)} values, not {kind}{width} as its header says")
    values = np.array(flat, np.float32)
    if not np.isfinite(values).all():
        raise DataError(f"{where} holds NaN or infinity")
    return values.reshape(-1, *each) if varies else values.reshape(each)
