from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import DataError
from kavc.metrics.parsing import exclusive, predictions


def test_audible_only_and_visible_only():
    masks = np.array([[1, 1], [1, 0], [0, 1], [0, 0]]).reshape(1, 4, 2, 1)
    expected = [[False, False], [True, False], [False, True], [False, False]]
    assert exclusive(masks)[0, :, :, 0].tolist() == expected
    three = np.concatenate([masks, np.ones_like(masks[:, :, :1])], axis=2)
    assert exclusive(three)[0, :, :, 0].tolist() == expected


def test_predictions_compare_in_float32():
    tenth = np.full((1, 1, 2, 1), np.float32(0.1))  # 1.5e-9 above 0.1
    assert predictions(tenth, threshold=0.1).all()
    seven = np.full((1, 1, 2, 1), np.float32(0.7))  # 1.2e-8 below 0.7
    assert predictions(seven, threshold=0.7).all()
    assert not predictions(seven, threshold=np.nextafter(np.float32(0.7), np.float32(1))).any()


def test_gates_and_thresholds():
    segment = np.full((2, 3, 2, 2), 0.6)
    video = np.array([[0.5, 0.4], [0.4, 0.5]])
    found = predictions(segment, video)
    assert found.shape == segment.shape and found.dtype == bool
    np.testing.assert_array_equal(
        found, np.broadcast_to((video >= 0.5)[:, None, None], (2, 3, 2, 2))
    )
    own = np.stack([video, 1 - video], axis=1)
    np.testing.assert_array_equal(predictions(segment, own)[:, 0], own >= 0.5)
    assert predictions(segment, video, 0.4).all()  # the gate uses the same threshold
    assert predictions(segment, threshold=[0.6, 0.7]).any(axis=(0, 1, 2)).tolist() == [True, False]
    assert predictions(segment, video, [0.4, 0.5])[:, 0, 0].tolist() == [
        [True, False],
        [True, True],
    ]


def test_no_video_has_no_prediction():
    nothing = np.zeros((0, 3, 2, 4))
    for gate in (None, np.zeros((0, 4)), np.zeros((0, 2, 4))):
        assert predictions(nothing, gate).shape == nothing.shape


SEGMENT = np.zeros((2, 3, 2, 4))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: predictions(SEGMENT[0]), r"segment_probability \(3, 2, 4\): expected"),
        (lambda: predictions(SEGMENT[:, :, :1]), r"segment_probability \(2, 3, 1, 4\)"),
        (lambda: predictions(SEGMENT, SEGMENT), r"gate .*: expected \(2, 4\) or \(2, 2, 4\)"),
        (lambda: predictions(SEGMENT * np.nan), "segment_probability holds NaN"),
        (lambda: predictions(SEGMENT, threshold=np.nan), "threshold holds NaN"),
        (lambda: predictions(SEGMENT, threshold=[0.5] * 3), r"threshold \(3,\): .* or \(4,\)"),
        (lambda: exclusive(SEGMENT[:, :, :1]), r"masks: expected numbers \(videos, segments, 2 or"),
    ],
)
def test_refused(call, message):
    with pytest.raises(DataError, match=message):
        call()
