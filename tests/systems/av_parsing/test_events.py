"""What is heard or seen from when to when, against a plain loop; the windows of a video."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kavc.errors import DataError
from kavc.serving.arrays import Listed
from kavc.systems.av_parsing.config import AVParsingConfig
from kavc.systems.av_parsing.events import MODALITIES, Event, events, widths, windows

WIDTHS = {"audio": 3, "visual": 4, "visual_3d": 2}
SEGMENTS = 10
CLASSES = ["Speech", "Dog", "Cello"]


def by_loop(probability, decided, classes):
    """All events, found second by second."""
    segments = len(probability)
    found = set()
    for label, name in enumerate(classes):
        for stream, modality in enumerate(MODALITIES):
            rows = [stream] if stream < 2 else [0, 1]
            on = [all(decided[t, row, label] for row in rows) for t in range(segments)]
            for first in range(segments):
                if on[first] and not (first and on[first - 1]):
                    end = first
                    while end < segments and on[end]:
                        end += 1
                    lowest = [
                        min(float(probability[t, row, label]) for row in rows)
                        for t in range(first, end)
                    ]
                    score = sum(lowest) / len(lowest)
                    found.add((first, end, modality, name, round(score, 6)))
    return found


@settings(deadline=None)
@given(st.data())
def test_events_are_those_of_a_loop(data):
    shape = (data.draw(st.integers(1, 12)), 2, len(CLASSES))
    decided = data.draw(hnp.arrays(bool, shape))
    probability = data.draw(hnp.arrays(np.float32, shape, elements=st.floats(0, 1, width=32)))
    found = events(probability, decided, CLASSES)
    plain = {(e.start, e.end, e.modality, e.label, round(e.score, 6)) for e in found}
    assert len(plain) == len(found)
    expected = by_loop(probability, decided, CLASSES)
    assert {each[:4] for each in plain} == {each[:4] for each in expected}
    by_event = {each[:4]: each[4] for each in expected}
    assert all(each[4] == pytest.approx(by_event[each[:4]], abs=2e-6) for each in plain)
    assert [(e.start, MODALITIES.index(e.modality), e.label) for e in found] == sorted(
        (e.start, MODALITIES.index(e.modality), e.label) for e in found
    )


def test_segments_have_a_length():
    decided = np.zeros((4, 2, 1), bool)
    decided[1:3, 0] = True
    found = events(np.full(decided.shape, 0.75), decided, ["Dog"], seconds=0.5)
    assert found == [Event(0.5, 1.5, "audio", "Dog", 0.75)]


def test_nothing_is_no_event():
    assert events(np.ones((10, 2, 3)), np.zeros((10, 2, 3), bool), CLASSES) == []


def video(seconds=SEGMENTS, **changes):
    """Features whose every row is its own; an array of None is left out."""
    rng = np.random.default_rng(seconds)
    made = {name: rng.normal(size=(seconds, width)) for name, width in WIDTHS.items()}
    return {name: value for name, value in (made | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [(10, [0]), (11, [0, 1]), (19, [0, 9]), (20, [0, 10]), (25, [0, 10, 15]), (30, [0, 10, 20])],
)
def test_windows_of_a_video_cover_it(seconds, starts):
    features = video(seconds)
    cut = windows(features, WIDTHS, SEGMENTS)
    assert list(cut.starts) == starts
    for name, array in cut.inputs.items():
        assert (array.shape, array.dtype) == ((len(starts), SEGMENTS, WIDTHS[name]), np.float32)
        np.testing.assert_array_equal(cut.join(array), features[name].astype(np.float32))


def test_where_two_windows_overlap_the_earlier_one_has_the_word():
    cut = windows(video(25), WIDTHS, SEGMENTS)
    answers = np.repeat(np.arange(3), SEGMENTS).reshape(3, SEGMENTS)
    assert cut.join(answers).tolist() == [0] * 10 + [1] * 10 + [2] * 5


def test_events_go_on_from_one_window_to_the_next():
    cut = windows(video(25), WIDTHS, SEGMENTS)
    decided = np.zeros((3, SEGMENTS, 2, 1), bool)
    decided[0, 8:, 0] = decided[1, :, 0] = decided[2, 5:7, 0] = True  # seconds 8 to 22
    joined = cut.join(decided)
    assert events(joined * 0.5, joined, ["Dog"]) == [Event(8.0, 22.0, "audio", "Dog", 0.5)]


def test_eight_frames_a_second_are_averaged():
    frames = np.random.default_rng(0).normal(size=(8 * SEGMENTS, 4)).astype(np.float32)
    found = windows(video(visual=frames), WIDTHS, SEGMENTS).inputs["visual"][0]
    expected = [frames[8 * second : 8 * second + 8].mean(axis=0) for second in range(SEGMENTS)]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)  # sums in float32


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "list", "JSON"])
def test_any_floats_are_taken_and_lists_too(dtype):
    whole = np.arange(30).reshape(SEGMENTS, 3) % 10
    audio = {"list": whole.tolist(), "JSON": whole.view(Listed)}.get(dtype)
    audio = whole.astype(dtype) if audio is None else audio
    found = windows(video(audio=audio), WIDTHS, SEGMENTS).inputs["audio"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[0], whole)


def test_what_the_network_does_not_take_is_left_out():
    without_clips = {name: WIDTHS[name] for name in ("audio", "visual")}
    found = windows(video(labels=np.array(["x"])), without_clips, SEGMENTS)
    assert list(found.inputs) == ["audio", "visual"]


SHAPED = "'audio' is float64 of shape {}; expected (seconds, 3), of one video"


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            video(visual=None),
            "no array 'visual' among audio, visual_3d; the network takes audio, visual, visual_3d",
        ),
        ({}, "no array 'audio' among none; the network takes audio, visual, visual_3d"),
        (
            video(visual=np.full((10, 4), 200, np.uint8)),
            "'visual' is uint8 of shape (10, 4); expected (seconds, 4), floats; dequantise codes "
            "such as 0 to 255, or write true whole numbers as floats (1.0, astype('float32'))",
        ),
        (video(audio=np.full((10, 3), "x")), "'audio' is <U1 of shape (10, 3); expected (seconds, "
         "3), floats"),
        (video(audio=np.zeros((1, 10, 3))), SHAPED.format("(1, 10, 3)") + "; leave its batch axis "
         "out"),
        (video(audio=np.zeros((2, 10, 3))), SHAPED.format("(2, 10, 3)")),
        (video(audio=np.zeros((10, 5))), SHAPED.format("(10, 5)")),
        (video(audio=np.zeros(10)), SHAPED.format("(10,)")),
        (
            video(audio=np.full((10, 3), np.nan)),
            "'audio' holds NaN, infinite values, or such as float32 does not hold",
        ),
        (
            video(audio=np.full((10, 3), 1e300)),
            "'audio' holds NaN, infinite values, or such as float32 does not hold",
        ),
        (
            video(9),
            "'audio' has 9 rows, one a second; the network parses videos of 10 to 86,400 s",
        ),
        (
            video(audio=np.zeros((0, 3))),
            "'audio' has 0 rows, one a second; the network parses videos of 10 to 86,400 s",
        ),
        (
            video(audio=np.broadcast_to(np.float32(0), (86401, 3))),
            "'audio' has 86401 rows, one a second; the network parses videos of 10 to 86,400 s",
        ),
        (
            video(visual=np.zeros((11, 4))),
            "'visual' has 11 rows and 'audio' 10; expected as many, or 8 a second",
        ),
        (
            video(visual_3d=np.zeros((80, 2))),
            "'visual_3d' has 80 rows and 'audio' 10; expected as many",
        ),
    ],
)  # fmt: skip
def test_refused(features, message):
    with pytest.raises(DataError) as error:
        windows(features, WIDTHS, SEGMENTS)
    assert str(error.value) == message


@pytest.mark.parametrize("clips", [7, None])
def test_widths_are_those_of_the_network(clips):
    from kavc.systems.av_parsing.recipe import build

    sizes = {"classes": 2, "audio_dim": 5, "visual_dim": 6, "visual_3d_dim": clips}
    config = AVParsingConfig(variant="han", dim=4, units=4, **sizes)
    assert widths(config) == {name: x.shape[-1] for name, x in build(config).input.items()}
