"""The tables of one network, and of several runs, against what can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import ConfigError
from kavc.evaluation.proportions import wilson_interval
from kavc.systems.music_match import evaluation, paper, scoring, summary
from kavc.systems.music_match.config import MusicMatchConfig
from kavc.systems.music_match.held import ORACLES, Held
from kavc.systems.music_match.rows import IMPROVED
from kavc.systems.music_match.scoring import other_videos, score
from kavc.systems.music_match.system import MusicMatchSystem

from .conftest import judgements, network

SMALL = {"visual_row": "6", "flow_row": "5", "audio_row": "4"}


def held(store, truth=None):
    oracles = {} if truth is None else {ORACLES["probability"]: truth}
    return Held(store, 0.6, "made up", oracles, ["a note on the data"])


def report(seed=0, truth=None, **options):
    config = MusicMatchConfig(**SMALL, head=options.get("head", "plain"))
    return evaluation.evaluate(network(seed=seed, **options), held(judgements(), truth), config)


def row(table, name):
    first = table.columns[0].name
    return next(each for each in table.to_records() if each[first] == name)


def test_accuracy_counts_right_answers_and_has_wilsons_interval():
    store, model = judgements(), network()
    scored = score(model, store)
    right = (scored.logit > 0) == (store.answer == 0)
    found = report()
    assert found.headline.value == pytest.approx(100 * right.mean())
    interval = wilson_interval(int(right.sum()), 40).interval
    assert found.headline.interval == pytest.approx(tuple(100 * end for end in interval))
    table = found.table("accuracy")
    assert row(table, "network")["accuracy"] == pytest.approx(100 * right.mean())
    always = 100 * (store.answer == 0).mean()
    assert row(table, "always the first track")["accuracy"] == pytest.approx(always)
    published = row(table, f"paper, {paper.TWO_STREAM} (another corpus)")
    assert published["accuracy"] == 53.2 and published["low"] is None


def test_of_a_corpus_whose_truth_is_known_the_expected_accuracy_is_told():
    truth = np.random.default_rng(0).uniform(size=40)
    scored = score(network(), judgements())
    found = report(truth=truth)
    expected = np.where(scored.logit > 0, truth, 1 - truth).mean()
    table = found.table("accuracy")
    assert row(table, "network")["expected"] == pytest.approx(100 * expected)
    bayes = np.maximum(truth, 1 - truth).mean()
    assert row(table, "oracle")["expected"] == pytest.approx(100 * bayes)
    assert any(note.startswith("Expected:") for note in found.notes)


def test_swapping_all_tracks_changes_nothing_of_the_symmetric_head_and_much_of_the_plain():
    plain, symmetric = report(), report(head="symmetric")
    table = symmetric.table("accuracy")
    values = {row(table, name)["accuracy"] for name in (
        "network", "network, tracks swapped", "network, mean of both orders",
        "network, by scores of tracks")}  # fmt: skip
    assert len(values) == 1
    consistency = "swap consistency: same track when both change places (%)"
    assert row(symmetric.table("places"), consistency)["value"] == 100
    assert row(plain.table("places"), consistency)["value"] < 100
    gap = "mean |logit + logit of changed places|"
    assert row(symmetric.table("places"), gap)["value"] < 1e-6
    assert row(plain.table("places"), gap)["value"] > 0.01


def test_each_judgement_gets_another_video():
    store = judgements()
    other = other_videos(store)
    assert (other != store.video).all()
    # Judgements of one video share the other one.
    assert len(set(zip(store.video.tolist(), other.tolist(), strict=True))) == 10


def test_answers_are_those_of_the_whole_network():
    store, rows = judgements(), np.arange(40)
    for head in ("plain", "symmetric"):
        asked = network(head=head)
        scored = score(asked, store)
        for logit, video, swapped in (
            (scored.logit, store.video, False),
            (scored.swapped, store.video, True),
            (scored.shuffled, other_videos(store), False),
        ):
            batch = store.gather(rows, np.full(40, swapped))
            batch |= store.videos.gather(dict.fromkeys(store.videos.lengths, video))
            found = asked(batch, training=False)
            np.testing.assert_allclose(logit, found["preference"][:, 0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            scored.score, asked(store.gather(rows, np.zeros(40, bool)))["score"],
            rtol=1e-4, atol=1e-5,
        )  # fmt: skip


def test_pictures_go_through_an_encoder_some_at_a_time(monkeypatch):
    store = judgements()
    whole = scoring.vectors(network(), store)
    monkeypatch.setattr(scoring, "NUMBERS", 100)
    few = scoring.vectors(network(), store)
    for name, rows in whole.items():
        np.testing.assert_allclose(few[name], rows, rtol=1e-5, atol=1e-6)


def test_who_cannot_decide_is_not_right():
    preferred = np.array([True, False, True])
    np.testing.assert_array_equal(
        evaluation.hits(np.array([0.0, 0.0, 2.0]), preferred), [False, False, True]
    )


def test_the_bootstrap_draws_videos_with_all_their_judgements():
    right = np.repeat(np.arange(20) % 2 == 0, 50)
    apart = evaluation.over_videos(right, np.arange(1000))
    together = evaluation.over_videos(right, np.repeat(np.arange(20), 50))
    assert apart.value == together.value == 0.5
    assert together.high - together.low > 4 * (apart.high - apart.low)


def test_raters_who_were_asked_the_same_in_whatever_order():
    store = judgements(4)
    store.video[:], store.a[:], store.b[:] = 0, [1, 2, 1, 1], [2, 1, 2, 3]
    store.answer[:] = [0, 1, 1, 0]  # 1, 1, 2; and 1 of another pair
    scored = score(network(), store)
    assert sorted(evaluation.counts_of(scored).tolist()) == [[1, 0], [2, 1]]
    table = evaluation.raters_table(scored, held(store))
    assert table.rows[0][1] == pytest.approx(2 / 3)
    assert (
        evaluation.raters_table(score(network(), judgements(3, 100)), held(judgements(3))) is None
    )


# === Several runs ===


def test_runs_side_by_side_are_tested_against_the_first():
    found = summary.compare({"one": report(), "two": report(seed=1)})
    records = found.tables[0].to_records()
    assert records[0]["difference to one"] is None
    assert 0 <= records[1]["p"] <= 1
    difference = records[1]["accuracy"] - records[0]["accuracy"]
    assert records[1]["difference to one"] == pytest.approx(difference)


def test_runs_that_were_asked_something_else_are_not_compared():
    other = evaluation.evaluate(network(), held(judgements(seed=3)), MusicMatchConfig(**SMALL))
    with pytest.raises(ConfigError, match="different judgements"):
        summary.compare({"one": report(), "two": other})


def test_the_rows_of_table_1_over_seeds_with_what_each_part_brings():
    truth = np.random.default_rng(0).uniform(size=40)
    labels = [each.label for each in MusicMatchSystem().rows(MusicMatchConfig())]
    reports = {
        label: [report(seed=2 * at + seed, truth=truth) for seed in (0, 1)]
        for at, label in enumerate(labels)
    }
    found = summary.summarise(reports, "made up")
    table = found.table("table-1")
    values = [each.headline.value for each in reports[paper.TWO_STREAM]]
    assert row(table, paper.TWO_STREAM)["accuracy"] == pytest.approx(np.mean(values))
    assert row(table, paper.TWO_STREAM)["paper"] == 53.2
    assert row(table, paper.GUESSING)["paper"] == row(table, paper.GUESSING)["accuracy"] == 50
    assert row(table, "oracle")["expected"] > row(table, IMPROVED)["expected"]
    parts = found.table("differences").to_records()
    assert len(parts) == len(summary.PARTS)
    flow = next(each for each in parts if each["what it brings"].startswith("flow, of two"))
    without = [each.headline.value for each in reports["Two-stream, without flow"]]
    assert flow["difference"] == pytest.approx(np.mean(values) - np.mean(without))
    assert found.figures and found.headline.name == "accuracy"


def test_every_part_names_two_rows_that_there_are():
    labels = {each.label for each in MusicMatchSystem().rows(MusicMatchConfig())}
    assert {label for _, *both in summary.PARTS for label in both} <= labels
