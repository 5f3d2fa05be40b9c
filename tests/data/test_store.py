"""The store gives back what it read, padded, and pairs gathered from it are what they claim."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from kavc.data.pairing import pairs
from kavc.data.store import VideoStore
from kavc.errors import DataError

AUDIO, VISUAL = 3, 5


def video(name: int, steps: int, frames: int = 4) -> dict:
    """A video whose features are its number, so that every row tells whose it is."""
    return {
        "id": str(name).encode(),
        "audio": np.full((steps, AUDIO), name, np.float32),
        "visual": np.full((frames, VISUAL), name, np.float32),
        "theme": np.int32(name % 3),
    }


def gather(store, audio, visual, max_steps=None):
    rows = {"audio": audio, "visual": visual, "theme": visual}
    return store.gather(rows, max_steps={"audio": max_steps})


def dataset(videos: list[dict]) -> tf.data.Dataset:
    return tf.data.Dataset.from_generator(
        lambda: iter(videos),
        output_signature={
            "id": tf.TensorSpec((), tf.string),
            "audio": tf.TensorSpec((None, AUDIO)),
            "visual": tf.TensorSpec((None, VISUAL)),
            "theme": tf.TensorSpec((), tf.int32),
        },
    )


@pytest.mark.parametrize("frames", [(4, 4, 4, 4), (1, 2, 3, 4)])
@pytest.mark.parametrize("steps", [(2, 2, 2, 2), (1, 3, 2, 5)])
def test_gather_pads_each_side_to_its_longest(steps, frames):
    store = VideoStore.from_dataset(
        dataset([video(i + 1, t, n) for i, (t, n) in enumerate(zip(steps, frames, strict=True))])
    )
    batch = gather(store, [2, 1], [0, 2])
    assert batch["audio"].shape == (2, max(steps[1:3]), AUDIO)
    assert batch["visual"].shape == (2, max(frames[0], frames[2]), VISUAL)
    for name, rows in (("audio", (2, 1)), ("visual", (0, 2))):
        lengths = steps if name == "audio" else frames
        np.testing.assert_array_equal(batch[f"{name}_length"], [lengths[row] for row in rows])
        for values, row in zip(batch[name].numpy(), rows, strict=True):
            assert np.all(values[: lengths[row]] == row + 1)
            assert np.all(values[lengths[row] :] == 0)
    np.testing.assert_array_equal(batch["theme"], [1, 0])  # the visual's
    assert [batch[key].dtype for key in ("audio", "visual")] == [tf.float32] * 2
    lengths = ("audio_length", "visual_length", "theme")
    assert [batch[key].dtype for key in lengths] == [tf.int32] * 3


@pytest.mark.parametrize("steps", [(4, 4), (2, 5)])
def test_max_steps_crops_the_end(steps):
    store = VideoStore.from_dataset(dataset([video(1, steps[0]), video(2, steps[1])]))
    batch = gather(store, [0, 1], [0, 1], max_steps=3)
    assert batch["audio"].shape[1] == 3
    np.testing.assert_array_equal(batch["audio_length"], np.minimum(steps, 3))


def test_duplicates_and_silent_videos_are_dropped_and_counted():
    videos = [video(1, 2), video(2, 0), video(1, 3), video(3, 1), video(4, 2, frames=0)]
    store = VideoStore.from_dataset(dataset(videos), needed=("audio", "visual"))
    assert store.ids.tolist() == [b"1", b"3"]
    assert store.lengths["audio"].tolist() == [2, 1]
    assert store.dropped == {"duplicate": 1, "without audio": 1, "without visual": 1}


def test_silent_videos_can_be_kept():
    store = VideoStore.from_dataset(dataset([video(1, 2), video(2, 0)]), needed=("visual",))
    assert len(store) == 2 and store.dropped == {"duplicate": 0, "without visual": 0}
    batch = gather(store, [1], [0])
    assert batch["audio"].shape == (1, 1, AUDIO) and not np.any(batch["audio"])
    assert batch["audio_length"].numpy() == 0


@pytest.mark.parametrize("videos", [[], [video(1, 0), video(2, 0)]])
def test_nothing_to_store(videos):
    with pytest.raises(DataError):
        VideoStore.from_dataset(dataset(videos), needed=("audio",))


def test_any_number_of_fields_of_any_shape():
    def videos():
        for i in range(3):
            yield {
                "id": b"%d" % i,
                "maps": np.full((i + 1, 2, 2, 3), i, np.float32),
                "labels": np.arange(i, dtype=np.int64),
                "vector": np.full(4, i, np.float32),
                "weight": np.float32(i),
            }

    signature = {
        "id": tf.TensorSpec((), tf.string),
        "maps": tf.TensorSpec((None, 2, 2, 3)),
        "labels": tf.TensorSpec((None,), tf.int64),
        "vector": tf.TensorSpec((4,)),
        "weight": tf.TensorSpec(()),
    }
    store = VideoStore.from_dataset(
        tf.data.Dataset.from_generator(videos, output_signature=signature)
    )
    batch = store.gather({name: [2, 0] for name in ("maps", "labels", "vector", "weight")})
    assert batch["maps"].shape == (2, 3, 2, 2, 3)
    assert np.all(batch["maps"][0] == 2) and not np.any(batch["maps"][1])
    assert batch["maps_length"].numpy().tolist() == [3, 1]
    assert batch["labels"].numpy().tolist() == [[0, 1], [0, 0]]
    assert batch["labels_length"].numpy().tolist() == [2, 0]
    assert batch["vector"].numpy().tolist() == [[2] * 4, [0] * 4]
    assert batch["weight"].numpy().tolist() == [2, 0]


def test_dense_data_sets_are_read_too():
    parts = {
        "id": np.array([b"a", b"b", b"c"]),
        "audio": np.arange(3 * 2 * AUDIO, dtype=np.float32).reshape(3, 2, AUDIO),
        "visual": np.arange(3 * 4 * VISUAL, dtype=np.float32).reshape(3, 4, VISUAL),
        "theme": np.array([1, 2, 0], np.int32),
    }
    store = VideoStore.from_dataset(tf.data.Dataset.from_tensor_slices(parts))
    batch = gather(store, [2, 0], [1, 1])
    np.testing.assert_array_equal(batch["audio"], parts["audio"][[2, 0]])
    np.testing.assert_array_equal(batch["visual"], parts["visual"][[1, 1]])


@pytest.mark.parametrize("steps", ["equal", "unequal"])
def test_pairs_stay_aligned_through_a_parallel_pipeline(steps):
    videos = [video(i, 2 if steps == "equal" else 1 + i % 7) for i in range(1, 301)]
    store = VideoStore.from_dataset(dataset(videos))
    drawn = pairs(store.columns["theme"], seed=0, epoch=0)
    batches = (
        tf.data.Dataset.from_tensor_slices((drawn.audio, drawn.visual, drawn.label))
        .batch(16)
        .map(
            lambda audio, visual, label: (gather(store, audio, visual), label),
            num_parallel_calls=4,
            deterministic=False,
        )
        .prefetch(2)
    )
    seen = 0
    for batch, label in batches:
        heard, shown = batch["audio"][:, 0, 0].numpy(), batch["visual"][:, 0, 0].numpy()
        np.testing.assert_array_equal(heard == shown, label.numpy() == 1)
        np.testing.assert_array_equal(batch["theme"], shown % 3)
        seen += len(label)
    assert seen == 600
    assert {len(batch["audio"].shape) for batch, _ in batches} == {3}


def test_features_are_captured_not_copied_into_the_graph():
    store = VideoStore.from_dataset(dataset([video(i, 1 + i % 7) for i in range(1, 2001)]))
    rows = tf.TensorSpec((None,), tf.int32)
    graph = tf.function(partial(gather, store)).get_concrete_function(rows, rows)
    assert graph.graph.as_graph_def().ByteSize() < 10_000  # the audio alone has 96,000 bytes


def test_other_sequences_leave_the_store_as_it_is():
    store = VideoStore.from_dataset(dataset([video(i, 3) for i in range(4)]))
    values = np.arange(4 * 2 * 5, dtype="float32").reshape(4, 2, 5)
    other = store.with_sequences({"audio": values})
    np.testing.assert_array_equal(other.gather({"audio": [2, 0]})["audio"], values[[2, 0]])
    assert other.lengths["audio"].tolist() == [2] * 4
    assert store.lengths["audio"].tolist() == [3] * 4
    assert store.gather({"audio": [0]})["audio"].shape[:2] == (1, 3)
    with pytest.raises(ValueError, match="the store has 4 videos"):
        store.with_sequences({"audio": values[:3]})


def test_further_columns_leave_the_store_as_it_is():
    store = VideoStore(np.array([b"a", b"b"]), {}, {"theme": np.array([3, 4])})
    more = store.with_columns({"weight": np.array([0.5, 1.5], "float32")})
    batch = more.gather({"theme": [1], "weight": [1]})
    assert (batch["theme"].numpy(), batch["weight"].numpy()) == (4, 1.5)
    assert set(store.columns) == {"theme"} and set(more.columns) == {"theme", "weight"}


def test_it_says_what_it_holds():
    values, lengths = np.zeros((3, 2), np.float32), np.array([1, 2])
    columns = {"theme": np.zeros(2, np.int32)}
    dropped = {"duplicate": 3, "without audio": 0}
    store = VideoStore(np.array([b"a", b"b"]), {"audio": (values, lengths)}, columns)
    assert repr(store) == "VideoStore(2 videos: audio, theme)"
    store.dropped = dropped
    assert repr(store) == "VideoStore(2 videos: audio, theme; dropped 3 duplicate)"
