"""Protobuf messages described by tables, in a pool of their own.

What others publish as `.proto` files, and ship with packages that import TensorFlow, is described
by names and numbers alone. In a pool of its own it meets no other description of the same names in
one process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    wrappers_pb2,
)

Proto = descriptor_pb2.FieldDescriptorProto
BOOL, BYTES, STRING = Proto.TYPE_BOOL, Proto.TYPE_BYTES, Proto.TYPE_STRING
INT32, INT64, UINT32, UINT64 = (
    Proto.TYPE_INT32, Proto.TYPE_INT64, Proto.TYPE_UINT32, Proto.TYPE_UINT64,
)  # fmt: skip
FLOAT, DOUBLE = Proto.TYPE_FLOAT, Proto.TYPE_DOUBLE
WELL_KNOWN = (any_pb2.DESCRIPTOR, wrappers_pb2.DESCRIPTOR)


class Enum(NamedTuple):
    """The type of a field: an enum, by its full name.

    Reference:
        Protocol Buffers, `google/protobuf/descriptor.proto`.

    Example:
        >>> days = {"Day": [("kind", 1, Enum("example.Kind"))]}
        >>> package = Package("example", days, {"Kind": {"WORK": 0, "REST": 1}})
        >>> Messages(package)["example.Day"](kind="REST").kind
        1
    """

    name: str


class Repeated(NamedTuple):
    """The type of a field that holds any number of a scalar, or of messages."""

    of: int | str


class Map(NamedTuple):
    """The type of a field from texts to messages, given by their full name.

    Reference:
        Protocol Buffers, `google/protobuf/descriptor.proto`.

    Example:
        >>> words = {"Word": [("count", 1, INT32)], "Book": [("words", 1, Map("example.Word"))]}
        >>> book = Messages(Package("example", words))["example.Book"]()
        >>> book.words["dog"].count = 2
        >>> book.words["dog"].count, "cat" in book.words
        (2, False)
    """

    to: str


Type = int | str | Enum | Repeated | Map  # a text is the full name of a message
Fields = Iterable[tuple[str, int, Type]]  # (name, number, type)


@dataclass(frozen=True)
class Package:
    """The messages and enums of one package.

    Args:
        name: of the package, as "tensorflow.serving".
        messages: name to fields, "OUTER.INNER" after "OUTER".
        enums: name to values, within a message likewise; the first one is 0.
        needs: packages of this kind whose messages are fields here.

    Reference:
        Protocol Buffers, `google/protobuf/descriptor.proto`.
    """

    name: str
    messages: Mapping[str, Fields]
    enums: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


class Messages:
    """Classes of messages, made from tables.

    Args:
        packages: each after those that it needs.

    Example:
        >>> word = Package("example", {"Word": [("letters", 1, Repeated(STRING))]})
        >>> list(Messages(word)["example.Word"](letters=["a", "b"]).letters)
        ['a', 'b']
    """

    def __init__(self, *packages: Package):
        self._pool = descriptor_pool.DescriptorPool()
        for known in WELL_KNOWN:
            self._pool.AddSerializedFile(known.serialized_pb)
        for package in packages:
            self._pool.AddSerializedFile(_file(package).SerializeToString())

    def __getitem__(self, name: str) -> Any:
        """Returns the class of a message by its full name."""
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(name))


def _path(package: str) -> str:
    return f"kavc/serving/{package}.proto"


def _file(package: Package) -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name=_path(package.name),
        package=package.name,
        syntax="proto3",
        dependency=[*(known.name for known in WELL_KNOWN), *map(_path, package.needs)],
    )
    places: dict[str, Any] = {}
    for name, fields in package.messages.items():
        outer, _, own = name.rpartition(".")
        described = places[outer].nested_type.add() if outer else file.message_type.add()
        described.name, places[name] = own, described
        for each in fields:
            _add_field(described, f".{package.name}.{name}", *each)
    for name, values in package.enums.items():
        outer, _, own = name.rpartition(".")
        enum = (places[outer] if outer else file).enum_type.add(name=own)
        for value, number in values.items():
            enum.value.add(name=value, number=number)
    return file


def _add_field(described: Any, path: str, name: str, number: int, kind: Type) -> None:
    added = described.field.add(name=name, number=number, label=Proto.LABEL_OPTIONAL)
    if isinstance(kind, Map):
        added.label, kind = Proto.LABEL_REPEATED, f"{path}.{_add_entry(described, name, kind)}"[1:]
    elif isinstance(kind, Repeated):
        added.label, kind = Proto.LABEL_REPEATED, kind.of
    if isinstance(kind, int):
        added.type = kind
    elif isinstance(kind, Enum):
        added.type, added.type_name = Proto.TYPE_ENUM, f".{kind.name}"
    else:
        added.type, added.type_name = Proto.TYPE_MESSAGE, f".{kind}"


def _add_entry(described: Any, name: str, kind: Map) -> str:
    """Adds the message that an entry of a map is on the wire; returns its name."""
    entry = described.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
    entry.options.map_entry = True
    for each in (("key", 1, STRING), ("value", 2, kind.to)):
        _add_field(entry, "", *each)
    return entry.name
