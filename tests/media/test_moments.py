"""The times at which frames are wanted, and the words for them."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import ConfigError
from kavc.media.moments import Bursts, Key, Rate, Uniform, parse_moments


def test_a_burst_is_around_the_middle():
    times = Bursts(1, 11, 25).times(2.0, 10.0)
    np.testing.assert_allclose(times, 7 + (np.arange(11) - 5) / 25)


def test_bursts_are_around_the_centres_of_equal_parts():
    times = Bursts(3, 4, 10).times(0.0, 12.0)
    assert times.shape == (12,) and (np.diff(times) > 0).all()
    np.testing.assert_allclose(times.reshape(3, 4).mean(1), [2, 6, 10])
    np.testing.assert_allclose(np.diff(times.reshape(3, 4)), 0.1)


def test_bursts_of_a_short_file_ascend_and_begin_with_it():
    times = Bursts(2, 11, 25).times(1.0, 0.2)
    assert len(times) == 22 and (np.diff(times) >= 0).all() and times[0] == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("uniform:8", Uniform(8)),
        ("rate:1.5", Rate(1.5)),
        ("key:3", Key(3)),
        ("burst:1x11@25", Bursts(1, 11, 25.0)),
        ("burst:2x4@12.5", Bursts(2, 4, 12.5)),
    ],
)
def test_words_for_moments(text, expected):
    assert parse_moments(text) == expected


@pytest.mark.parametrize("text", ["", "8", "rate", "rate:", "rate:x", "burst:11@25", "burst:1x11",
                                  "burst:axb@c", "every:2", "uniform:1.5"])  # fmt: skip
def test_words_for_none(text):
    with pytest.raises(ConfigError, match="expected uniform:COUNT, rate:A_SECOND, key:COUNT or"):
        parse_moments(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("uniform:0", "1 to 1048576 frames"),
        ("burst:2000x2000@25", "1 to 1048576 frames"),
        ("rate:0", "larger than 0"),
        ("rate:inf", "finite"),
        ("burst:1x11@0", "larger than 0"),
        ("burst:1x11@nan", "finite"),
    ],
)
def test_moments_out_of_range(text, words):
    with pytest.raises(ConfigError, match=words):
        parse_moments(text)
