"""Messages made from tables."""

from __future__ import annotations

import pytest

from kavc.serving.descriptors import INT32, STRING, Enum, Map, Messages, Package, Repeated

INNER = Package("a.inner", {"Word": [("text", 1, STRING)]}, {"Mood": {"CALM": 0, "LOUD": 4}})
OUTER = Package(
    "a",
    {
        "Line": [
            ("words", 1, Repeated("a.inner.Word")),
            ("by_name", 2, Map("a.inner.Word")),
            ("mood", 3, Enum("a.inner.Mood")),
            ("marks", 4, Repeated("a.Line.Mark")),
            ("count", 5, "google.protobuf.Int64Value"),
        ],
        "Line.Mark": [("at", 1, INT32), ("kind", 2, Enum("a.Line.Kind"))],
    },
    {"Line.Kind": {"NONE": 0, "STOP": 1}},
    needs=("a.inner",),
)


def test_messages_hold_messages_maps_and_enums_and_come_back():
    line = Messages(INNER, OUTER)["a.Line"]
    made = line(words=[{"text": "a"}], mood="LOUD", marks=[{"at": 3, "kind": "STOP"}])
    made.by_name["x"].text = "b"
    assert not made.HasField("count")
    made.count.value = 0
    found = line.FromString(made.SerializeToString())
    assert found == made
    assert (found.mood, found.marks[0].kind, found.by_name["x"].text) == (4, 1, "b")
    assert found.HasField("count")


def test_two_pools_may_describe_the_same_name_otherwise():
    other = Package("a.inner", {"Word": [("number", 1, INT32)]})
    assert Messages(other)["a.inner.Word"](number=2).number == 2
    assert Messages(INNER)["a.inner.Word"](text="x").text == "x"


def test_a_message_that_is_not_described():
    with pytest.raises(KeyError, match="Wrod"):
        Messages(INNER)["a.inner.Wrod"]
