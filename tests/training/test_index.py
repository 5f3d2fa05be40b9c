"""Indexes from a run: what is embedded, what is left out, and what does not fit."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.data.roster import Roster
from kavc.data.source import Source
from kavc.errors import ConfigError, DataError
from kavc.layers.fingerprint import weights_fingerprint
from kavc.retrieval.hubs import HubCorrection
from kavc.retrieval.index import Index
from kavc.systems.base import SourceInfo
from kavc.training.data_facts import facts_of
from kavc.training.index import add_to_index, build_index, remove_from_index, retrieve
from kavc.training.run import Run, lock

WIDTHS = {"audio": 3, "visual": 4}
DIM = 5
SPEC = {
    "id": tf.TensorSpec((), tf.string),
    "audio": tf.TensorSpec((3,), tf.float32),
    "visual": tf.TensorSpec((4,), tf.float32),
    "silent": tf.TensorSpec((), tf.bool),
}


class TwoMatrices:
    """The smallest system with two modalities: a matrix each, and three splits of random videos."""

    name = "two-matrices"
    modalities = ("audio", "visual")
    fingerprint = "0" * 64

    def __init__(self, hubs=()):
        self.hubs = dict(hubs)

    def describe(self, source, config):
        return SourceInfo({}, WIDTHS, (), self.fingerprint)

    def read(self, source, split, config):
        return tf.data.Dataset.from_generator(lambda: videos(split), output_signature=SPEC)

    def hub_correction(self, network, modality):
        return self.hubs.get(modality)

    def embed(self, network, modality, features, config):
        matrix = network.get_layer(modality).kernel.numpy()
        return features @ matrix / np.linalg.norm(features @ matrix, axis=1, keepdims=True)


class TinyRun(Run):
    """A run of that system without a folder of its own."""

    def __init__(self, seed=0):
        self.path = Path("runs/tiny")
        self.system, self.config = TwoMatrices(), None
        keras.utils.set_random_seed(seed)
        inputs = [keras.Input((width,)) for width in WIDTHS.values()]
        layers = [keras.layers.Dense(DIM, use_bias=False, name=name) for name in WIDTHS]
        self.network = keras.Model(inputs, [f(x) for f, x in zip(layers, inputs, strict=True)])

    @property
    def data(self):
        return facts_of(self.source, SourceInfo({}, WIDTHS, (), "0" * 64))

    @property
    def source(self):
        return Source("synthetic", Path("nowhere"))


def videos(split):
    """Ten videos; the third is silent, and the last one has the id of the first."""
    rng = np.random.default_rng(len(split))
    for n in range(10):
        yield {
            "id": f"{split}-{n % 9}".encode(),
            "audio": rng.normal(size=3).astype(np.float32),
            "visual": rng.normal(size=4).astype(np.float32),
            "silent": n == 2,
        }


@pytest.fixture
def run() -> TinyRun:
    return TinyRun()


@pytest.fixture
def sounds(run, tmp_path) -> Path:
    build_index(run, tmp_path / "sounds", modality="audio")
    return tmp_path / "sounds"


def embedded(run, split, modality, kept):
    rows = np.stack([video[modality] for video in videos(split)])[kept]
    return run.system.embed(run.network, modality, rows, None)


class Labelled(TwoMatrices):
    """The same, with labels in the test split; that of the sixth video has no name."""

    names = ("dog", "straße\twet", "")

    def describe(self, source, config):
        ids = [video["id"] for video in videos("test")]
        labels = [[0], [1, 0], [], [1], [0, 1], [2], [], [], [], [1]]  # the last is the first again
        roster = Roster(
            np.array(ids, object),
            np.array([label for each in labels for label in each], np.int64),
            np.cumsum([0, *map(len, labels)]),
            np.ones(10, bool),
            np.ones(10, bool),
        )
        return SourceInfo({}, WIDTHS, self.names, self.fingerprint, rosters={"test": roster})


def test_names_of_labels_are_kept(run, tmp_path):
    run.system = Labelled()
    sounds = build_index(run, tmp_path / "sounds", modality="audio", data=run.source, verbose=0)
    dog, street = ("dog",), ("straße wet",)
    expected = [dog, street + dog, street, dog + street, (), (), (), ()]
    assert sounds.labels == Index.load(tmp_path / "sounds").labels == expected
    found = retrieve(sounds, run, {"visual": np.ones((1, 4), "f4")}, 8)
    by_id = dict(zip(sounds.ids, expected, strict=True))
    assert found.labels.tolist() == [[by_id[id_] for id_ in found.ids[0]]]
    add_to_index(tmp_path / "sounds", run, data=run.source, split="train", verbose=0)
    assert Index.load(tmp_path / "sounds").labels == expected + [()] * 8


def test_an_index_needs_no_labels(run, tmp_path, monkeypatch):
    def damaged(source, config):
        raise DataError("a split that isn't embedded is damaged")

    monkeypatch.setattr(run.system, "describe", damaged)
    made = build_index(run, tmp_path / "sounds", modality="audio", data=run.source, verbose=0)
    assert made.labels is None and len(made) == 8


def test_labels_are_looked_for_before_the_long_work(run, tmp_path, told):
    run.system = Labelled()
    build_index(run, tmp_path / "sounds", modality="audio", data=run.source)
    assert [task.name.split()[0] for task in told.begun] == ["looking", "embedding"]


def test_sounds_without_silence_and_without_duplicates(run, sounds):
    index = Index.load(sounds)
    kept = [0, 1, 3, 4, 5, 6, 7, 8]
    assert index.ids == [f"test-{n}" for n in kept]
    np.testing.assert_allclose(index.vectors, embedded(run, "test", "audio", kept), atol=1e-6)
    assert (index.modality, index.dim, len(index.model)) == ("audio", DIM, 64)


def test_ids_that_are_no_text_become_escapes(run, tmp_path, monkeypatch):
    def read(source, split, config):
        spoil = lambda example: example | {"id": tf.strings.join([b"\xff", example["id"]])}  # noqa: E731
        return TwoMatrices().read(source, split, config).map(spoil)

    monkeypatch.setattr(run.system, "read", read)
    build_index(run, tmp_path / "new", modality="visual")
    index = Index.load(tmp_path / "new")
    assert index.ids == [f"\\xfftest-{n}" for n in range(9)]
    ids, _ = retrieve(index, run, {"audio": np.ones((1, 3))}, 9)
    assert sorted(ids[0]) == index.ids
    assert len(remove_from_index(tmp_path / "new", ids=["\\xfftest-0"])) == 8


def test_pictures_with_the_silent_ones(run, tmp_path, told):
    index = build_index(run, tmp_path / "new", modality="visual", split="train")
    assert index.ids == [f"train-{n}" for n in range(9)]
    assert told.lines == [
        f"index of visual, train split, by {run.path}, into {tmp_path / 'new'}",
        "9 embedded; left out 0 silent, 1 twice",
        "scores: cosine",
    ]
    (embedding,) = [task for task in told.ended if task.name.startswith("embedding ")]
    assert (embedding.done, embedding.unit, embedding.complete) == (10, "videos", True)


@pytest.fixture
def corrected_run() -> TinyRun:
    """A run whose sounds are searched less their hubs: two videos of the test split in the bank."""
    run = TinyRun()
    queries = embedded(run, "test", "visual", [0, 1])
    ids = ["test-0", "test-1"]
    model = weights_fingerprint(run.network)
    run.system.hubs["audio"] = HubCorrection.of(queries, ids=ids, modality="visual", model=model)
    return run


def test_the_runs_correction_goes_into_the_index_and_what_is_added(corrected_run, tmp_path, told):
    index = build_index(corrected_run, tmp_path / "sounds", modality="audio")
    assert told.lines[-1].startswith("scores: cosine less hub bias, inverted-softmax")
    bank = corrected_run.system.hubs["audio"]
    np.testing.assert_allclose(index.bias, bank.bias(index.vectors, index.ids), atol=1e-6)
    grown = add_to_index(tmp_path / "sounds", corrected_run, split="train")
    assert len(grown.bias) == len(grown) == 16
    visual = np.random.default_rng(0).normal(size=(3, 4))
    cosines = retrieve(grown, corrected_run, {"visual": visual}, 16, hub_correction=False)
    scores = retrieve(grown, corrected_run, {"visual": visual}, 16)
    order = {each: row for row, each in enumerate(grown.ids)}
    for row in range(3):
        of = dict(zip(cosines[0][row], cosines[1][row], strict=True))
        wanted = [of[each] - grown.bias[order[each]] for each in scores[0][row]]
        np.testing.assert_allclose(scores[1][row], wanted, atol=1e-5)


def test_without_the_correction_an_index_has_cosines(corrected_run, tmp_path):
    options = {"modality": "audio", "hub_correction": False}
    assert build_index(corrected_run, tmp_path / "sounds", **options).score == "cosine"


def test_adding_to_an_index_that_was_built_without_stays_without(corrected_run, run, tmp_path):
    build_index(run, tmp_path / "sounds", modality="audio")
    assert add_to_index(tmp_path / "sounds", corrected_run, split="train").score == "cosine"


def test_the_other_modality_finds(run, sounds):
    index = Index.load(sounds)
    visual = np.random.default_rng(0).normal(size=(3, 4))
    ids, scores = retrieve(index, run, {"visual": visual}, 4)
    queries = run.system.embed(run.network, "visual", visual.astype(np.float32), None)
    expected = index.search(queries, 4)
    assert ids.tolist() == expected[0].tolist()
    np.testing.assert_array_equal(scores, expected[1])


def test_a_list_of_whole_numbers_is_a_query(run, sounds):
    index = Index.load(sounds)
    for found, expected in zip(
        retrieve(index, run, {"visual": [[0, 1, 2, 1]]}, 4),
        retrieve(index, run, {"visual": np.array([[0.0, 1.0, 2.0, 1.0]])}, 4),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def test_more_is_added_and_some_is_removed(run, sounds):
    assert len(add_to_index(sounds, run, split="validation")) == 16
    remove_from_index(sounds, ["test-0", "validation-8"])
    ids = Index.load(sounds).ids
    assert (len(ids), ids[0], ids[-1]) == (14, "test-1", "validation-7")


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_does_not_fit_changes_nothing(run, sounds):
    with lock(sounds):
        before = contents(sounds)
        with pytest.raises(ConfigError, match="another process is writing to this folder"):
            add_to_index(sounds, run, split="validation")
    with pytest.raises(DataError, match=f"id 'test-0' is in {sounds} already; remove it first"):
        add_to_index(sounds, run)
    with pytest.raises(ConfigError, match=r"was made by the model .*…, this is .*…"):
        add_to_index(sounds, TinyRun(seed=1), split="validation")
    with pytest.raises(DataError, match=r"id 'test-99' is not in .*; nothing was removed"):
        remove_from_index(sounds, ["test-0", "test-99"])
    assert contents(sounds) == before


def test_data_that_were_replaced(run, sounds, tmp_path):
    run.system.fingerprint = "1" * 64
    for call in (
        lambda **data: build_index(run, tmp_path / "index", modality="audio", **data),
        lambda **data: add_to_index(sounds, run, split="validation", **data),
    ):
        with pytest.raises(DataError, match="was trained on other data"):
            call()
        call(data=run.source)


def test_an_index_is_not_built_over_anything(run, sounds):
    before = contents(sounds)
    with pytest.raises(ConfigError, match="sounds: exists; choose another folder or remove it"):
        build_index(run, sounds, modality="audio")
    assert contents(sounds) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modality": "audo"}, "unknown modality 'audo'; did you mean 'audio'"),
        ({"modality": "audio", "backend": "hnws"}, "unknown backend 'hnws'; did you mean 'hnsw'"),
    ],
)
def test_what_can_not_be_built_leaves_nothing(run, tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        build_index(run, tmp_path / "new", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_system_that_embeds_no_modality_alone(tiny_run, tmp_path):
    with pytest.raises(ConfigError, match="ti-avc embeds no modality alone; it has no index"):
        build_index(tiny_run, tmp_path / "new", modality="audio")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"audio": np.ones((1, 3))}, "expected the array 'visual' alone.*got 'audio'"),
        ({"visual": np.ones((1, 4)), "x": 0}, "expected the array 'visual' alone"),
        ({"visual": np.ones((1, 5))}, r"visual: expected numbers \(n, 4\).*float64 \(1, 5\)"),
        ({"visual": np.ones(4)}, r"visual: expected numbers \(n, 4\)"),
        ({"visual": np.array([["a"] * 4])}, "got <U1"),
        ({"visual": np.ones((1, 4), "uint8")}, r"visual: got uint8 \(1, 4\); expected floats; deq"),
        ({"visual": np.ones((1, 4), bool)}, r"visual: got bool \(1, 4\); expected floats"),
        ({"visual": [[0, 128, 255, 3]]}, r"visual: got int64 \(1, 4\); expected floats"),
        ({"visual": np.full((1, 4), np.nan)}, "visual: holds no row, or values .* not finite"),
        ({"visual": np.ones((0, 4))}, "visual: holds no row"),
    ],
)
def test_unfit_queries(run, sounds, inputs, message):
    with pytest.raises(DataError, match=message):
        retrieve(Index.load(sounds), run, inputs, 1)


def test_queries_of_another_run(sounds):
    with pytest.raises(ConfigError, match="their vectors can't be compared; build the index again"):
        retrieve(Index.load(sounds), TinyRun(seed=1), {"visual": np.ones((1, 4))}, 1)


def test_a_folder_that_is_no_index_stays_as_it_is(run, tmp_path):
    with pytest.raises(DataError, match="nowhere: no index"):
        add_to_index(tmp_path / "nowhere", run)
    with pytest.raises(DataError, match="nowhere: no index"):
        remove_from_index(tmp_path / "nowhere", ["a"])
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_swept(run, sounds):
    shutil.copytree(sounds, sounds / ".partial-abc-data")
    remove_from_index(sounds, ["test-0"])
    assert not list(sounds.glob(".partial-*"))
