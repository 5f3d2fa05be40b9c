"""A bank of queries: made, kept, read, and what it refuses."""

import json

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.files import fingerprint
from kavc.retrieval.hub_bias import csls_bias, inverted_softmax_bias
from kavc.retrieval.hubs import CONTENT, CSLS, HubCorrection, Settings

from .test_hub_bias import BANK, ITEMS

IDS = [f"video-{n}" for n in range(len(BANK))]


def made(**options):
    return HubCorrection.of(BANK, **{"ids": IDS, "modality": "visual", "model": "ab"} | options)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        (Settings(strength=0.5, beta=10), lambda: inverted_softmax_bias(ITEMS, BANK, 10)),
        (Settings(CSLS, 0.5, neighbours=3), lambda: csls_bias(ITEMS, BANK, 3)),
    ],
)
def test_a_bias_is_its_rule_times_its_strength(settings, rule):
    """To the rounding of int8 directions, some 1/250 of an entry."""
    found = made(settings=settings).bias(ITEMS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, rule() / 2, atol=3e-3)


def test_no_strength_takes_nothing_off():
    assert not made(settings=Settings(strength=0)).bias(ITEMS).any()


def test_norms_of_queries_do_not_matter():
    scaled = HubCorrection.of(BANK * np.linspace(0.1, 9, len(BANK))[:, None])
    np.testing.assert_array_equal(scaled.bank, made().bank)
    np.testing.assert_allclose(np.linalg.norm(scaled.units, axis=1), 1, rtol=1e-6)
    assert np.all(np.sum(scaled.units * BANK, axis=1) > 0.9999)


def test_an_item_of_the_bank_does_not_count_its_own_query():
    hubs = made()
    alone, named = hubs.bias(hubs.units), hubs.bias(hubs.units, IDS)
    assert np.all(named < alone - 0.01)
    np.testing.assert_array_equal(hubs.bias(hubs.units, ["other"] * len(BANK)), alone)


def test_groups_have_no_ids_and_say_so():
    hubs = HubCorrection.of(BANK, weights=np.arange(1, 26), modality="visual")
    assert "25 visual groups of queries" in str(hubs) and "25 visual queries" in str(made())
    np.testing.assert_array_equal(hubs.bias(ITEMS, IDS + IDS[:15]), hubs.bias(ITEMS))


def test_it_is_read_as_it_was_written(tmp_path):
    for number, hubs in enumerate([made(), HubCorrection.of(BANK, Settings(CSLS, 1.0))]):
        hubs.save(tmp_path / str(number))
        found = HubCorrection.load(tmp_path / str(number))
        assert (found.settings, found.ids, found.modality, found.model) == (
            hubs.settings, hubs.ids, hubs.modality, hubs.model,
        )  # fmt: skip
        np.testing.assert_array_equal(found.bias(ITEMS, IDS), hubs.bias(ITEMS, IDS))


@pytest.mark.parametrize(
    ("queries", "options", "message"),
    [
        (BANK[:1], {}, "bank: 1 queries; expected 2 to 100000"),
        (BANK[:0], {}, "bank: there is none; expected at least one row"),
        (BANK[0], {}, "bank: expected numbers"),
        (BANK * (np.arange(25) != 3)[:, None], {}, "bank: row 3 is all zero"),
        (np.where(np.arange(25)[:, None] == 4, np.nan, BANK), {}, "bank: row 4 is not finite"),
        (BANK, {"ids": IDS[1:]}, "bank: 24 ids for 25 queries"),
        (BANK, {"ids": IDS[:-1] + IDS[:1]}, "'video-0' .number 24. is given twice"),
        (BANK, {"weights": np.ones(3)}, r"bank: weights float32 \(3,\) for 25 rows"),
        (BANK, {"weights": np.zeros(25), "ids": ()}, "bank: a weight is not positive"),
        (BANK, {"weights": np.arange(1, 26), "ids": IDS}, "a row with an id stands for one query"),
    ],
)
def test_what_is_no_bank_is_refused(queries, options, message):
    with pytest.raises(DataError, match=message):
        HubCorrection.of(queries, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "csl"}, "unknown correction of hubs 'csl'; did you mean 'csls'"),
        ({"strength": -0.1}, "strength must lie in 0 to 2"),
        ({"beta": 0}, "beta must lie in 0.01 to 1000"),
        ({"beta": float("nan")}, "beta must lie in"),
        ({"neighbours": 0}, "neighbours must lie in 1 to"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Settings(**options)


def test_a_bank_of_another_network_is_refused():
    hubs = made()
    hubs.check(model="ab", dim=6)
    with pytest.raises(ConfigError, match="made by the model ab, this is cd"):
        hubs.check(model="cd", dim=6)
    with pytest.raises(ConfigError, match="6 wide; expected 7"):
        hubs.check(model="ab", dim=7)


def rewrite(folder, **changes):
    path = folder / "hubs.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def spoil(folder, name, **arrays):
    """Changes a file, and makes the digest fit, as somebody who means harm would."""
    np.save(folder / name, *arrays.values(), allow_pickle=True)
    rewrite(folder, sha256=fingerprint([folder / each for each in CONTENT]))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "bank.npy").unlink(), "bank.npy"),
        (lambda folder: (folder / "bank.npy").write_bytes(b"\x93NUMPY"), "bank.npy"),
        (lambda folder: (folder / "ids.txt").write_text("a\n"), "1 ids for 25"),
        (lambda folder: rewrite(folder, format=9), '"format" is 9; expected 1'),
        (lambda folder: rewrite(folder, kind="other"), "unknown correction of hubs 'other'"),
        (lambda folder: rewrite(folder, beta="hot"), "'beta'"),
        (lambda folder: rewrite(folder, count=10**9), "no bank of 1000000000 queries"),
        (lambda folder: rewrite(folder, strength=1.5, sha256="0"), "altered"),
        (lambda folder: spoil(folder, "bank.npy", x=np.zeros((25, 6), "i1")), "row 0 is all zero"),
        (lambda folder: spoil(folder, "bank.npy", x=BANK), "larger|int8"),
        (lambda folder: spoil(folder, "weights.npy", x=np.full(25, np.nan, "f4")), "a weight"),
        (lambda folder: spoil(folder, "weights.npy", x=np.array([{}] * 25)), "weights.npy"),
    ],
)
def test_a_damaged_folder_is_refused_in_one_line(tmp_path, damage, message):
    made().save(tmp_path / "hubs")
    damage(tmp_path / "hubs")
    with pytest.raises(DataError, match=message) as caught:
        HubCorrection.load(tmp_path / "hubs")
    assert "\n" not in str(caught.value)
