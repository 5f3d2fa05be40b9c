from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from kavc.data.canonical import canonical_correlation
from kavc.data.feature_store import FeatureStore
from kavc.evaluation.report import Report
from kavc.metrics.hubness import hubness
from kavc.metrics.random_galleries import RandomGalleries
from kavc.metrics.retrieval import MatchRanks, match_ranks
from kavc.systems.cross_modal_embedding.config import CrossModalConfig
from kavc.systems.cross_modal_embedding.embeddings import embed_alone, embed_canonical
from kavc.systems.cross_modal_embedding.evaluation import evaluate
from kavc.systems.cross_modal_embedding.hubs import fit_hubs


@pytest.fixture(scope="module")
def network(make_network):
    return make_network()


@pytest.fixture(scope="module")
def report(network, held):
    return evaluate(network, held, CrossModalConfig())


@pytest.fixture(scope="module")
def joint(make_network, held):
    return evaluate(make_network(input_norm="joint"), held, CrossModalConfig(input_norm="joint"))


def rows(report, name):
    """Rows by their first two cells."""
    return {row[:2]: row[2:] for row in report.table(name).rows}


def stored(report, system, direction):
    return MatchRanks(
        *(report.predictions[f"{system}_{direction}_{x}"] for x in ("better", "tied"))
    )


def test_tables_and_what_stands_in_them(report):
    assert [table.name for table in report.tables] == [
        "recall", "recall-intervals", "published-protocol", "recall-without-silent", "ranks",
        "labels", "label-differences", "hubs", "qualitative",
    ]  # fmt: skip
    systems = ["this network", "linear CCA", "paper (other videos)", "chance"]
    expected = [(system, heading) for heading in ("A2V", "V2A") for system in systems]
    assert list(rows(report, "recall")) == expected
    assert [figure.name for figure in report.figures] == ["recall", "hubs", "map"]
    assert "A note." in report.notes
    assert any("No correction of hubs: the run has none" in note for note in report.notes)
    assert any("300, 9 of them silent" in note for note in report.notes)


def test_recall_is_that_of_the_stored_ranks_which_are_the_networks(report, network, held):
    embedded = embed_alone(network, held.test)
    ranks = match_ranks(embedded.visual, embedded.audio)
    found = stored(report, "network", "v2a")
    np.testing.assert_array_equal(found.better, ranks.better)
    np.testing.assert_array_equal(found.tied, ranks.tied)
    recall = rows(report, "recall")["this network", "V2A"]
    drawn = [100 * RandomGalleries(256, 300).recall_at(ranks, k) for k in (1, 5, 10)]
    whole = [100 * ranks.recall_at(k) for k in (1, 5, 10)]
    np.testing.assert_allclose(recall, drawn + whole)
    np.testing.assert_array_equal(report.predictions["id"], held.test.ids.astype(bytes))


def test_intervals_hold_the_recalls(report):
    table = report.table("recall-intervals")
    ends = {row[:3]: np.array(row[3:]) for row in table.rows}
    recall = rows(report, "recall")
    for system, heading, _ in ends:
        low, high = (ends[system, heading, end] for end in ("low", "high"))
        values = np.array(recall[system, heading])
        assert (low <= values).all() and (values <= high).all() and (low < high).any()


def test_the_headline_is_the_mean_of_both_directions(report):
    recall = rows(report, "recall")
    both = [recall["this network", heading][0] for heading in ("A2V", "V2A")]
    assert report.headline.value == pytest.approx(np.mean(both))
    assert report.headline.name == "R@1 in galleries of 256, mean of both directions"
    low, high = report.headline.interval
    assert low < report.headline.value < high


def test_linear_cca_is_fitted_on_train_and_sees_what_is_in_common(report, held):
    cca = canonical_correlation(held.train.audio, held.train.visual)
    embedded = embed_canonical(cca, held.test)
    ranks = match_ranks(embedded.audio, embedded.visual)
    np.testing.assert_array_equal(stored(report, "cca", "a2v").better, ranks.better)
    assert rows(report, "recall")["linear CCA", "A2V"][0] > 20
    labels = rows(report, "labels")
    assert labels["linear CCA", "A2V"][1] > labels["chance", "both"][1] + 10


def test_differences_by_labels_are_paired_and_those_of_the_means(report):
    means, found = rows(report, "labels"), rows(report, "label-differences")
    for heading in ("A2V", "V2A"):
        difference, low, high = found["this network", heading]
        mine, other = (means[name, heading][0] for name in ("this network", "linear CCA"))
        assert difference == pytest.approx(mine - other)
        assert low < difference < high
    assert ("linear CCA", "A2V") not in found


def test_silent_videos_are_left_out_of_one_table(report, network, held):
    heard = embed_alone(network, held.test).select(np.arange(9, 300))
    ranks = match_ranks(heard.audio, heard.visual)
    found = rows(report, "recall-without-silent")["this network", "A2V"]
    assert found[-1] == pytest.approx(100 * ranks.recall_at(10))
    assert report.table("recall-without-silent").columns[-1].name == "all 291, R@10"


