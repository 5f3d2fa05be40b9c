"""The knobs of the AVE-like corpus refuse what makes no world."""

from __future__ import annotations

import dataclasses
import re

import pytest

from kavc.data.synthetic.ave_knobs import AveKnobs, knobs
from kavc.errors import ConfigError


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("classes", 29), ("classes", 0), ("classes", 9.0), ("backgrounds", True),
        ("second_gain", -0.1), ("second_gain", float("nan")), ("distractor", 1.5),
        ("full_share", "0.7"), ("audio_noise", float("inf")), ("persistence", 1.1),
        ("blob_width", 0), ("latent_dim", 200), ("video_dim", 17), ("second_dim", 17),
        ("visual_dim", 15), ("maps", "yes"), ("maps", 2), ("jitter", -1),
    ],
)  # fmt: skip
def test_knobs_out_of_range(knob, value):
    with pytest.raises(ConfigError, match=rf"knobs? .*{knob}") as error:
        AveKnobs(**{knob: value})
    assert "\n" not in str(error.value)


def test_unknown_names_point_at_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'classes-only'"):
        knobs("class-only")
    with pytest.raises(ConfigError, match="did you mean 'jitter'"):
        knobs(jiter=1)


def test_every_knob_is_described():
    words = AveKnobs.__doc__
    assert all(re.search(rf"\b{field.name}\b", words) for field in dataclasses.fields(AveKnobs))
