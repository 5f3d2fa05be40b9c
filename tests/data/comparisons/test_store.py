import numpy as np
import pytest
import tensorflow as tf

from kavc.data.comparisons import ComparisonStore
from kavc.data.layouts import View
from kavc.errors import DataError

from .conftest import tracks, videos

VIEW = View({"visual": "visual", "flow": "flow"}, tracks={"audio": "audio"})


@pytest.fixture
def store(triples):
    dataset = triples().read("train", VIEW)
    return ComparisonStore.from_dataset(dataset, ["visual", "flow"], ["audio"])


def test_each_video_and_track_is_kept_once(store):
    assert len(store) == 4 and store.dropped == {"duplicate": 0}
    assert store.ids.tolist()[:2] == [b"v0|t0|t1|r0", b"v0|t0|t1|r1"]
    assert store.rater.tolist() == [b"r0", b"r1", b"r1", b"r0"]
    assert store.answer.tolist() == [0, 1, 0, 1] and store.answer.dtype == np.int32
    assert store.videos.ids.tolist() == [b"v0", b"v1"]
    of_track = store.tracks.ids
    assert of_track[store.a].tolist() == [b"t0", b"t0", b"t1", b"t2"]
    assert of_track[store.b].tolist() == [b"t1", b"t1", b"t0", b"t0"]
    assert store.video.tolist() == [0, 0, 0, 1] and store.video.dtype == np.int64
    assert store.videos.lengths["visual"].tolist() == [1, 2]
    assert store.videos.lengths["flow"].tolist() == [0, 1]


@pytest.mark.parametrize("graph", [False, True])
def test_gather_and_swap(store, graph):
    gather = tf.function(store.gather) if graph else store.gather
    batch = gather(tf.constant([3, 0]), swapped=tf.constant([True, False]))
    assert set(batch) == {f"{name}{end}" for name in ("visual", "flow", "audio_a", "audio_b")
                          for end in ("", "_length")}  # fmt: skip
    seen, heard = list(videos(2)), [track["audio"] for track in tracks(4)]
    assert batch["visual_length"].numpy().tolist() == [2, 1]
    np.testing.assert_array_equal(batch["visual"][0], seen[1]["visual"])
    np.testing.assert_array_equal(batch["visual"][1], [seen[0]["visual"][0], np.zeros(4)])
    assert batch["flow_length"].numpy().tolist() == [1, 0]
    np.testing.assert_array_equal(batch["flow"][1], np.zeros((1, 3)))
    np.testing.assert_array_equal(batch["audio_a"], [heard[0], heard[0]])  # t2, t0 swapped
    np.testing.assert_array_equal(batch["audio_b"], [heard[2], heard[1]])
    assert batch["audio_a_length"].numpy().tolist() == [5, 5]
    assert batch["audio_a_length"].dtype == tf.int32


def test_swapping_all_changes_the_places_of_a_and_b(store):
    rows = tf.range(len(store))
    plain = store.gather(rows, tf.zeros(4, tf.bool))
    swapped = store.gather(rows, tf.ones(4, tf.bool))
    for end in ("", "_length"):
        np.testing.assert_array_equal(plain[f"audio_a{end}"], swapped[f"audio_b{end}"])
        np.testing.assert_array_equal(plain[f"audio_b{end}"], swapped[f"audio_a{end}"])
    assert not np.array_equal(plain["audio_a"], swapped["audio_a"])
    for name, values in plain.items():
        np.testing.assert_array_equal(store.gather(rows)[name], values)
        np.testing.assert_array_equal(store.gather(rows, True)[name], swapped[name])


def test_a_judgement_that_comes_again_is_dropped(triples):
    dataset = triples().read("test", VIEW)
    found = ComparisonStore.from_dataset(dataset.concatenate(dataset), ["visual"], ["audio"])
    assert len(found) == 2 and found.dropped == {"duplicate": 2}
    assert set(found.gather(tf.range(2), tf.zeros(2, tf.bool))) == {
        f"{name}{end}" for name in ("visual", "audio_a", "audio_b") for end in ("", "_length")
    }


def test_no_judgements(triples):
    dataset = triples().read("test", VIEW).take(0)
    with pytest.raises(DataError, match="no judgements"):
        ComparisonStore.from_dataset(dataset, ["visual"], ["audio"])
