"""Examples as TFRecord files: written whole, with a manifest, and read back in checked batches.

A field is one `tf.train.Feature`: strings as bytes, int32 as int64, float32 as float32, always
flat; the manifest holds the shapes. Where the first axis varies, its length follows from the
number of values.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kavc import progress
from kavc.data.damage import Check, Where, row_of
from kavc.data.manifest import manifest_path, write_manifest
from kavc.data.schema import ExampleSpec, Field
from kavc.errors import DataError
from kavc.files import whole_file

PARSE_AT_ONCE = 64
_STORED = {"string": tf.string, "int32": tf.int64, "float32": tf.float32}


def write_records(
    path: str | os.PathLike,
    examples: Iterable[Mapping[str, Any]],
    spec: ExampleSpec,
    *,
    name: str | None = None,
) -> int:
    """Writes one TFRecord file, whole, and its manifest.

    A file that is replaced loses its manifest before its content changes, so that no manifest
    ever stands beside a file that it does not describe, also when the writer is killed.

    Args:
        path: of the file.
        examples: dicts of arrays, one entry a field of `spec`; others are left out.
        spec: name to shape and dtype. Only the first axis of a field may vary.
        name: what messages call the file. Defaults to its path.

    Returns:
        The number of records written, at least 1.

    Raises:
        DataError: an example does not fit `spec` or holds NaN or infinity; no example came.

    Example:
        >>> import tempfile
        >>> spec = {"id": Field((), "string", ""), "audio": Field((None, 2), "float32", "")}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = f"{folder}/train.tfrecord"
        ...     written = write_records(path, [{"id": "a", "audio": np.ones((3, 2))}], spec)
        ...     (example,) = read_records([path], spec)
        >>> written, example["id"].numpy(), example["audio"].shape
        (1, b'a', TensorShape([3, 2]))
    """
    name, records = name or str(path), 0
    with whole_file(path) as temporary:
        counted = progress.counting(f"writing {name}", "videos")
        with record_writer(temporary) as writer, counted as told:
            for example in examples:
                writer.write(_encode(example, spec, f"{name}, record {records}"))
                records += 1
                told.advance()
        if not records:
            raise DataError(f"{name}: there is no example to write")
        manifest_path(path).unlink(missing_ok=True)
    write_manifest(path, Path(path), spec, records)
    return records


@contextlib.contextmanager
def record_writer(path: str | os.PathLike) -> Iterator[tf.io.TFRecordWriter]:
    """Yields a writer of TFRecords whose failures are the system's, as of any file.

    Raises:
        OSError: the file can't be written; a full disk, above all.
    """
    try:
        with tf.io.TFRecordWriter(os.fspath(path)) as writer:
            yield writer
    except tf.errors.OpError as error:
        full = isinstance(error, tf.errors.ResourceExhaustedError)
        reason = (error.message or type(error).__name__).rpartition("; ")[2]
        number = errno.ENOSPC if full else errno.EIO
        raise OSError(number, os.strerror(number) if full else reason, os.fspath(path)) from None


def _encode(example: Mapping[str, Any], spec: ExampleSpec, where: str) -> bytes:
    features = {}
    if "id" in example and "id" in spec:
        where = f"{where} (id {example['id']})"
    for name, field in spec.items():
        if name not in example:
            raise DataError(f"{where}: no field {name!r}; it has {', '.join(sorted(example))}")
        features[name] = _feature(example[name], field, f"{where}: {name}")
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _feature(value: Any, field: Field, where: str) -> tf.train.Feature:
    # As objects, since NumPy's own strings lose the zero bytes at their end.
    array = np.asarray(value, object if field.dtype == "string" else None)
    fits = len(array.shape) == len(field.shape) and all(
        wanted is None or wanted == came
        for wanted, came in zip(field.shape, array.shape, strict=True)
    )
    if not fits:
        expected = str(field.shape).replace("None", "any")
        raise DataError(f"{where} has shape {array.shape}, {expected} is expected")
    if field.dtype == "string":
        values = [v.encode() if isinstance(v, str) else bytes(v) for v in array.ravel().tolist()]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if array.dtype.kind not in ("iu" if field.dtype == "int32" else "fiu"):
        raise DataError(f"{where} holds {array.dtype}, {field.dtype} is expected")
    if field.dtype == "int32":
        if array.size and not (array.min() >= -(2**31) and array.max() < 2**31):
            raise DataError(f"{where} holds whole numbers that int32 can't")
        return tf.train.Feature(int64_list=tf.train.Int64List(value=array.ravel().tolist()))
    array = np.ascontiguousarray(array, "<f4")
    if not np.isfinite(array).all():
        raise DataError(f"{where} holds NaN or infinity")
    return tf.train.Feature(float_list=_float_list(array))


def _float_list(array: np.ndarray) -> tf.train.FloatList:
    """Packs floats by way of the wire format: ten times as fast as value by value."""
    size, length = array.nbytes, bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return tf.train.FloatList.FromString(b"\x0a" + bytes(length) + bytes([size]) + array.tobytes())


def read_records(
    files: Sequence[str | os.PathLike],
    spec: ExampleSpec,
    *,
    limits: Mapping[str, int] | None = None,
) -> tf.data.Dataset:
    """Reads examples one by one, in the order of the files and of the records in them.

    Args:
        files: TFRecord files that `write_records` wrote.
        spec: their schema.
        limits: integer field to the number that its values must stay below.

    Returns:
        Data set of dicts with the shapes and dtypes of `spec`. A record that does not fit makes
        the iterator raise; `kavc.data.damage.data_errors` makes that a `DataError` with file and
        record.
    """
    return one_by_one(read_batches(files, spec, limits=limits), spec)


def read_batches(
    files: Sequence[str | os.PathLike],
    spec: ExampleSpec,
    *,
    limits: Mapping[str, int] | None = None,
    filled: Sequence[str] = (),
    at_once: int = PARSE_AT_ONCE,
) -> tf.data.Dataset:
    """As `read_records`, in batches as they are parsed: several times as fast.

    Args:
        files, spec, limits: as of `read_records`.
        filled: string fields that must not be empty, as ids.
        at_once: most examples a batch; no batch spans two files.

    Returns:
        Data set of dicts; a field whose first axis varies is a `tf.RaggedTensor` of the rows.
    """
    most = dict(limits or {})
    return parse_files(
        files, lambda records, where: _parse(records, spec, most, filled, where), at_once
    )


def parse_files(
    files: Sequence[str | os.PathLike],
    parse: Callable[[tf.Tensor, Where], dict[str, tf.Tensor]],
    at_once: int = PARSE_AT_ONCE,
) -> tf.data.Dataset:
    """Reads the records of TFRecord files in batches, in order, through `parse`.

    Args:
        files: paths.
        parse: from (batch,) serialized records, and what names them in a message, to a batch.
        at_once: most records a batch.
    """

    @tf.autograph.experimental.do_not_convert  # nothing to convert; it costs half the tracing
    def of_file(file: tf.Tensor) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(file).batch(at_once).enumerate()
        return records.map(
            lambda number, serialized: parse(serialized, Where(file, number * at_once)),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )

    return tf.data.Dataset.from_tensor_slices([str(file) for file in files]).flat_map(of_file)


def one_by_one(batches: tf.data.Dataset, spec: ExampleSpec) -> tf.data.Dataset:
    """Splits parsed batches into examples with the static shapes of `spec`."""

    @tf.autograph.experimental.do_not_convert
    def shaped(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {name: tf.ensure_shape(example[name], spec[name].shape) for name in spec}

    return batches.unbatch().map(shaped)


def _parse(
    serialized: tf.Tensor,
    spec: ExampleSpec,
    limits: Mapping[str, int],
    filled: Sequence[str],
    where: Where,
) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    features = {n: tf.io.RaggedFeature(_STORED[f.dtype], row_splits_dtype=tf.int64)
                for n, f in spec.items()}  # fmt: skip
    flat = tf.io.parse_example(serialized, features)
    where.ids = next((flat[n] for n, field in spec.items() if field.dtype == "string"), None)
    checks = [_length(flat[name], name, field) for name, field in spec.items()]
    checks += [_values(flat[n], n, limits.get(n)) for n in spec if _is_checked(flat[n], limits, n)]
    checks += [not_empty(flat[name], name) for name in filled]
    with tf.control_dependencies([where.refuse(checks)]):
        return {name: _shaped(flat[name], field) for name, field in spec.items()}


def _width(field: Field) -> int:
    return math.prod(n for n in field.shape if n is not None)


def _varies(field: Field) -> bool:
    return bool(field.shape) and field.shape[0] is None


def _length(flat: tf.RaggedTensor, name: str, field: Field) -> Check:
    """Checks the number of values: a multiple of the width, or exactly it."""
    width, lengths = _width(field), flat.row_lengths()
    misfit = lengths % width != 0 if _varies(field) else lengths != width
    kind = "a multiple of " if _varies(field) else ""
    return Check(
        tf.reduce_any(misfit),
        lambda: tf.argmax(tf.cast(misfit, tf.int32)),
        lambda row: [
            f"{name} is {width} wide by its schema, this record holds ",
            tf.strings.as_string(lengths[row]),
            f" values, not {kind}{width}",
        ],
    )


def _is_checked(flat: tf.RaggedTensor, limits: Mapping[str, int], name: str) -> bool:
    return flat.dtype.is_floating or name in limits


def _values(flat: tf.RaggedTensor, name: str, limit: int | None) -> Check:
    """Checks that floats are finite and that integers lie below their limit."""
    if limit is not None:
        return below(flat, name, limit)
    bad = ~tf.math.is_finite(flat.values)
    return Check(tf.reduce_any(bad), row_of(flat, bad), lambda _: [f"{name} holds NaN or infinity"])


def below(flat: tf.RaggedTensor, name: str, limit: int) -> Check:
    """Checks that integers, (batch, ragged), lie from 0 to below `limit`.

    >>> labels = tf.ragged.constant([[0, 1], [5]])
    >>> check = below(labels, "labels", 5)
    >>> bool(check.bad), int(check.row())
    (True, 1)
    """
    bad = (flat.values < 0) | (flat.values >= limit)

    def words(_: tf.Tensor) -> list:
        values = tf.concat([flat.values, [0]], axis=0)  # never of nothing
        first = values[tf.argmax(tf.cast(tf.concat([bad, [True]], axis=0), tf.int32))]
        held = tf.strings.as_string(first)
        return [f"{name} is not one of 0 to {limit - 1}; this record holds ", held]

    return Check(tf.reduce_any(bad), row_of(flat, bad), words)


def not_empty(flat: tf.RaggedTensor, name: str) -> Check:
    """Checks that strings, (batch, ragged), have at least one byte.

    >>> check = not_empty(tf.ragged.constant([[b"a"], [b""]]), "id")
    >>> bool(check.bad), int(check.row())
    (True, 1)
    """
    bad = tf.strings.length(flat.values) == 0
    return Check(tf.reduce_any(bad), row_of(flat, bad), lambda _: [f"{name} is empty"])


def _shaped(flat: tf.RaggedTensor, field: Field) -> tf.Tensor | tf.RaggedTensor:
    values = tf.identity(flat.values)  # made here, so that it waits for the checks
    values = tf.cast(values, tf.int32) if field.dtype == "int32" else values
    if not _varies(field):
        return tf.reshape(values, (-1, *field.shape))
    values = tf.reshape(values, (-1, *field.shape[1:]))
    splits = flat.row_splits // _width(field)
    return tf.RaggedTensor.from_row_splits(values, splits, validate=False)
