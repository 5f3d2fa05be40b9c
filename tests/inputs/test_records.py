from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from kavc.errors import ConfigError, DataError
from kavc.inputs.records import entries, fits, mapping, record, words


@dataclass
class Run:
    name: str
    seed: int
    score: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    curve: Mapping[str, Sequence[Mapping[str, float]]] = field(default_factory=dict)

    def __post_init__(self):
        if self.seed < 0:
            raise ConfigError("seed is below 0")


def test_a_record_and_its_defaults():
    assert record(Run, {"name": "a", "seed": 1}, "it") == Run("a", 1)
    curve = {"fit": [{"loss": 0.5}, {"loss": 1}]}
    found = {"name": "a", "seed": 1, "score": 2, "counts": {"b": 3}, "curve": curve}
    assert record(Run, found, "it") == Run("a", 1, 2, {"b": 3}, {}, curve)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ([], "it: []; expected an object"),
        (None, "it: None; expected an object"),
        ({"seed": None}, "it: 'seed' is None; expected a whole number"),
        ({"seed": True}, "it: 'seed' is True; expected a whole number"),
        ({"seed": 1.0}, "it: 'seed' is 1.0; expected a whole number"),
        ({"name": ["a\nb"]}, "it: 'name' is ['a\\nb']; expected text"),
        ({"score": "1"}, "it: 'score' is '1'; expected a number or null"),
        ({"counts": {"a": "b"}}, "it: 'counts' is {'a': 'b'}; expected names, each with a whole"),
        ({"options": None}, "it: 'options' is None; expected names with values"),
        ({"curve": {"fit": [{"loss": None}]}}, "it: 'curve' is {'fit': [...]}; expected names"),
        ({"color": 1}, "it: 'color' is none of its entries, which are name, seed, score"),
        ({"seed": -1}, "seed is below 0"),
    ],
)
def test_entries_of_other_types_are_named(change, says):
    good = {"name": "a", "seed": 1}
    with pytest.raises(ConfigError) as error:
        record(Run, good | change if isinstance(change, dict) else change, "it", error=ConfigError)
    assert str(error.value).startswith(says)
    assert "\n" not in str(error.value)


def test_an_entry_that_is_missing():
    with pytest.raises(DataError, match=r"^it: no 'seed'; expected a whole number$"):
        record(Run, {"name": "a"}, "it")


def test_some_entries_of_an_object():
    wanted = {"a": int, "b": list[str] | None}
    assert entries({"a": 1, "c": 2}, wanted, "it") == {"a": 1, "b": None}
    with pytest.raises(
        DataError, match=r"it: 'b' is .'x', 1.; expected a list, each text, or null"
    ):
        entries({"a": 1, "b": ["x", 1]}, wanted, "it")
    with pytest.raises(DataError, match="it: 3; expected an object"):
        mapping(3, "it")


def test_types():
    assert fits(1, float) and not fits(1.0, int) and not fits(True, float)
    assert fits([], list[int]) and fits([[1], []], list[list[int]]) and not fits((1,), list)
    assert fits(None, None) and not fits(0, None) and fits(object(), Any)
    assert words(list) == "a list"
    assert words(list[dict[str, Any]]) == "a list, each names with values,"
