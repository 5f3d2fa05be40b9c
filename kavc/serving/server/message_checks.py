"""Messages that would be far larger once parsed are refused before they are.

The parser makes some 200 bytes of two, an empty entry of a map, and no other thread runs until it
is done: 64 MiB of them became 6 GB and stopped a server for a quarter of a minute. What a message
costs is seen in how many fields it has. They are counted here by their tags alone; what lies
between is skipped by its length, so that an array that came as bytes is one field.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kavc.errors import ServingError
from kavc.serving.protos import PredictRequest

SMALL = 64 * 2**10  # bytes; what is smaller can't become more than some 6 MB
MOST_FIELDS = 100_000  # of a message and all that are in it: at most some 20 MB
MOST_VARINTS = 16 * 2**20  # packed bytes: at most some 270 MB, parsed in 0.2 s
VARINT, BYTES = 0, 2  # wire types
SIZES = {1: 8, 5: 4, 3: 0, 4: 0}  # of the others; a group's ends are as good as fields
LONGEST_VARINT = 10  # bytes
DEEPEST = 200  # messages in one another, where the parser refuses some more than 100
VARINTS = ("INT32", "INT64", "UINT32", "UINT64", "BOOL", "ENUM")


@dataclass(eq=False)
class Layout:
    """The fields of one kind of message that unfold, by their numbers."""

    messages: dict[int, Layout] = field(default_factory=dict)
    varints: set[int] = field(default_factory=set)


def check_message(message: bytes) -> None:
    """Refuses a message that would take far more memory and time than its bytes.

    Each field counts, however deep: an input, an axis of a shape, a text, and a number that is not
    packed, since these have tags of their own. So a request has less than 100,000 texts.

    Messages of other kinds may be given, too. Their own fields are counted, and what is in them as
    if it were in a `PredictRequest`.

    Args:
        message: what came off the wire. Bytes that are no message pass, for the parser to refuse.

    Raises:
        ServingError: INVALID_ARGUMENT: it has more than 100,000 fields, or more than 16 MiB of
            packed integers.

    Reference:
        Protocol Buffers, the encoding of messages.

    Example:
        >>> request = PredictRequest()
        >>> request.inputs["words"].string_val.extend([b""] * 100_001)
        >>> check_message(request.SerializeToString())
        Traceback (most recent call last):
            ...
        kavc.errors.ServingError: the message holds more than 100000 fields; send ...
    """
    if len(message) <= SMALL:
        return
    fields = varints = 0
    nested = [(REQUEST, _fields(message, 0, len(message)))]
    while nested:
        layout, rest = nested[-1]
        for number, wire, start, end in rest:
            fields += 1
            if wire == BYTES and number in layout.varints:
                varints += end - start
            _check(fields, varints)
            if wire == BYTES and number in layout.messages and len(nested) < DEEPEST:
                nested.append((layout.messages[number], _fields(message, start, end)))
                break
        else:
            nested.pop()


def _check(fields: int, varints: int) -> None:
    if fields > MOST_FIELDS:
        what = f"more than {MOST_FIELDS} fields; send numbers as tensor_content, texts in parts"
    elif varints > MOST_VARINTS:
        what = f"more than {MOST_VARINTS >> 20} MiB of integers; send them as tensor_content"
    else:
        return
    raise ServingError(f"the message holds {what}", "INVALID_ARGUMENT")


def _fields(message: bytes, at: int, last: int) -> Iterator[tuple[int, int, int, int]]:
    """Yields the number, wire type, start and end of each field, up to the first broken one."""
    while at < last:
        tag, start = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == BYTES:
            size, start = _varint(message, start)
            end = start + size
        elif wire == VARINT:
            end = _varint(message, start)[1]
        elif wire in SIZES:
            end = start + SIZES[wire]
        else:
            return
        if end > last:
            return
        yield number, wire, start, end
        at = end


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Returns the number at an index and the index behind it, beyond the bytes if it is broken."""
    value = 0
    for place, byte in enumerate(message[at : at + LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    return 0, len(message) + 1


def _layout(descriptor: Any, known: dict[str, Layout]) -> Layout:
    """Returns the layout of a kind of message, which may contain itself."""
    if descriptor.full_name in known:
        return known[descriptor.full_name]
    layout = known[descriptor.full_name] = Layout()
    for each in descriptor.fields:
        if each.message_type is not None:
            layout.messages[each.number] = _layout(each.message_type, known)
        elif each.cpp_type in {getattr(each, f"CPPTYPE_{name}") for name in VARINTS}:
            layout.varints.add(each.number)
    return layout


REQUEST = _layout(PredictRequest.DESCRIPTOR, {})
