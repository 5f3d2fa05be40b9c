"""The videos of a split: labels, features by row, and what is heard and seen when."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kavc.systems.av_parsing.videos import all_features, features, load_videos, truth

SEGMENTS, CLASSES = 3, 5
LABELS = [[1, 3], [], [0], [4, 4, 2]]


def examples(*, visual_rows=(SEGMENTS,) * 4, event_rows=(SEGMENTS,) * 4, clips=True):
    """A data set as a system reads it; every number of video i is i + 1 times a power of ten."""
    shapes = {"audio": (3, 1), "visual": (4, 10), "visual_3d": (2, 100)}
    if not clips:
        del shapes["visual_3d"]

    def each():
        for at, labels in enumerate(LABELS):
            rows = dict.fromkeys(shapes, SEGMENTS) | {"visual": visual_rows[at]}
            yield {
                "id": f"video {at}",
                "labels": np.array(labels, np.int64),
                **{n: np.full((rows[n], w), (at + 1) * x, "f4") for n, (w, x) in shapes.items()},
                "audio_events": events(at, 0)[: event_rows[at]],
                "visual_events": events(at, 1)[: event_rows[at]],
            }

    spec = {"id": tf.TensorSpec((), tf.string), "labels": tf.TensorSpec((None,), tf.int64)}
    widths = {name: width for name, (width, _) in shapes.items()}
    for name, width in (widths | {"audio_events": CLASSES, "visual_events": CLASSES}).items():
        spec[name] = tf.TensorSpec((None, width), tf.float32)
    return tf.data.Dataset.from_generator(each, output_signature=spec)


def events(video, stream):
    """Of the classes of a video's labels, at the segment that is the class's remainder."""
    found = np.zeros((SEGMENTS, CLASSES), "f4")
    for label in LABELS[video]:
        found[(label + stream) % SEGMENTS, label] = 1
    return found


def test_labels_are_of_the_video_wherever_and_however_often():
    store = load_videos(examples(), CLASSES)
    expected = np.zeros((4, CLASSES))
    for at, labels in enumerate(LABELS):
        expected[at, labels] = 1
    np.testing.assert_array_equal(store.columns["labels"], expected)
    assert store.columns["labels"].dtype == np.float32


@pytest.mark.parametrize("clips", [True, False])
def test_sound_and_pictures_may_be_of_different_videos(clips):
    store = load_videos(examples(clips=clips), CLASSES)
    found = features(store, {"audio": np.array([0, 2]), "visual": np.array([3, 1])})
    expected = {"audio": [1, 3], "visual": [40, 20]} | ({"visual_3d": [400, 200]} if clips else {})
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].shape[1] == SEGMENTS and found[name].dtype == tf.float32
        for video, value in enumerate(values):
            np.testing.assert_array_equal(
                found[name][video], np.full_like(found[name][video], value)
            )


def test_features_of_all_videos():
    found = all_features(load_videos(examples(), CLASSES))
    assert {name: x.shape for name, x in found.items()} == {
        "audio": (4, 3, 3), "visual": (4, 3, 4), "visual_3d": (4, 3, 2),
    }  # fmt: skip
    np.testing.assert_array_equal(found["visual"][:, 0, 0], [10, 20, 30, 40])


def test_videos_without_pictures_are_left_out():
    store = load_videos(examples(visual_rows=(3, 0, 3, 3)), CLASSES)
    assert store.ids.tolist() == [b"video 0", b"video 2", b"video 3"]
    assert store.dropped == {"duplicate": 0, "without audio": 0, "without visual": 1}


def test_truth():
    found = truth(load_videos(examples(), CLASSES), SEGMENTS)
    assert found.dtype == bool
    expected = [[events(video, stream) for stream in (0, 1)] for video in range(4)]
    np.testing.assert_array_equal(found, np.moveaxis(expected, 1, 2))
    assert found[0, 1, 0, 1] and found[0, 2, 1, 1]  # class 1: heard in second 1, seen in 2


@pytest.mark.parametrize("rows", [(3, 0, 0, 3), (0, 0, 0, 0)], ids=["some", "none"])
def test_truth_of_videos_without_rows_of_events_is_that_there_are_none(rows):
    found = truth(load_videos(examples(event_rows=rows), CLASSES), SEGMENTS)
    whole = truth(load_videos(examples(), CLASSES), SEGMENTS)
    assert found.shape == (4, SEGMENTS, 2, CLASSES)
    np.testing.assert_array_equal(found, whole & (np.array(rows) > 0)[:, None, None, None])


def test_truth_has_the_segments_that_are_asked_for():
    store = load_videos(examples(), CLASSES)
    np.testing.assert_array_equal(truth(store, 2), truth(store, SEGMENTS)[:, :2])
