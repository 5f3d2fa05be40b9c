"""Configs: conversion of text, choices and ranges, presets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from kavc.errors import ConfigError
from kavc.options import option, parse_overrides
from kavc.systems.config import Config


@dataclass(frozen=True)
class Sample(Config):
    rate: float = option(0.1, "a rate", low=0, high=1)
    decay: float = option(0.0, "without a range")
    steps: int | None = option(None, "a limit", low=1)
    kind: str = option("plain", "a kind", choices=("plain", "fancy"))
    loud: bool = option(False, "a switch")

    PRESETS: ClassVar = {"paper": {}, "loud": {"loud": True}}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("rate", "1e-3", 1e-3),
        ("rate", 1, 1.0),
        ("decay", "-1e308", -1e308),
        ("steps", "7", 7),
        ("steps", "1e3", 1000),
        ("steps", np.float32(7), 7),
        ("steps", np.int64(7), 7),
        ("steps", str(2**63 - 1), 2**63 - 1),
        ("steps", "none", None),
        ("kind", "fancy", "fancy"),
        ("loud", "true", True),
        ("loud", "0", False),
    ],
)
def test_text_becomes_the_type_of_the_field(name, text, value):
    converted = getattr(Sample().replace(**{name: text}), name)
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rat": "1"}, "unknown option 'rat'; did you mean 'rate'?"),
        ({"rate": "fast"}, "option 'rate' must be of type float, not 'fast'"),
        ({"rate": "nan"}, "option 'rate' must be a finite number; not nan"),
        ({"decay": "inf"}, "option 'decay' must be a finite number; not inf"),
        ({"decay": "-inf"}, "option 'decay' must be a finite number; not -inf"),
        ({"decay": "1e999"}, "option 'decay' must be a finite number; not inf"),
        ({"decay": float("nan")}, "option 'decay' must be a finite number; not nan"),
        ({"decay": 10**400}, "option 'decay' must be of type float"),
        ({"steps": "inf"}, "option 'steps' must be of type int, not 'inf'"),
        ({"steps": "1e19"}, "option 'steps' must fit into 64 bits; not 10000000000000000000"),
        ({"steps": 2**63}, "option 'steps' must fit into 64 bits"),
        ({"rate": 2}, "option 'rate' must be at most 1"),
        ({"steps": "1.5"}, "option 'steps' must be of type int"),
        ({"steps": 0}, "option 'steps' must be at least 1"),
        ({"steps": True}, "option 'steps' must be of type int"),
        ({"kind": "loud"}, "option 'kind' must be one of plain, fancy; not 'loud'"),
        ({"loud": "perhaps"}, "option 'loud' must be of type bool"),
    ],
)
def test_what_does_not_fit_is_named(values, message):
    with pytest.raises(ConfigError) as error:
        Sample().replace(**values)
    assert message in str(error.value)


def test_presets_begin_with_the_papers_and_are_named_in_the_error():
    assert next(iter(Sample.presets())) == "paper"
    assert Sample.presets()["paper"] == Sample()
    assert Sample.preset("loud").loud
    with pytest.raises(ConfigError, match="unknown preset 'lout'; did you mean 'loud'"):
        Sample.preset("lout")


def test_a_config_comes_back_from_its_dict():
    config = Sample(rate=0.5, steps=3)
    assert Sample(**config.to_dict()) == config


@pytest.mark.parametrize("texts", [["rate"], ["=1"], ["rate=1", "rate=2"]])
def test_overrides_that_cannot_be_read(texts):
    with pytest.raises(ConfigError):
        parse_overrides(texts)


def test_overrides_keep_what_follows_the_first_equals_sign():
    assert parse_overrides(["a=b=c", "d = e"]) == {"a": "b=c", "d": "e"}
