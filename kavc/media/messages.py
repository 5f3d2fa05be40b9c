"""What this process and those that decode say to each other: plain bytes, which run nothing.

A message is the length of a header, four bytes; the header, JSON; and the bytes of the arrays that
it names, in C order. What arrives may be of a codec that was taken over by the file that it read:
it is a value of a kind below, within limits, or a `DataError`.
"""

from __future__ import annotations

import importlib
import json
import math
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from kavc.errors import ConfigError, DataError, KavcError

# Dataclasses that are sent field by field and made again by their constructors.
KINDS = (
    "kavc.media.frames:Frames",
    "kavc.media.key_frames:KeyFrames",
    "kavc.media.moments:At",
    "kavc.media.moments:Bursts",
    "kavc.media.moments:Key",
    "kavc.media.moments:Rate",
    "kavc.media.moments:Uniform",
    "kavc.media.sizes:Crop",
    "kavc.media.sizes:Exactly",
    "kavc.media.sound:Sound",
    "kavc.media.tracks:AudioTrack",
    "kavc.media.tracks:Media",
    "kavc.media.tracks:OtherTrack",
    "kavc.media.tracks:VideoTrack",
    "kavc.media.windows:Heard",
    "kavc.media.windows:Seen",
    "kavc.media.windows:Windows",
)
ERRORS = {each.__name__: each for each in (DataError, ConfigError, KavcError)}
DTYPES = ("bool", "uint8", "int16", "int32", "int64", "float32", "float64")
PLAIN = (type(None), bool, int, str)  # as JSON has them; floats, if they are finite
ODD_FLOATS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
MOST_HEADER = 2**20  # bytes
MOST_ARRAYS = 2**31  # bytes, all arrays of a message together
MOST_AXES = 32  # as many as every NumPy has
LENGTH = struct.Struct("!I")

Message = Sequence[bytes | memoryview]  # what is sent, one after the other


def packed(value: Any) -> Message:
    """Makes a message of a value; arrays are copied only if they are not in C order.

    Args:
        value: None, bool, int, float, str, `pathlib.Path`, a list, tuple or dict of such with keys
            of str, an array or scalar of NumPy of a dtype of `DTYPES`, a dataclass of `KINDS`, or
            an error of this package, of which the message is kept.

    Raises:
        ConfigError: it is something else, or too large.

    Example:
        >>> header, content = packed({"times": np.zeros(2), "path": Path("a.mp4")})
        >>> len(content)
        16
        >>> packed({1, 2})
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: a value of builtins:set can't be sent between processes; ...
    """
    writer = _Writer()
    try:
        node = writer.node(value)
        header = _json({"value": node, "arrays": [[a.dtype.name, a.shape] for a in writer.arrays]})
    except RecursionError:
        raise ConfigError("a value is nested too deeply for a message, or holds itself") from None
    if len(header) > MOST_HEADER:
        raise ConfigError(
            f"a message has {MOST_HEADER >> 10} KiB at most beside its arrays; this one has"
            f" {len(header) >> 10} KiB: put numbers into arrays"
        )
    return [LENGTH.pack(len(header)) + header, *map(_bytes_of, writer.arrays)]


def transmit(line: socket.socket, message: Message, seconds: float | None = None) -> None:
    """Sends a message.

    Args:
        line: to the other process.
        message: of `packed`.
        seconds: that each part of it may take. None for any number.

    Raises:
        OSError: the other end is closed; as TimeoutError, it took longer.
    """
    line.settimeout(seconds)
    for part in message:
        line.sendall(part)


