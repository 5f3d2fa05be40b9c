"""The correction of a trained network: its bank, what validation chooses, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.data.roster import Roster
from kavc.errors import ConfigError, DataError
from kavc.metrics.hubness import hubness
from kavc.metrics.retrieval import match_ranks
from kavc.retrieval.hubs import CSLS, HubCorrection
from kavc.systems.cross_modal_embedding import hubs as module
from kavc.systems.cross_modal_embedding.config import CrossModalConfig
from kavc.systems.cross_modal_embedding.embeddings import embed_alone, embed_one, with_bias
from kavc.systems.cross_modal_embedding.hubs import (
    Hubs,
    bank_of,
    choose,
    corrected,
    fit_hubs,
)
from kavc.systems.cross_modal_embedding.system import CrossModalEmbeddingSystem


@pytest.fixture(scope="module")
def network(make_network):
    return make_network()


def fitted(network, make_store, validation=3, **options):
    config = CrossModalConfig(**options)
    return fit_hubs(network, make_store(120, 2), make_store(90, validation), config)


def test_the_bank_is_the_training_videos_with_sound(network, make_store):
    found, train = fitted(network, make_store), make_store(120, 2)
    for modality, other in (("audio", "visual"), ("visual", "audio")):
        hubs = found.of(modality)
        assert (len(hubs), hubs.modality) == (111, other)
        assert hubs.ids == [each.decode() for each in train.ids[9:]]
        queries = embed_one(network, other, getattr(train, other)[9:])
        assert np.all(np.sum(hubs.units * queries, axis=1) > 0.9999)
    found.check(network)


def test_of_more_videos_it_is_groups_which_stand_for_all(network, make_store):
    found, again = (fitted(network, make_store, hub_bank=20) for _ in range(2))
    for modality in ("audio", "visual"):
        hubs = found.of(modality)
        assert (len(hubs), hubs.weights.sum(), list(hubs.ids)) == (20, 111, [])
        np.testing.assert_array_equal(hubs.bank, again.of(modality).bank)
    whole = fitted(network, make_store)
    items = embed_one(network, "audio", make_store(50, 7).audio)
    bias, wanted = (x.audio.settings.bias(items, x.audio.units, x.audio.weights)
                    for x in (found, whole))  # fmt: skip
    assert np.corrcoef(bias, wanted)[0, 1] > 0.98


def test_validation_is_in_no_bank(network, make_store):
    one, other = (fitted(network, make_store, validation=seed) for seed in (3, 4))
    np.testing.assert_array_equal(one.audio.bank, other.audio.bank)


def test_of_many_videos_evenly_spaced_ones_are_taken(network, make_store, monkeypatch):
    monkeypatch.setattr(module, "MOST_TRAINING", 30)
    monkeypatch.setattr(module, "MOST_VALIDATION", 40)
    found = fitted(network, make_store)
    assert len(found.audio) == 30 and found.audio.ids[0] == "2-9" and found.audio.ids[-1] == "2-119"


def test_ids_that_an_index_could_not_hold_leave_the_bank_without_names():
    queries = np.eye(3, dtype="f4")
    for ids in ([b"a\tb", b"c", b"d"], [b"caf\xe9", b"caf\\xe9", b"d"], [b"x" * 300, b"c", b"d"]):
        assert not bank_of(queries, np.array(ids, object), 10).ids
    assert bank_of(queries, np.array([b"caf\xe9", b"c", b"d"], object), 10).ids


@pytest.mark.parametrize("rows", [2, 10])
def test_embeddings_that_are_not_finite_are_told_of(rows):
    queries = np.full((5, 3), np.nan, "f4")
    with pytest.raises(DataError, match="not finite; the network diverged"):
        bank_of(queries, np.arange(5).astype("S"), rows)


def test_silent_videos_tie_under_a_correction_too(make_network, make_store):
    """With a bank of few rows, whose products round equal items differently."""
    network = make_network()
    found, store = fitted(network, make_store, hub_bank=2), make_store(101, 5, silent=20)
    embedded = corrected(found, embed_alone(network, store), store.ids)
    assert np.all(embedded.ranks()["v2a"].tied[:20] == 19)


def test_banks_in_each_others_place_are_refused(network, make_store):
    found = fitted(network, make_store)
    with pytest.raises(ConfigError, match="the bank of queries is of 'audio', as the items are"):
        Hubs(audio=found.visual, visual=found.audio).check(network)


def roster(heard, count=6):
    ids = np.array([b"%d" % n for n in range(count)], object)
    splits = np.zeros(count + 1, np.int64)
    return Roster(ids, splits[:0], splits, np.arange(count) < heard, np.ones(count, bool))


def test_sound_for_the_bank_is_asked_for_before_anything_is_trained():
    system = CrossModalEmbeddingSystem()
    with pytest.raises(
        DataError, match=r"'train': 1 of its 6 videos have sound; .*hub_correction=none"
    ):
        system.check_split("train", roster(1), CrossModalConfig())
    system.check_split("train", roster(2), CrossModalConfig())
    system.check_split("train", roster(1), CrossModalConfig(hub_correction="none"))
    system.check_split("test", roster(1), CrossModalConfig())


def test_two_training_videos_must_have_sound(network, make_store):
    train = make_store(10, 2)
    with pytest.raises(DataError, match=r"1 of the 10 training videos have sound; .* needs 2"):
        fit_hubs(network, train, make_store(20, 3), CrossModalConfig())


def test_a_network_that_collapsed_has_a_bank_too():
    queries = np.tile(np.eye(1, 6, dtype="f4"), (40, 1))
    bank = bank_of(queries, np.arange(40).astype("S"), 10)
    assert len(bank) == 2 and bank.weights.sum() == 40
    assert np.isfinite(bank.bias(queries)).all()


def with_hubs(count, seed):
    """Pairs of unit vectors, of which every tenth item lies towards the middle of all queries."""
    rng = np.random.default_rng(seed)
    queries = rng.normal(size=(count, 16)) + 1.0
    items = queries + 0.9 * rng.normal(size=(count, 16))
    items[::10] += 3.0
    return [(x / np.linalg.norm(x, axis=1, keepdims=True)).astype("f4") for x in (queries, items)]


@pytest.mark.parametrize("kind", ["inverted-softmax", "csls"])
def test_where_there_are_hubs_the_choice_finds_more_on_other_videos(kind):
    bank = HubCorrection.of(with_hubs(400, 0)[0])
    settings = choose(*with_hubs(300, 1), bank, kind)
    assert settings.kind == kind and settings.strength > 0
    queries, items = with_hubs(300, 2)
    less = with_bias(queries, items, settings.bias(items, bank.units, bank.weights))
    assert match_ranks(*less).recall_at(1) > match_ranks(queries, items).recall_at(1) + 0.05
    assert hubness(*less).skewness < hubness(queries, items).skewness


def test_where_nothing_is_gained_nothing_is_taken_off():
    queries = np.eye(40, dtype="f4")
    bank = HubCorrection.of(np.eye(40)[:20])
    assert choose(queries, queries, bank, CSLS).strength == 0


def test_they_are_read_as_written_and_of_one_network(network, make_network, make_store, tmp_path):
    found = fitted(network, make_store, hub_correction="csls")
    found.save(tmp_path / "hubs")
    read = Hubs.load(tmp_path / "hubs")
    assert read.visual.settings == found.visual.settings
    np.testing.assert_array_equal(read.audio.bank, found.audio.bank)
    with pytest.raises(ConfigError, match="bank of queries was made by the model"):
        read.check(make_network(seed=1))
    (tmp_path / "hubs" / "audio" / "bank.npy").unlink()
    with pytest.raises(DataError, match=r"bank\.npy"):
        Hubs.load(tmp_path / "hubs")
