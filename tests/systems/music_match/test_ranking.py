"""Which track fits best, and which moment of it: with an asker whose answers are known."""

import numpy as np
import pytest

from kavc.errors import DataError
from kavc.systems.music_match import ranking
from kavc.systems.music_match.ranking import Track


def ask(signature, inputs):
    """A track's vector is the mean of its valid rows; its score, the first number of that."""
    if signature == "embed_track":
        lengths = inputs["audio_length"]
        valid = np.arange(inputs["audio"].shape[1]) < lengths[:, None]
        return {"vector": (inputs["audio"] * valid[..., None]).sum(1) / lengths[:, None]}
    assert signature == "rank" and inputs["visual"].shape[0] == 1
    return {"scores": inputs["tracks"][..., 0]}


def track(name, *values, step=0.96):
    rows = np.array([[value, 9] for value in values], np.float32)
    return Track(name, rows, step * np.arange(len(values)))


VIDEO = ranking.request({"visual": np.ones((2, 3))})
TRACKS = [track("low", 0, 1), track("high", 2, 4), track("peak", 0, 0, 9, 9, 0)]


def ranked(tracks, seconds=None):
    found = ranking.moments(ask, tracks, seconds)
    return ranking.ranked(ask, VIDEO, [each.id for each in tracks], found)


def test_a_request_is_a_batch_of_one_with_lengths():
    assert VIDEO["visual"].shape == (1, 2, 3) and VIDEO["visual"].dtype == np.float32
    assert VIDEO["visual_length"].tolist() == [2]


def test_whole_tracks_by_their_score():
    found = ranked(TRACKS)
    assert [each.track for each in found] == ["peak", "high", "low"]
    assert [each.score for each in found] == pytest.approx([3.6, 3.0, 0.5])
    assert {each.start for each in found} == {each.end for each in found} == {None}


def test_the_best_moment_of_each_of_the_videos_length():
    found = {each.track: each for each in ranked(TRACKS, seconds=1.9)}
    assert found["peak"].score == 9 and found["peak"].start == pytest.approx(1.92)
    assert found["peak"].end == pytest.approx(3.84)
    assert found["low"].score == 0.5  # as long as a moment
    one_row = ranked(TRACKS, seconds=0.2)
    assert next(each for each in one_row if each.track == "high").start == pytest.approx(0.96)


def test_a_track_shorter_than_a_moment_is_one():
    (found,) = ranked([track("short", 1, 2)], seconds=60)
    assert (found.score, found.start) == (1.5, 0) and found.end == pytest.approx(1.92)


def test_more_tracks_than_go_at_once_and_of_unequal_length():
    rng = np.random.default_rng(0)
    many = [track(f"t{n:03}", *rng.normal(size=1 + n % 7)) for n in range(ranking.AT_ONCE + 9)]
    found = ranked(many)
    means = {each.id: each.rows[:, 0].mean() for each in many}
    assert [each.track for each in found] == sorted(means, key=lambda name: -means[name])
    assert [each.score for each in found] == pytest.approx(sorted(means.values(), reverse=True))


def test_equal_scores_come_by_their_names():
    assert [each.track for each in ranked([track("b", 1), track("a", 1)])] == ["a", "b"]


def test_the_chance_to_be_preferred_is_bradleys_and_terrys():
    chance = ranking.chance(np.array([1.0, 0.0]))
    assert chance == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))])
    assert ranking.chance(np.array([3.0])).tolist() == [0.5]
    assert ranking.chance(np.zeros(5)) == pytest.approx(0.5)


def test_of_many_tracks_the_chance_is_told_against_some():
    scores = np.random.default_rng(0).normal(size=3000)
    exact = np.stack([1 / (1 + np.exp(scores - score)) for score in scores[:50]]).mean(axis=1)
    np.testing.assert_allclose(ranking.chance(scores)[:50], exact, atol=2e-3)
    assert np.isfinite(ranking.chance(np.array([1e9, -1e9]))).all()


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (Track("still", np.zeros((0, 2))), "track 'still' has no sound; leave it out"),
        (Track("own", np.zeros((3, 2))), "track 'own': when its rows begin isn't known"),
        (Track("back", np.zeros((3, 2)), np.zeros(3)), "'back': the times of its rows do not rise"),
    ],
)
def test_tracks_of_which_nothing_can_be_told_are_refused(one, said):
    with pytest.raises(DataError, match=said):
        ranked([one], seconds=2)


def test_tracks_go_together_as_far_as_memory_allows(monkeypatch):
    many = [track(f"t{n}", *np.arange(1 + n % 5)) for n in range(12)]
    whole, sizes = ranking.moments(ask, many), []

    def counted(signature, inputs):
        sizes.append(inputs["audio"].size)
        return ask(signature, inputs)

    monkeypatch.setattr(ranking, "NUMBERS", 20)  # two tracks of five rows of two
    few = ranking.moments(counted, many)
    assert max(sizes) <= 20 and 1 < len(sizes) < 12
    np.testing.assert_allclose(few.vectors, whole.vectors)
    monkeypatch.setattr(ranking, "NUMBERS", 1)
    np.testing.assert_allclose(ranking.moments(ask, many).vectors, whole.vectors)


def test_an_only_row_lasts_as_long_as_those_of_other_tracks():
    found = {each.track: each for each in ranked([track("one", 3), track("two", 1, 2)], 10)}
    assert found["one"].end == pytest.approx(0.96) and found["two"].end == pytest.approx(1.92)
    (alone,) = ranked([track("one", 3)], seconds=10)
    assert alone.end == 10
