"""What a fit is given: every judgement once, in a place by chance, and vectors made once."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from kavc.data.comparisons.store import ComparisonStore
from kavc.data.store import VideoStore
from kavc.errors import DataError
from kavc.systems.music_match import recipe
from kavc.systems.music_match.config import MusicMatchConfig
from kavc.systems.music_match.networks import MusicMatch
from kavc.systems.music_match.stages import Embedded, PreferenceStage

from .conftest import judgements

SMALL = {
    "visual_row": "6", "flow_row": "5", "audio_row": "4", "units": 8, "embedding_dim": 4,
    "components": 3, "batch_size": 16,
}  # fmt: skip


def begun(**options):
    """A stage, its network and what it prepared of forty judgements."""
    config = MusicMatchConfig(**SMALL | options)
    keras.utils.set_random_seed(0)
    stage, network = PreferenceStage(config), recipe.build(config)
    return stage, network, stage.prepare(network, judgements, Path("train"))


def epoch(stage, examples, number, seed=0):
    batches = list(stage.dataset(examples, number, seed).as_numpy_iterator())
    inputs = {name: np.concatenate([x[name] for x, _ in batches]) for name in batches[0][0]}
    return inputs, np.concatenate([y["preference"] for _, y in batches])[:, 0]


def test_validation_asks_as_the_table_does():
    stage, _, examples = begun()
    store = judgements()
    for given in (examples, store):
        inputs, label = epoch(stage, given, None)
        np.testing.assert_array_equal(label, store.answer == 0)
    rows = store.tracks.gather({"audio": store.a})["audio"].numpy()
    np.testing.assert_array_equal(inputs["audio_a"], rows)


@pytest.mark.parametrize("swaps", ["random", "none"])
def test_tracks_change_places_with_the_answer_by_seed_and_epoch(swaps):
    stage, _, _ = begun(swaps=swaps)
    store = judgements()
    drawn = {key: epoch(stage, store, *key) for key in ((0, 0), (1, 0), (0, 1))}
    first = drawn[0, 0]
    again = epoch(stage, store, tf.constant(0, tf.int64))
    np.testing.assert_array_equal(first[0]["audio_a"], again[0]["audio_a"])
    assert all(not np.array_equal(first[1], drawn[key][1]) for key in ((1, 0), (0, 1)))
    # Whatever place they have, the preferred track of each judgement is the same.
    preferred = np.where((store.answer == 0), store.a, store.b)
    heard = store.tracks.gather({"audio": preferred})["audio"].numpy()[:, 0, 0]
    for inputs, label in drawn.values():
        chosen = np.where(label[:, None, None] == 1, inputs["audio_a"], inputs["audio_b"])
        np.testing.assert_array_equal(np.sort(chosen[:, 0, 0]), np.sort(heard))
    turned = not np.isclose(first[1].mean(), (store.answer == 0).mean())
    assert turned == (swaps == "random")


def test_what_is_not_trained_is_made_once_and_says_the_same():
    stage, network, examples = begun(head="symmetric", normalize="principal")
    assert isinstance(examples, Embedded)
    inputs, _ = epoch(stage, examples, None)
    assert {name: x.shape for name, x in inputs.items()} == {
        "video": (40, 6), "audio_a": (40, 3), "audio_b": (40, 3),
    }  # fmt: skip
    found = ops.convert_to_numpy(stage.trainee(network)(inputs)["preference"])
    store = judgements()
    whole = network(store.gather(np.arange(40), np.zeros(40, bool)))["preference"]
    np.testing.assert_allclose(found, whole, rtol=1e-4, atol=1e-5)


def test_a_trainee_on_vectors_trains_the_networks_own_head():
    stage, network, examples = begun(head="symmetric", normalize="standard", dropout=0.0)
    before = [ops.convert_to_numpy(weight) for weight in network.trainable_weights]
    model = stage.trainee(network)
    model.compile(**stage.compile_arguments())
    model.fit(stage.dataset(examples, 0, 0), verbose=0, shuffle=False)
    moved = [
        not np.array_equal(was, ops.convert_to_numpy(weight))
        for was, weight in zip(before, network.trainable_weights, strict=True)
    ]
    assert all(moved)


def test_norms_that_are_trained_are_in_the_graph_on_means_that_are_made_once():
    stage, network, examples = begun()
    assert network.trains_norms and not network.trains_encoders
    inputs, _ = epoch(stage, examples, None)
    assert {name: x.shape[1:] for name, x in inputs.items()} == {
        "visual": (6,), "flow": (5,), "audio_a": (4,), "audio_b": (4,),
    }  # fmt: skip
    model = stage.trainee(network)
    found = ops.convert_to_numpy(model(inputs)["preference"])
    store = judgements()
    whole = network(store.gather(np.arange(40), np.zeros(40, bool)))["preference"]
    np.testing.assert_allclose(found, whole, rtol=1e-4, atol=1e-5)
    assert len(model.trainable_weights) == len(network.trainable_weights)


def test_with_a_backbone_that_is_trained_the_rows_are_what_is_trained_on(monkeypatch):
    monkeypatch.setattr(MusicMatch, "trains_encoders", True)
    stage, network, examples = begun()
    assert not isinstance(examples, Embedded)
    inputs, _ = epoch(stage, examples, None)
    assert set(inputs) >= {"visual", "visual_length", "audio_b_length"}
    assert set(stage.trainee(network).input) == set(network.input)


def test_of_sound_alone_nothing_is_seen():
    stage, network, examples = begun(variant="sound", normalize="standard")
    inputs, _ = epoch(stage, examples, None)
    assert set(inputs) == {"audio_a", "audio_b"}
    assert stage.trainee(network)(inputs)["preference"].shape == (40, 1)


@pytest.mark.parametrize("normalize", ["standard", "principal"])
def test_what_is_not_there_is_left_out_of_the_statistics_and_is_then_what_is_usual(normalize):
    stage, network, _ = begun(normalize=normalize, head="symmetric")
    known = [weight.numpy() for weight in network.non_trainable_weights]
    store = judgements()
    sequences = {
        name: (
            np.concatenate([store.videos.gather({name: np.arange(10)})[name].numpy()[:, 0],
                            np.full((5 * (name == "visual"), dim), 1.0, "f4")]),
            np.array([1] * 10 + [int(name == "visual")] * 5),
        )
        for name, dim in (("visual", 6), ("flow", 5))
    }  # fmt: skip
    ids = np.arange(15).astype("S")
    more = ComparisonStore(
        store.ids, store.rater, store.answer, store.video, store.a, store.b,
        VideoStore(ids, sequences), store.tracks,
    )  # fmt: skip
    stage.prepare(network, lambda: more, Path("train"))
    flow = network.norms["flow"]
    for was, now in zip(known, network.non_trainable_weights, strict=True):
        if now.path in [weight.path for weight in flow.weights]:
            np.testing.assert_allclose(now.numpy(), was, rtol=1e-5, atol=1e-6)
    whole = network.video_network(more.videos.gather({n: np.arange(15) for n in sequences}))
    width = network.norms["visual"](np.zeros((1, 6), "f4")).shape[-1]
    assert not np.any(ops.convert_to_numpy(whole)[10:, width:])
    inputs = Embedded.of(network, more)._videos["video"]
    np.testing.assert_allclose(inputs, ops.convert_to_numpy(whole), rtol=1e-4, atol=1e-5)


def test_the_statistics_are_those_of_training_alone():
    stage, network, _ = begun(normalize="standard")
    weights = network.get_weights()
    stage.prepare(network, lambda: judgements(seed=5), Path("validation"))
    for was, now in zip(weights, network.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize("trains_encoders", [False, True])
def test_the_mean_track_is_that_of_the_trained_network(monkeypatch, trains_encoders):
    monkeypatch.setattr(MusicMatch, "trains_encoders", trains_encoders)
    stage, network, examples = begun(dropout=0.0)  # layer norms, which are trained
    assert isinstance(examples, Embedded) != trains_encoders
    reference = network.comparison.reference.vector
    before = reference.numpy()
    model = stage.trainee(network)
    model.compile(**stage.compile_arguments())
    model.fit(stage.dataset(examples, 0, 0), verbose=0, shuffle=False)
    np.testing.assert_array_equal(reference.numpy(), before)
    stage.finish(network, examples)
    tracks = judgements().tracks
    found = network.track_network(tracks.gather({"audio": np.arange(len(tracks))}))
    np.testing.assert_allclose(reference.numpy(), np.mean(found, axis=0), rtol=1e-5, atol=1e-6)
    assert not np.allclose(reference.numpy(), before, atol=1e-5)


def test_the_mean_track_stays_where_nothing_before_the_head_is_trained():
    stage, network, examples = begun(normalize="standard")
    before = network.comparison.reference.vector.numpy()
    stage.finish(network, examples)
    np.testing.assert_array_equal(network.comparison.reference.vector.numpy(), before)


def with_silent_tracks(silent, count=8):
    """Judgements whose last tracks, beside `count` others, have no row at all."""
    store = judgements(tracks=count)
    rows = store.tracks.gather({"audio": np.arange(count)})["audio"].numpy().reshape(-1, 4)
    lengths = np.array([2] * count + [0] * silent)
    ids = np.arange(count + silent).astype("S")
    return ComparisonStore(
        store.ids, store.rater, store.answer, store.video, store.a, store.b,
        store.videos, VideoStore(ids, {"audio": (rows, lengths)}),
    )  # fmt: skip


@pytest.mark.parametrize("trains_encoders", [False, True])
def test_a_silent_track_is_no_part_of_the_mean_track(monkeypatch, trains_encoders):
    monkeypatch.setattr(MusicMatch, "trains_encoders", trains_encoders)

    def mean_track(silent):
        stage, network, _ = begun(dropout=0.0)  # layer norms, which are trained
        examples = stage.prepare(network, lambda: with_silent_tracks(silent), Path("train"))
        stage.finish(network, examples)
        return network.comparison.reference.vector.numpy()

    np.testing.assert_allclose(mean_track(3), mean_track(0), rtol=1e-5, atol=1e-6)


def test_a_stream_that_no_video_has_ends_before_anything_is_trained():
    stage, network, _ = begun(normalize="principal")
    store = judgements()
    store.videos.lengths["flow"][:] = 0
    with pytest.raises(DataError, match="no video of the training split has a row of 'flow'"):
        stage.prepare(network, lambda: store, Path("train"))
