"""The graph of a video's segments, against a search by hand; what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.systems.av_parsing.grounding import (
    check_groups,
    grounding_graph,
    quantiles,
    silent,
    similarities,
)

VIDEOS, SEGMENTS = 6, 10


@pytest.fixture(scope="module")
def features():
    rng = np.random.default_rng(0)
    return rng.normal(size=(VIDEOS, SEGMENTS, 3)), rng.normal(size=(VIDEOS, SEGMENTS, 2))


def cosine(a, b):
    return a @ b / max(np.linalg.norm(a), 1e-6) / max(np.linalg.norm(b), 1e-6)


def by_hand(visual, audio, v, a, rule, silence=None):
    """Groups of one video, by spreading from each segment along its edges."""
    edges = np.zeros((SEGMENTS, SEGMENTS), bool)
    for first in range(SEGMENTS):
        for second in range(first + 1, SEGMENTS):
            seen = cosine(visual[first], visual[second])
            heard = cosine(audio[first], audio[second])
            alike = (seen > v and heard > a) if rule == "and" else (seen >= v or heard >= a)
            if silence is not None and cosine(audio[first], silence) > 0.99:
                alike = False
            edges[first, second] = edges[second, first] = alike
    reached = np.eye(SEGMENTS, dtype=bool)
    for _ in range(SEGMENTS):
        reached = (reached.astype(int) @ (edges | np.eye(SEGMENTS, dtype=bool))) > 0
    return reached


@pytest.mark.parametrize("rule", ["and", "or"])
@pytest.mark.parametrize("thresholds", [(0.5, 0.6), (0.96, 0.99), (0.0, 0.0)])
@pytest.mark.parametrize("with_silence", [False, True])
def test_groups_are_what_hangs_together(features, rule, thresholds, with_silence):
    visual, audio = features
    silence = audio[0, 0] * 2 if with_silence else None
    v, a = thresholds
    found = grounding_graph(
        visual, audio, visual_threshold=v, audio_threshold=a, rule=rule, silence=silence
    )
    wanted = [by_hand(x, y, v, a, rule, silence) for x, y in zip(visual, audio, strict=True)]
    np.testing.assert_array_equal(found, wanted)
    one = grounding_graph(
        visual[1], audio[1], visual_threshold=v, audio_threshold=a, rule=rule, silence=silence
    )
    np.testing.assert_array_equal(one, wanted[1])


def test_a_silent_clip_is_ten_groups_and_no_fault():
    audio, visual = np.zeros((1, SEGMENTS, 4)), np.ones((1, SEGMENTS, 3))
    audio[:] = silence = np.array([1.0, 2.0, 0.0, 1.0])
    assert silent(audio, silence).all()
    joined = grounding_graph(visual, audio, rule="or")
    assert joined.all()
    found = grounding_graph(visual, audio, rule="or", silence=silence)
    np.testing.assert_array_equal(found[0], np.eye(SEGMENTS, dtype=bool))


def test_zeros_are_like_nothing():
    found = grounding_graph(np.zeros((2, 4, 3)), np.zeros((2, 4, 3)), rule="or")
    np.testing.assert_array_equal(found, [np.eye(4, dtype=bool)] * 2)


def test_a_share_of_the_pairs_is_alike(features):
    visual, _ = features
    threshold = quantiles(visual, 0.9)
    pairs = similarities(visual)[:, *np.triu_indices(SEGMENTS, 1)]
    assert (pairs > threshold).mean() == pytest.approx(0.1, abs=1 / pairs.size)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rule": "xor"}, "one of or, and; not 'xor'"),
        ({"visual_threshold": 1.2}, "visual_threshold is a cosine"),
        ({"audio_threshold": -3}, "audio_threshold is a cosine"),
        ({"silence_threshold": 2}, "silence_threshold is a cosine"),
    ],
)
def test_options_out_of_range(features, options, said):
    with pytest.raises(ConfigError, match=said):
        grounding_graph(*features, **options)


@pytest.mark.parametrize(
    ("visual", "audio", "silence", "said"),
    [
        (np.ones((2, 3, 4)), np.ones((2, 4, 4)), None, "of the same videos and segments"),
        (np.ones((2, 3, 4)), np.ones((3, 4)), None, "of the same videos and segments"),
        (np.full((2, 3, 4), np.nan), np.ones((2, 3, 4)), None, "NaN or infinite"),
        (np.ones((2, 3, 4)), np.ones((2, 3, 5)), np.ones(4), r"one vector .* \(5,\)"),
    ],
)
def test_features_that_do_not_fit(visual, audio, silence, said):
    with pytest.raises(DataError, match=said):
        grounding_graph(visual, audio, silence=silence)


def test_groups_that_teach_nothing():
    with pytest.raises(DataError, match="the graph is empty"):
        check_groups(np.stack([np.eye(4, dtype=bool)] * 3))
    with pytest.raises(DataError, match="nothing is left to tell apart"):
        check_groups(np.ones((3, 4, 4), bool))
    check_groups(np.stack([np.eye(4, dtype=bool), np.ones((4, 4), bool)]))
