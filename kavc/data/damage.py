"""Damaged and unfit records: refused in graph, with file and record, and caught as `DataError`."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import tensorflow as tf

from kavc.data.manifest import check_sums
from kavc.errors import DataError

_MARK = "bad record: "
UNREAD = "Could not parse example"
KINDS = {"float": "float_list", "int64": "int64_list", "string": "bytes_list"}


class Check(NamedTuple):
    """One thing that may be wrong with a batch of records, in graph.

    Args:
        bad: () bool. Whether any record has it.
        row: gives () int64, the first record that has it; only asked if there is one.
        words: from that row to the parts, strings or string tensors, of what to say.
    """

    bad: tf.Tensor
    row: Callable[[], tf.Tensor]
    words: Callable[[tf.Tensor], list]


class Where:
    """Names the records of a batch, in graph, in what is raised about them.

    Args:
        file: () string. The file that the batch comes from.
        first: () int64. Number of the batch's first record in the file.

    Attributes:
        ids: (batch, any) strings. The records' ids, once they are known.
    """

    def __init__(self, file: tf.Tensor, first: tf.Tensor):
        self.file, self.first = file, first
        self.ids: tf.RaggedTensor | None = None

    def refuse(self, checks: Sequence[Check]) -> tf.Tensor:
        """Raises if any of `checks` is bad, about the first of them.

        Returns:
            A control dependency for what must not run before.
        """
        # One branch for all: each `tf.cond` costs as much as parsing a few records.
        flags = tf.stack([check.bad for check in checks])

        def fail() -> tf.Tensor:
            said = tf.stack([self._message(check) for check in checks])
            message = said[tf.argmax(tf.cast(flags, tf.int32))]
            with tf.control_dependencies([tf.debugging.Assert(False, [message])]):
                return tf.constant(False)

        return tf.cond(tf.reduce_any(flags), fail, lambda: tf.constant(True))

    def _message(self, check: Check) -> tf.Tensor:
        row = tf.cast(check.row(), tf.int64)
        parts = [_MARK, self.file, ", record ", tf.strings.as_string(self.first + row)]
        if self.ids is not None:
            parts += [" (id ", tf.strings.reduce_join(self.ids[row]), ")"]
        return tf.strings.join([*parts, ": ", *check.words(row)])


def row_of(ragged: tf.RaggedTensor, bad: tf.Tensor) -> Callable[[], tf.Tensor]:
    """Returns the function that finds the row of the first value that is `bad`.

    Args:
        ragged: (rows, ragged).
        bad: (values,) bool, one for each of its values.

    Example:
        >>> ragged = tf.ragged.constant([[1, 2], [], [3]])
        >>> int(row_of(ragged, tf.constant([False, False, True]))())
        2
    """

    def row() -> tf.Tensor:
        place = tf.argmax(tf.cast(tf.concat([bad, [True]], axis=0), tf.int32))  # never of nothing
        row = tf.searchsorted(ragged.row_splits, [place], side="right")[0] - 1
        return tf.minimum(row, tf.cast(ragged.nrows(), tf.int32) - 1)

    return row


@contextlib.contextmanager
def data_errors(files: Iterable[str | os.PathLike] = ()) -> Iterator[None]:
    """Turns what TensorFlow raises on a damaged or unfit record into `DataError`.

    Args:
        files: TFRecord files that are read; a damaged record is looked for in them, since
            TensorFlow does not say where it was.

    Example:
        with data_errors():
            model.fit(dataset)
    """
    try:
        yield
    except (tf.errors.OpError, UnicodeDecodeError) as error:
        message = _message(error)
        if said := re.search(rf"{_MARK}(.*?)['\"]?\]", message, re.DOTALL):
            raise DataError(said[1].replace("\\'", "'")) from None
        line = " ".join(re.sub(r"{{.*?}}|\[\[.*?\]\]|\[Op:.*", "", message).split())
        if isinstance(error, tf.errors.DataLossError):
            for file in files:
                check_sums(file)
            raise DataError(f"a TFRecord file is damaged or cut ({line}); check_records(files,"
                            " deep=True) names it") from None  # fmt: skip
        if "Key:" in message or UNREAD in message:
            line = line.rpartition("ParallelMapV2: ")[2].partition(", value: ")[0]
            where = _unfit(files, line) or "a record"
            raise DataError(f"{where} does not fit its schema ({line})") from None
        raise


def _message(error: tf.errors.OpError | UnicodeDecodeError) -> str:
    """Returns what TensorFlow says, also where it quotes bytes that Python can't take for text."""
    if isinstance(error, UnicodeDecodeError):
        return bytes(error.object).decode(errors="replace")
    return error.message or ""


def _unfit(files: Iterable[str | os.PathLike], line: str) -> str:
    """Looks for the first record that is no example, or whose feature is of another type.

    Args:
        files: TFRecord files.
        line: TensorFlow's message, which names the feature, if it was that, but not the file.
    """
    wanted = re.search(r"Key: (.*?), .*Expected type: (\w+)", line)
    for file in files:
        for number, content in enumerate(tf.data.TFRecordDataset(os.fspath(file))):
            try:
                record = tf.train.SequenceExample.FromString(content.numpy())
            except Exception:  # protobuf's, whose module differs by release
                return f"{file}, record {number}:"
            if wanted and _kinds(record, wanted[1]) - {None, KINDS.get(wanted[2])}:
                return f"{file}, record {number}:"
    return ""


def _kinds(record: tf.train.SequenceExample, name: str) -> set[str | None]:
    features = list(record.feature_lists.feature_list[name].feature)
    features += [record.context.feature[name]]
    return {feature.WhichOneof("kind") for feature in features}