def receive(line: socket.socket, seconds: float | None = None) -> Any:
    """Waits for a message, and returns its value; arrays are read where they stay.

    Args:
        line: to the other process.
        seconds: until all of it has to be there. None for any number.

    Raises:
        EOFError: the other end was closed, before the message or in its midst.
        OSError: as EOFError; as TimeoutError, it took longer.
        DataError: what came is no message; what comes next on this line is none either.
    """
    end = None if seconds is None else time.monotonic() + seconds
    (length,) = LENGTH.unpack(_read(line, LENGTH.size, end))
    if length > MOST_HEADER:
        raise _no_message(f"its header would have {length} bytes")
    node, shapes = _header(_read(line, length, end))
    arrays = [_array(line, dtype, shape, end) for dtype, shape in shapes]
    try:
        builder = _Builder(arrays)
        value = builder.value(node)
        builder.check_all_used()
    except Exception as fault:  # also what a constructor makes of fields that it doesn't expect
        raise _no_message(f"{type(fault).__name__}: {fault}") from None
    return value


def loaded(name: str) -> Any:
    """Imports what a name "module:Class" or "module:function" stands for.

    >>> loaded("math:sqrt")(16)
    4.0
    """
    module, _, path = name.partition(":")
    return attrgetter(path)(importlib.import_module(module))


def to_json(value: Any) -> Any:
    """Returns what JSON can hold of a value without arrays.

    Raises:
        ConfigError: as `packed`; or it holds an array.

    Example:
        >>> from kavc.media.moments import Rate
        >>> from_json(to_json(Rate(2.0)))
        Rate(rate=2.0, count=None, seconds=None)
    """
    writer = _Writer()
    node = writer.node(value)
    if writer.arrays:
        raise ConfigError("a value with arrays can't be JSON")
    return node


def from_json(node: Any) -> Any:
    """Returns the value that `to_json` made something of.

    Raises:
        DataError: it is none.
    """
    try:
        return _Builder([]).value(node)
    except Exception as fault:
        raise DataError(f"not a value of this release ({type(fault).__name__}: {fault})") from None


