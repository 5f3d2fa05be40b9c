"""The knobs of the LLP-like corpus refuse what makes no world."""

from __future__ import annotations

import dataclasses
import re

import pytest

from kavc.data.synthetic.llp_knobs import LlpKnobs, knobs
from kavc.errors import ConfigError


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("classes", 26), ("classes", 0), ("classes", 3), ("classes", 9.0), ("max_events", True),
        ("events", -0.1), ("events", float("nan")), ("echo", 1.5), ("synchrony", "0.7"),
        ("audio_noise", float("inf")), ("habit_concentration", 0), ("label_noise", -1),
        ("audible", 0.96), ("latent_dim", 200), ("visual_3d_dim", 15), ("class_skew", 11),
    ],
)  # fmt: skip
def test_knobs_out_of_range(knob, value):
    with pytest.raises(ConfigError, match=f"knobs? .*{knob}") as error:
        LlpKnobs(**{knob: value})
    assert "\n" not in str(error.value)


def test_unknown_names_point_at_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'clear'"):
        knobs("claer")
    with pytest.raises(ConfigError, match="did you mean 'echo'"):
        knobs(ehco=1)


def test_every_knob_is_described():
    words = LlpKnobs.__doc__
    assert all(re.search(rf"\b{field.name}\b", words) for field in dataclasses.fields(LlpKnobs))
