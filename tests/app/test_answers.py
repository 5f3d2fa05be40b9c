"""What is shown of an answer."""

from __future__ import annotations

import itertools

import pytest

from kavc.app import answers
from kavc.app.answers import Span
from kavc.systems.av_parsing.events import Event
from kavc.systems.cross_modal_embedding.asking import Retrieved
from kavc.systems.music_match.ranking import Ranked


def event(start, end, modality, label, score=0.5):
    return Event(float(start), float(end), modality, label, score)


def test_lanes_by_class_as_they_begin_and_by_stream():
    found = [
        event(0, 2, "visual", "dog"),
        event(1, 3, "audio", "rain"),
        event(1, 2, "audio", "dog"),
        event(1, 2, "audio-visual", "dog"),
        event(4, 5, "audio", "dog"),
    ]
    lanes = answers.parsed(found, 10.0).lanes()
    assert [(lane.label, lane.stream, len(lane.spans), lane.is_first) for lane in lanes] == [
        ("dog", "heard", 2, True),
        ("dog", "seen", 1, False),
        ("dog", "both", 1, False),
        ("rain", "heard", 1, True),
    ]


def test_of_many_classes_those_are_drawn_that_last():
    spans = [Span(number, 2.0 * number + 1, "heard", f"{number}", 0.5) for number in range(20)]
    lanes = answers.listened(spans, 50.0).lanes()
    assert [lane.label for lane in lanes] == [str(number) for number in range(8, 20)]
    assert answers.listened(spans, 50.0).not_drawn == 8
    assert answers.listened(spans[:12], 50.0).not_drawn == 0


def test_no_event_is_no_lane_and_an_axis_all_the_same():
    nothing = answers.parsed([], 0.0)
    assert nothing.lanes() == [] and nothing.seconds > 0
    assert answers.parsed([event(0, 12, "audio", "dog")], 11.6).seconds == 12.0


@pytest.mark.parametrize("seconds", [0.3, 1, 5, 10, 12.5, 61, 599, 3600, 86400])
def test_an_axis_has_a_few_ticks_from_zero_on(seconds):
    found = answers.ticks(seconds)
    assert found[0] == 0 and found[-1] <= seconds + 1e-6
    assert len(found) <= 25 if seconds > 3600 * 8 else len(found) <= 10
    assert {round(b - a, 6) for a, b in itertools.pairwise(found)} <= set(answers.STEPS)


def test_bars_of_matches_begin_at_zero():
    found = answers.retrieved(Retrieved([["a", "b", "c"]], [[0.6, 0.0, -0.2]]))
    assert [(item.name, item.value) for item in found.items] == [
        ("a", "0.600"), ("b", "0.000"), ("c", "−0.200"),
    ]  # fmt: skip
    bars = [(item.start, item.start + item.width) for item in found.items]
    assert bars == [
        pytest.approx((0.25, 1.0)), pytest.approx((0.25, 0.25)), pytest.approx((0.0, 0.25)),
    ]  # fmt: skip


def test_matches_with_their_labels_and_of_equal_scores():
    named = Retrieved([["a", "b"]], [[0.0, 0.0]], [[("dog", "rain"), ()]])
    found = answers.retrieved(named).items
    assert [item.detail for item in found] == ["dog, rain", ""]
    assert {item.width for item in found} == {0.0}


def test_tracks_with_the_share_of_others_and_what_is_left_out():
    found = [Ranked(f"m{number}", -float(number), 1 - number / 40) for number in range(30)]
    ranking = answers.ranked(found, ["text.mp3: no sound"])
    assert (len(ranking.items), ranking.total) == (20, 30)
    assert ranking.items[1].notes == ("98 %",) and ranking.items[1].width == 1 - 1 / 40
    assert ranking.left_out == ("text.mp3: no sound",)


def test_a_verdict_names_themes_and_numbers_those_without_a_name():
    found = answers.verdict(0.25, 2, [0.1, 0.6, 0.3], ["dog", "rain"])
    assert found.theme == "theme 2"
    assert [(item.name, item.value) for item in found.themes.items] == [
        ("rain", "60 %"), ("theme 2", "30 %"), ("dog", "10 %"),
    ]  # fmt: skip
    assert answers.verdict(0.25, None, None, []) == answers.Verdict(0.25, None, None)
