"""How a report was made: what is shown, kept, hidden, and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kavc.errors import DataError
from kavc.evaluation.made import Made, command, typed, without_secrets

MADE = Made(
    commands=["kavc train ti-avc --out a", "kavc train --resume --out a"],
    date="2026-01-31T12:00:59Z",
    trained="2026-01-30T08:00:00Z",
    system="ti-avc",
    presets=["paper", "improved"],
    changes={"epochs": 2},
    seeds=[0, 1],
    runs=["runs/a", "runs/b"],
    versions={"kavc": "0.1.0", "tensorflow": "2.17.1 and 2.21.0"},
    devices=["CPU, a model, 2 cores"],
    seconds={"training": 75.0, "evaluation": 3.26},
    source="synthetic:corpus",
    splits="splits.json",
    fingerprint="0123456789abcdef",
    counts={"train": 1240},
    notes=["2 have no sound.", "1 is twice there."],
)


def test_lines():
    assert MADE.lines(said=["2 have no sound."]) == [
        ("Command", "kavc train ti-avc --out a; then kavc train --resume --out a"),
        ("System", "ti-avc, preset paper, improved, with epochs=2"),
        ("Runs", "runs/a, runs/b"),
        ("Seeds", "0, 1"),
        ("Date", "2026-01-31 12:00 UTC"),
        ("Trained", "2026-01-30 08:00 UTC"),
        ("Duration", "training 1 min 15 s, evaluation 3.3 s"),
        ("Device", "CPU, a model, 2 cores"),
        ("Versions", "kavc 0.1.0, TensorFlow 2.17.1 and 2.21.0"),
        ("Data", "synthetic:corpus; splits of splits.json; fingerprint 0123456789ab; train 1,240"),
        ("Of the data", "1 is twice there."),
    ]


def test_what_is_not_known_is_not_shown():
    assert Made().lines() == []
    assert "Trained" not in dict(Made(date="2026-01-31T12:00:00Z", trained="2026-01-31").lines())


def test_json_round_trip():
    value = json.loads(json.dumps(MADE.to_json(), allow_nan=False))
    assert value == MADE.to_json() and Made.from_json(value) == MADE
    assert Made.from_json({}) == Made()


@pytest.mark.parametrize(
    "value", [[], {"date": "yesterday"}, {"date": 3}, {"seeds": ["0"]}, {"unknown": 1}]
)
def test_damaged_json(value):
    with pytest.raises(DataError):
        Made.from_json(value)


def test_a_command_is_what_was_typed_and_else_the_call():
    assert command("kavc.train", "ti-avc", seed=0, splits=None) == "kavc.train('ti-avc', seed=0)"
    with typed(["train", "--out", "my runs/a", "--password", "x"]):
        assert command("kavc.train", "ti-avc") == "kavc train --out 'my runs/a' --password '***'"
    assert command("f", Path("a"), [Path("b")]) == "f('a', ['b'])"
    assert command("f", ["a"], changes={"b": 1}) == "f(['a'], changes={'b': 1})"


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("--ray-token=abc", "--ray-token=***"),
        ("--client-secret=a=b", "--client-secret=***"),
        ("https://user:pass@host/a", "https://***@host/a"),
        ("--tls-key=/etc/key.pem", "--tls-key=/etc/key.pem"),  # a path is no secret
        ("tokens", "tokens"),
    ],
)
def test_secrets_are_hidden(word, shown):
    assert without_secrets([word]) == [shown]