class _Writer:
    """Makes what JSON can hold of a value, and collects its arrays."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self._bytes = 0
        self._by_type: dict[type, Callable[[Any], Any]] = {
            float: self._float,
            list: self._nodes,
            tuple: lambda value: {"tuple": self._nodes(value)},
            dict: self._dict,
            np.ndarray: lambda value: {"array": self._placed(value)},
        }

    def node(self, value: Any) -> Any:
        if type(value) in PLAIN:
            return value
        return self._by_type.get(type(value), self._other)(value)

    def _nodes(self, values: Sequence) -> list:
        return [self.node(value) for value in values]

    def _float(self, value: float) -> Any:
        return value if math.isfinite(value) else {"float": repr(value)}

    def _dict(self, value: dict) -> dict:
        for key in value:
            if type(key) is not str:
                raise ConfigError(f"keys of a dict in a message are of str; got {key!r}")
        return {"dict": {key: self.node(each) for key, each in value.items()}}

    def _other(self, value: Any) -> dict:
        if isinstance(value, np.generic):
            return {"scalar": self._placed(np.asarray(value))}
        if isinstance(value, PurePath):
            return {"path": str(value)}
        if isinstance(value, KavcError):
            known = [each.__name__ for each in type(value).__mro__ if each.__name__ in ERRORS]
            return {"error": [known[0], str(value)]}
        name = f"{type(value).__module__}:{type(value).__qualname__}"
        if name in KINDS:
            names = [field.name for field in fields(value)]
            return {name: {each: self.node(getattr(value, each)) for each in names}}
        raise ConfigError(
            f"a value of {name} can't be sent between processes; expected numbers, text, paths,"
            " lists, tuples, dicts, arrays of NumPy and what kavc.media.messages.KINDS lists"
        )

    def _placed(self, array: np.ndarray) -> int:
        if array.dtype.name not in DTYPES:
            raise ConfigError(
                f"an array of {array.dtype} can't be sent between processes; expected one of"
                f" {', '.join(DTYPES)}"
            )
        self._bytes += array.nbytes
        if self._bytes > MOST_ARRAYS:
            raise ConfigError(f"the arrays of a message have {MOST_ARRAYS >> 30} GiB at most")
        self.arrays.append(np.asarray(array, array.dtype.newbyteorder("="), order="C"))
        return len(self.arrays) - 1


class _Builder:
    """Makes a value of what `_Writer` made; whatever is odd raises any exception."""

    def __init__(self, arrays: list[np.ndarray]):
        self._arrays = dict(enumerate(arrays))
        self._by_tag: dict[str, Callable[[Any], Any]] = {
            "float": ODD_FLOATS.__getitem__,
            "tuple": lambda body: tuple(self._values(body)),
            "dict": self._dict,
            "array": self._arrays.pop,
            "scalar": lambda body: self._arrays.pop(body)[()],
            "path": Path,
            "error": self._error,
        }

    def value(self, node: Any) -> Any:
        if isinstance(node, list):
            return self._values(node)
        if not isinstance(node, dict):
            return node
        ((tag, body),) = node.items()
        if tag in KINDS:
            return loaded(tag)(**self._dict(body))
        return self._by_tag[tag](body)

    def check_all_used(self) -> None:
        if self._arrays:
            raise ValueError("arrays that no value holds")

    def _values(self, nodes: list) -> list:
        if not isinstance(nodes, list):
            raise TypeError("values that are no list")
        return [self.value(node) for node in nodes]

    def _dict(self, nodes: dict) -> dict:
        return {key: self.value(node) for key, node in nodes.items()}

    def _error(self, body: list) -> KavcError:
        name, words = body
        return ERRORS[name]("".join(c if c.isprintable() else ascii(c)[1:-1] for c in words))


def _json(header: dict) -> bytes:
    try:
        text = json.dumps(header, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except ValueError:  # Python itself says no more
        raise ConfigError("a whole number has too many digits for a message") from None
    return text.encode("utf-8", "surrogatepass")  # names of files may hold such


def _header(content: bytearray) -> tuple[Any, list[tuple[str, list[int]]]]:
    """Returns what the header says: the value without its arrays, and their dtypes and shapes."""
    try:
        header = json.loads(content.decode("utf-8", "surrogatepass"))
        node, shapes = header["value"], [(dtype, shape) for dtype, shape in header["arrays"]]
        total = sum(_checked_size(dtype, shape) for dtype, shape in shapes)
    except (ValueError, TypeError, LookupError, RecursionError) as fault:
        raise _no_message(f"its header: {type(fault).__name__}: {fault}") from None
    if total > MOST_ARRAYS:
        raise _no_message(f"its arrays would have {total} bytes")
    return node, shapes


def _checked_size(dtype: str, shape: list[int]) -> int:
    """Returns how many bytes an array has."""
    if dtype not in DTYPES or not isinstance(shape, list) or len(shape) > MOST_AXES:
        raise ValueError(f"an array of {dtype!r} and {shape!r}")
    if not all(type(length) is int and 0 <= length <= MOST_ARRAYS for length in shape):
        raise ValueError(f"an array of the shape {shape!r}")
    return math.prod(shape) * np.dtype(dtype).itemsize


def _array(line: socket.socket, dtype: str, shape: list[int], end: float | None) -> np.ndarray:
    try:
        array = np.empty(shape, dtype)
    except ValueError as fault:  # an empty one, of lengths whose product is too large
        raise _no_message(f"an array of the shape {shape!r}: {fault}") from None
    _fill(line, _bytes_of(array), end)
    if dtype == "bool" and array.view(np.uint8).max(initial=0) > 1:
        raise _no_message("bools that are neither true nor false")
    return array


def _bytes_of(array: np.ndarray) -> memoryview:
    """Returns the memory of an array in C order, byte by byte."""
    return array.reshape(-1).view(np.uint8).data


def _read(line: socket.socket, count: int, end: float | None) -> bytearray:
    content = bytearray(count)
    _fill(line, memoryview(content), end)
    return content


def _fill(line: socket.socket, rest: memoryview, end: float | None) -> None:
    line.settimeout(None)
    while rest.nbytes:
        if end is not None:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            line.settimeout(left)
        count = line.recv_into(rest)
        if not count:
            raise EOFError
        rest = rest[count:]


def _no_message(words: str) -> DataError:
    return DataError(f"what the process sent is no message ({words[:200]!a})")
