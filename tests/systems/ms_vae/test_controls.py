"""Pictures of another video, and the linear analysis that networks are measured by."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.systems.ms_vae.controls import linear_coded, shuffled, two_errors
from kavc.systems.ms_vae.held import chance
from kavc.systems.ms_vae.scoring import Coded, Space
from kavc.systems.ms_vae.videos import Videos

SEGMENTS = 10


def videos_of(count, rng, shared=6):
    """Videos whose segments say in both modalities what they have in common."""
    length = rng.integers(2, 10, count)
    start = (rng.random(count) * (SEGMENTS + 1 - length)).astype(int)
    seconds = np.arange(SEGMENTS)
    event = (seconds >= start[:, None]) & (seconds < (start + length)[:, None])
    common = rng.normal(size=(count, SEGMENTS, shared))
    common[..., 0] = np.where(event, 4, -4)  # whether there is an event is most of it
    turns = rng.normal(size=(2, shared, 12))
    audio, visual = (common @ turn for turn in turns)
    return Videos(np.arange(count).astype(bytes), audio.astype("float32"),
                  visual.astype("float32"), event, rng.integers(3, size=count))  # fmt: skip


@pytest.fixture(scope="module")
def videos():
    return videos_of(900, np.random.default_rng(0))


@pytest.fixture(scope="module")
def linear(videos):
    parts = videos.select(np.arange(500)), videos.select(np.arange(500, 900))
    return linear_coded(*parts)


def test_a_linear_analysis_finds_what_is_linear(linear):
    hits = linear.accuracy(linear.found(linear.between()))
    assert all(each.mean() > 0.95 for each in hits.values())


def test_pictures_of_another_video_leave_chance(linear):
    """Even where both modalities tell events from background, so that these find each other."""
    found = shuffled(linear)
    for shares in found.values():
        assert abs(shares.mean() - 100 * chance(linear.videos)) < 4
    assert two_errors(found["a2v"]) < 3


def test_what_asks_is_the_event_of_its_own_video(linear):
    """Pictures that ask from where the *sound's* event was would find that event again."""
    queries = linear.videos.queries
    partner = np.roll(queries, 1)
    between = linear.between(partner)
    start, length = linear.videos.start, linear.videos.length
    for row, onset in zip(range(5), linear.found(between, partner)["v2a"], strict=False):
        other = partner[row]
        asked = between[row][:, start[other] : start[other] + length[other]]
        costs = [np.trace(asked[t : t + length[other]]) for t in range(11 - length[other])]
        assert onset == np.argmin(costs)
    wrong = linear.accuracy(linear.found(between))["v2a"]
    assert 100 * wrong.mean() > 100 * chance(linear.videos) + 8


def test_two_errors():
    assert two_errors(np.array([20.0])) == 0
    assert two_errors(np.array([19.0, 21.0])) == pytest.approx(2)


def test_spaces_of_the_linear_analysis(linear):
    assert linear.spaces == (Space("embedding"),) and isinstance(linear, Coded)
    norms = np.linalg.norm(linear.audio["embedding"], axis=-1)
    np.testing.assert_allclose(norms, 1, 1e-5)
