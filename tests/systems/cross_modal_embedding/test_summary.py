from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import ConfigError
from kavc.evaluation.headline import Headline
from kavc.evaluation.report import Report
from kavc.evaluation.table import Table
from kavc.metrics.retrieval import MatchRanks
from kavc.systems.cross_modal_embedding.summary import compare, summarise

VIDEOS = 300


def report(level, systems=("network", "cca"), ids=None, note="shared", videos=VIDEOS):
    """A report of queries whose matches have up to `level` better items."""
    predictions = {"id": np.arange(videos).astype(bytes) if ids is None else ids}
    draw = np.random.default_rng(level)
    for system in systems:
        for direction in ("a2v", "v2a"):
            predictions[f"{system}_{direction}_better"] = draw.integers(0, level, videos)
            predictions[f"{system}_{direction}_tied"] = np.zeros(videos, np.int64)
    table = Table("recall", ["a"], [], source="made up")
    return Report(
        f"level {level}", Headline("R@1", 1.0, "max"), [table],
        notes=[note, f"only {level}"], predictions=predictions,
    )  # fmt: skip


def recall(report, direction="a2v", k=1, system="network"):
    found = [report.predictions[f"{system}_{direction}_{x}"] for x in ("better", "tied")]
    return 100 * MatchRanks(*found).recall_at(k)


def test_differences_are_paired_and_of_each_gallery():
    good, bad = report(4), report(40)
    rows = compare({"good": good, "bad": bad, "again": good}).table("comparison").rows
    found = {row[:3]: row[3:] for row in rows}
    assert len(rows) == 4 * 2 * 2
    value, difference, low, high = found["bad", "A2V", VIDEOS]
    assert value == pytest.approx(recall(bad))
    assert difference == pytest.approx(recall(bad) - recall(good))
    assert low < difference < high < 0
    assert found["again", "V2A", 256][1:] == (0, None, None)
    assert found["good", "V2A", 256][1:] == (None, None, None)
    assert found["linear CCA", "A2V", VIDEOS][0] == pytest.approx(recall(good, system="cca"))


def test_a_run_that_leaks_is_called_so():
    leaking = report(4, systems=("network", "alone"))
    rows = compare({"code": leaking, "paper": report(5, ("network",))}).table("comparison").rows
    names = ["code, as published (leaks)", "code, each modality alone", "paper"]
    assert list(dict.fromkeys(row[0] for row in rows)) == names


def test_a_paired_interval_is_narrower_than_one_of_other_queries():
    first = report(4)
    better = dict(first.predictions)
    one_worse = better["network_a2v_better"].copy()
    one_worse[np.flatnonzero(one_worse == 0)[:3]] += 1
    object.__setattr__(first, "predictions", better)
    second = report(4)
    second.predictions["network_a2v_better"] = one_worse
    rows = compare({"a": first, "b": second}).table("comparison").rows
    found = {row[:3]: row[3:] for row in rows}
    low, high = found["b", "A2V", VIDEOS][2:]
    assert low < high
    assert high - low < 2.5  # three queries of 300; unpaired it would be some 14


@pytest.mark.parametrize(
    "together", [compare, lambda r: summarise({k: [v] for k, v in r.items()}, "")]
)
def test_other_videos_are_refused(together):
    with pytest.raises(ConfigError, match="evaluated on different videos"):
        together({"a": report(4), "b": report(4, ids=np.arange(1, VIDEOS + 1).astype(bytes))})
    with pytest.raises(ConfigError, match="has no ranks 'network_a2v_better'"):
        together({"a": report(4, systems=())})


def test_rows_over_seeds():
    reports = {"paper": [report(30), report(31)], "improved": [report(2), report(3)]}
    found = summarise(reports, "made up")
    rows = {row[:2]: row[2:] for row in found.table("recall").rows}
    systems = ["linear CCA", "paper", "improved", "paper (other videos)", "chance"]
    assert [row[0] for row in found.table("recall").rows] == systems * 2
    values = [recall(one, "v2a", 5) for one in reports["paper"]]
    assert rows["paper", "V2A"][4] == pytest.approx(np.mean(values))
    deviations = {row[:2]: row[2:] for row in found.table("recall-deviations").rows}
    assert deviations["paper", "V2A"][5] == pytest.approx(np.std(values, ddof=1))
    assert deviations["paper", "V2A"][0] == 2
    assert deviations["linear CCA", "A2V"] == (1, *[None] * 6)
    ends = {row[:3]: row[3:] for row in found.table("recall-intervals").rows}
    low, high = (ends["paper", "V2A", end][4] for end in ("low", "high"))
    assert low < np.mean(values) < high
    assert "improved" in found.headline.name
    assert "improved: above the paper's number in 6 of 6 cells." in found.notes
    assert "shared" in found.notes and "only 30" not in found.notes


@pytest.mark.parametrize(
    ("level", "videos"), [(1, VIDEOS), (4, 9)], ids=["every query is hit", "a handful of queries"]
)
def test_no_interval_where_it_says_nothing(level, videos):
    found = summarise({"row": [report(level, videos=videos)]}, "made up")
    assert all(set(row[3:]) == {None} for row in found.table("recall-intervals").rows)
    assert found.headline.interval is None
    assert "interval" not in str(found.headline)


def test_a_row_that_leaks_has_a_second_one():
    systems = ("network", "alone")
    found = summarise({"code": [report(5, systems)], "paper": [report(6, ("network",))]}, "made up")
    labels = [row[0] for row in found.table("recall").rows[:3]]
    assert labels == ["code, as published (leaks)", "code, each modality alone", "paper"]
    assert "paper" in found.headline.name
    leaking = summarise({"code": [report(5, systems)]}, "made up")
    assert "code, as published (leaks)" in leaking.headline.name


def test_runs_have_a_second_row_less_hubs():
    both = report(4, systems=("network", "less_hubs", "cca"))
    rows = compare({"one": both, "two": report(5)}).table("comparison").rows
    assert list(dict.fromkeys(row[0] for row in rows)) == [
        "linear CCA", "one", "one, less hubs", "two",
    ]  # fmt: skip
    found = summarise({"one": [both, both], "two": [report(5)]}, "made up").table("recall").rows
    assert [row[0] for row in found[:4]] == ["linear CCA", "one", "one, less hubs", "two"]
    assert found[2][-3] == pytest.approx(recall(both, system="less_hubs"))