def test_ranks_of_the_whole_set(report):
    found = {row[:3]: row[3:] for row in report.table("ranks").rows}
    ranks = stored(report, "cca", "a2v")
    median, *shares = found["linear CCA", "A2V", 300]
    assert median == pytest.approx(np.median(ranks.expected), abs=0.5)
    expected = [100 * ranks.mean_reciprocal_rank(), 100 * ranks.ndcg_at(10)]
    assert shares == pytest.approx(expected)


def test_hubs_are_those_of_the_embeddings(report, network, held):
    embedded = embed_alone(network, held.test)
    heard = embedded.select(np.arange(9, 300))  # what is silent asks for the same ones
    found = hubness(heard.visual, heard.audio, 10)
    skewness, never, largest = rows(report, "hubs")["this network", "V2A"]
    assert (skewness, never, largest) == (found.skewness, 100 * found.never, found.largest)


def test_with_a_correction_everything_is_said_without_and_with_it(network, held, make_store):
    network.hubs = fit_hubs(network, held.train, make_store(200, 4), CrossModalConfig())
    try:
        found = evaluate(network, held, CrossModalConfig())
    finally:
        network.hubs, hubs = None, network.hubs
    for name in ("recall", "recall-without-silent", "ranks", "labels", "hubs"):
        systems = {row[0] for row in found.table(name).rows}
        assert {"this network", "this network, less hubs"} <= systems, name
    embedded = embed_alone(network, held.test)
    bias = hubs.audio.bias(embedded.audio, [each.decode() for each in held.test.ids])
    scores = embedded.visual @ embedded.audio.T - bias
    ranks = stored(found, "less_hubs", "v2a")
    better = (scores > np.diag(scores)[:, None]).sum(axis=1)
    # Rounding breaks ties in a sum that is made another way.
    apart = np.abs(ranks.better - better)[9:]
    assert apart.max() <= 1 and np.mean(apart > 0) < 0.02
    silent = ranks.tied[:9]
    assert np.all(silent == stored(found, "network", "v2a").tied[:9]) and np.all(silent == 8)
    assert any("how much of it, by recall at 1 on validation videos" in x for x in found.notes)
    assert not any("No correction of hubs" in x for x in found.notes)
    # What is said without it stays what it was.
    assert found.headline == evaluate(network, held, CrossModalConfig()).headline


@pytest.mark.parametrize("name", ["recall", "recall-intervals", "ranks", "labels"])
def test_every_share_is_in_per_cent(report, name):
    table = report.table(name)
    counts = {"gallery", "median rank"}
    shares = [column for column in table.columns if column.format and column.name not in counts]
    assert shares and {column.unit for column in shares} == {"%"}
    best = {column.name: max(row[column.name] or 0 for row in table.to_records())
            for column in shares}  # fmt: skip
    assert all(2 < value <= 100 for value in best.values()), best


def test_a_joint_norm_is_reported_as_leaking_and_alone(joint, report):
    names = {system for system, _ in rows(joint, "recall")}
    leaks, alone = "this network, as published (leaks)", "this network, each modality alone"
    assert {leaks, alone, "linear CCA"} < names
    assert "leaks" in joint.headline.name
    assert rows(joint, "recall")[leaks, "A2V"] != rows(joint, "recall")[alone, "A2V"]
    assert any("shares a scale" in note for note in joint.notes)
    assert not any("shares a scale" in note for note in report.notes)
    assert "alone_v2a_tied" in joint.predictions


@pytest.fixture(scope="module")
def few(make_network, make_store, held):
    data = dataclasses.replace(held, test=make_store(40, 3, silent=0), train=None)
    return evaluate(make_network(), data, CrossModalConfig())


def test_few_videos_without_training_ones(few):
    names = [table.name for table in few.tables]
    assert "published-protocol" not in names and "recall-without-silent" not in names
    assert "R@1 in galleries of 40" in few.headline.name
    assert ("linear CCA", "A2V") not in rows(few, "recall")
    assert any("linear CCA is not shown" in note for note in few.notes)


def test_two_videos_without_labels(make_network, make_store, held):
    """The fewest that a run takes; public test partitions have no labels."""
    store = make_store(2, 3, silent=0)
    bare = FeatureStore(
        store.ids, store.audio, store.visual, np.zeros(0, int), np.zeros(3, int), store.silent
    )
    data = dataclasses.replace(held, test=bare, train=None)
    found = evaluate(make_network(), data, CrossModalConfig())
    assert [figure.name for figure in found.figures] == ["recall", "hubs"]
    assert set(found.table("labels").rows[0][2:]) == {None}
    assert np.isfinite(found.headline.value)


def test_a_report_is_saved_and_read(few, tmp_path):
    few.save(tmp_path)
    text = (tmp_path / "report.json").read_text()
    json.loads(text, parse_constant=pytest.fail)
    found = Report.load(tmp_path)
    for name, values in few.predictions.items():
        np.testing.assert_array_equal(found.predictions[name], values)
    figures = {path.name for path in (tmp_path / "figures").iterdir()}
    assert figures == {"recall.png", "hubs.png", "map.png"}
