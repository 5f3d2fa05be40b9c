import numpy as np
import pytest
import tensorflow as tf

from kavc.data.feature_store import FeatureStore
from kavc.errors import ConfigError, DataError

VIDEOS = {  # id: labels, silent
    b"a": ([3, 1], False),
    b"b": ([], True),
    b"c": ([2], False),
    b"d": ([0, 1, 9], True),
}


def dataset(ids=tuple(VIDEOS)):
    def examples():
        for id_ in ids:
            labels, silent = VIDEOS[id_]
            place = list(VIDEOS).index(id_)
            yield {
                "id": id_,
                "labels": np.array(labels, np.int64),
                "audio": np.full(2, place, np.float32),
                "visual": np.full(3, 10 + place, np.float32),
                "silent": silent,
            }

    signature = {
        "id": tf.TensorSpec((), tf.string),
        "labels": tf.TensorSpec((None,), tf.int64),
        "audio": tf.TensorSpec((2,), tf.float32),
        "visual": tf.TensorSpec((3,), tf.float32),
        "silent": tf.TensorSpec((), tf.bool),
    }
    return tf.data.Dataset.from_generator(examples, output_signature=signature)


def test_columns_and_labels():
    store = FeatureStore.from_dataset(dataset())
    assert store.ids.tolist() == list(VIDEOS)
    assert store.silent.tolist() == [False, True, False, True]
    matrix = store.label_matrix(10)
    assert [np.sort(row.indices).tolist() for row in matrix] == [[1, 3], [], [2], [0, 1, 9]]
    assert store.label_matrix(4).toarray()[3].tolist() == [True, True, False, False]


def test_rows_in_any_order():
    store = FeatureStore.from_dataset(dataset()).select(np.array([3, 0, 0]))
    assert store.ids.tolist() == [b"d", b"a", b"a"]
    rows = [np.sort(row.indices).tolist() for row in store.label_matrix(10)]
    assert rows == [[0, 1, 9], [1, 3], [1, 3]]
    assert store.audio[:, 0].tolist() == [3, 0, 0]


def test_gather_in_a_pipeline():
    store = FeatureStore.from_dataset(dataset())
    pairs = tf.data.Dataset.from_tensors((np.int32([0, 3]), np.int32([2, 2])))
    (batch,) = pairs.map(
        lambda audio, visual: (store.gather(audio, visual), store.gather_labels(audio, 4))
    )
    inputs, labels = batch
    assert inputs["audio"][:, 0].numpy().tolist() == [0, 3]
    assert inputs["visual"][:, 0].numpy().tolist() == [12, 12]
    assert labels.numpy().tolist() == [[0, 1, 0, 1], [1, 1, 0, 0]]  # label 9 is left out
    assert labels.shape == (2, 4)


def test_duplicates_and_silent_videos():
    store = FeatureStore.from_dataset(dataset((b"a", b"b", b"a", b"c")), silent="drop")
    assert store.ids.tolist() == [b"a", b"c"]
    assert store.dropped == {"duplicate": 1, "silent": 1}


def test_what_is_refused():
    with pytest.raises(ConfigError, match="silent must be one of"):
        FeatureStore.from_dataset(dataset(), silent="mute")
    with pytest.raises(DataError, match="holds no videos"):
        FeatureStore.from_dataset(dataset(()))
    with pytest.raises(DataError, match="none of the 1 videos"):
        FeatureStore.from_dataset(dataset((b"b",)), silent="drop")
