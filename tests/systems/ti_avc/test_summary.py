"""Several runs together: means over seeds, the paper's order, runs with other inputs."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import ConfigError
from kavc.evaluation.headline import Headline
from kavc.evaluation.report import Report
from kavc.evaluation.table import Column, Table
from kavc.metrics.auc import roc_auc
from kavc.systems.ti_avc.paper import TABLE_1
from kavc.systems.ti_avc.summary import compare, summarise

THEMES = ("Cars", "Food")
VIDEOS = 40


def report(
    separation, seed, inputs=("vision", "audio", "predicted theme", "true theme"), videos=VIDEOS
):
    """A report whose match scores tell pairs apart by `separation` standard deviations."""
    rng = np.random.default_rng(seed)
    label = np.repeat([1, 0], videos).astype(np.int8)
    predictions = {}
    for kind in ("random", "same_theme"):
        predictions |= {
            f"{kind}_label": label,
            f"{kind}_match": (rng.normal(size=2 * videos) + separation * label).astype(np.float32),
            f"{kind}_theme": np.tile([0, 1], videos),
            f"{kind}_visual": np.tile(np.arange(videos), 2),
            f"{kind}_audio": np.r_[np.arange(videos), np.roll(np.arange(videos), 1)],
        }
    columns = [Column("system"), Column("AUC", ".2f")]
    match = Table("match", columns, [("bound, random", 90.0)], source="synthetic corpus")
    columns = [Column("pairs"), *(Column(name, ".2f", "%") for name in inputs)]
    shares = Table("contributions", columns, [("pooled", *[100 / len(inputs)] * len(inputs))])
    headline = Headline("match AUC", 50.0, "max")
    return Report("run", headline, [match, shares], notes=["shared"], predictions=predictions)


def seeds(separation, **options):
    return [report(separation, seed, **options) for seed in range(3)]


def test_rows_in_the_papers_order_are_said_to_be_so():
    reports = {label: seeds(2.0 * number) for number, label in enumerate(TABLE_1)}
    summary = summarise(reports, THEMES, "test")
    means = [row[1] for row in summary.table("table-1").rows[:4]]
    assert means == sorted(means)
    assert summary.table("table-1").rows[0][-1] == TABLE_1["Baseline-1"]
    assert "holds in 3 of 3 seeds" in summary.notes[0]
    assert "shared" in summary.notes


def test_rows_in_another_order_are_said_to_be_so():
    reports = {label: seeds(4.0 - number) for number, label in enumerate(TABLE_1)}
    assert "holds in 0 of 3 seeds" in summarise(reports, THEMES, "test").notes[0]


def test_systems_with_other_inputs_share_one_table_of_contributions():
    wider = ("vision", "audio", "product", "predicted theme", "true theme")
    reports = {label: seeds(1.0) for label in TABLE_1} | {"wider": seeds(1.0, inputs=wider)}
    table = summarise(reports, THEMES, "test").table("table-2")
    rows = {row["system"]: row for row in table.to_records()}
    assert rows["wider, mean"]["product"] == pytest.approx(20)
    assert rows["Ti-AVC, mean"]["product"] is None


def test_runs_on_other_pairs_are_not_compared():
    other = report(1.0, 1)
    other.predictions["random_audio"][-1] = 5
    with pytest.raises(ConfigError, match="scored on different pairs"):
        compare({"a": report(1.0, 0), "b": other})


def test_runs_side_by_side():
    table = compare({"a": report(0.0, 0), "b": report(3.0, 1)}).table("comparison")
    first, second = table.rows
    assert table.source == "synthetic corpus"
    assert first[-1] is None
    assert second[-2] == pytest.approx(second[1] - first[1])
    assert second[-1] < 1e-6


def test_neither_interval_nor_p_of_a_handful_of_pairs():
    few = {"a": report(0.0, 0, videos=9), "b": report(3.0, 1, videos=9)}
    rows = compare(few).table("comparison").to_records()
    assert all(row["AUC"] is not None for row in rows)
    assert {row[name] for row in rows for name in ("low", "high", "p")} == {None}
    rows = summarise({label: [one] for label, one in few.items()}, THEMES, "test")
    assert {row[-1] for row in rows.table("differences").rows} == {None}


def test_figure_2_shows_the_mean_and_the_range_over_seeds():
    from matplotlib.figure import Figure as Canvas

    reports = {"Baseline-1": seeds(0.5), "Ti-AVC": seeds(1.0)}
    summary = summarise(reports, THEMES, "test")
    (figure,) = summary.figures
    assert "Mean over 3 seeds; whiskers: lowest to highest seed." in figure.caption
    canvas = Canvas()
    figure.draw(canvas)
    (axes,) = canvas.axes
    found = [
        [100 * roc_auc(label[at], match[at]) for at in (slice(0, None, 2), slice(1, None, 2))]
        for label, match in (
            (one.predictions["random_label"], one.predictions["random_match"])
            for one in reports["Ti-AVC"]
        )
    ]
    np.testing.assert_allclose(axes.lines[0].get_xdata(), np.mean(found, axis=0))
    whiskers = [line[:, 0] for line in axes.collections[0].get_segments()]
    np.testing.assert_allclose(whiskers, np.transpose([np.min(found, 0), np.max(found, 0)]))


def test_themes_of_a_handful_do_not_count():
    reports = {
        label: [report(1.0, seed, videos=12) for seed in (0, 1)] for label in ("Baseline-1", "x")
    }
    notes = summarise(reports, THEMES, "test").notes
    assert not any(note.startswith("Figure 2") for note in notes)  # six videos a theme
    reports = {label: seeds(1.0) for label in ("Baseline-1", "x")}
    assert any("of 2 themes of 10 test videos" in note for note in
               summarise(reports, THEMES, "test").notes)  # fmt: skip
