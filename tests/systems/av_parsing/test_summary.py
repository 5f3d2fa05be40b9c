from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import ConfigError
from kavc.evaluation.headline import Headline
from kavc.evaluation.report import Report
from kavc.evaluation.spreads import spread
from kavc.evaluation.table import Column, Table
from kavc.metrics.parsing import class_scores, parsing_metrics
from kavc.systems.av_parsing import paper
from kavc.systems.av_parsing.evaluation import OTHER_CORPUS
from kavc.systems.av_parsing.held import NOTHING, WEAK
from kavc.systems.av_parsing.scoring import per_video
from kavc.systems.av_parsing.summary import compare, summarise
from kavc.systems.av_parsing.tables import ELSEWHERE, HERE, class_table, parsing_table

CLASSES = ["Speech", "Dog", "Cello"]
TRUTH = np.random.default_rng(0).random((60, 10, 2, 3)) < [0.6, 0.3, 0.2]


def report(wrong, seed=0, *, ids=None, note=OTHER_CORPUS, probes=(80.0, 90.0)):
    """A report of a network that has a share of all segments wrong."""
    flips = np.random.default_rng([seed, int(1000 * wrong)]).random(TRUTH.shape) < wrong
    predicted = TRUTH ^ flips
    lines = {
        "this network": predicted,
        NOTHING: np.zeros_like(TRUTH),
        WEAK: np.broadcast_to(TRUTH.any(axis=(1, 2))[:, None, None], TRUTH.shape),
    }
    columns = [
        Column("features"), Column("where"), Column("accuracy, linear", ".1f", "%"),
        Column("accuracy, two layers", ".1f", "%"),
    ]  # fmt: skip
    return Report(
        f"{wrong} wrong",
        Headline("segment Type@AV", 1.0, "max"),
        [
            parsing_table(lines, TRUTH, "HAN", ELSEWHERE, "made up"),
            class_table(predicted, TRUTH, CLASSES, "made up"),
            Table("modality-probes", columns, [("joint", "", *probes)]),
        ],
        notes=["shared", note, f"only {wrong}, {seed}"],
        predictions={
            "id": np.arange(60).astype(bytes) if ids is None else ids,
            **per_video(predicted, TRUTH),
            "predicted": predicted.astype(np.uint8),
            "truth": TRUTH.astype(np.uint8),
        },
    )


def seeds(wrong, **options):
    return [report(wrong, seed, **options) for seed in range(3)]


def metrics(of):
    return parsing_metrics(of.predictions["predicted"], of.predictions["truth"])


@pytest.fixture(scope="module")
def rows():
    wrongs = (0.3, 0.28, 0.35, 0.25, 0.32, 0.2, 0.22, 0.24, 0.26, 0.1)
    labels = (*paper.VARIANT_OF_ROW, paper.IMPROVED)
    return {label: seeds(wrong) for label, wrong in zip(labels, wrongs, strict=True)}


@pytest.fixture(scope="module")
def summary(rows):
    return summarise(rows, "made up")


@pytest.mark.parametrize(
    ("table", "level", "published"),
    [("table-1", "segment", paper.SEGMENT), ("table-2", "event", paper.EVENT)],
)
def test_rows_over_seeds_beside_the_papers(rows, summary, table, level, published):
    found = {row[:2]: row[2:] for row in summary.table(table).rows}
    level = slice(0, 5) if level == "segment" else slice(5, 10)
    for label, of_seeds in rows.items():
        values = [list(metrics(one).as_dict().values()) for one in of_seeds]
        mine = np.array(values)[:, level]
        assert found[label, "mean"] == pytest.approx((3, *mine.mean(axis=0)))
        assert found[label, "sd over seeds"] == pytest.approx((3, *mine.std(axis=0, ddof=1)))
        if label in published:
            assert found[label, ELSEWHERE] == (None, *published[label])
    assert (paper.IMPROVED, ELSEWHERE) not in found
    nothing = list(parsing_metrics(np.zeros_like(TRUTH), TRUTH).as_dict().values())
    assert found[NOTHING, ""][1:] == pytest.approx(
        nothing[:5] if level == "segment" else nothing[5:]
    )
    assert (WEAK, "") in found


def test_ingredients_are_differences_of_the_same_seeds(rows, summary):
    found = {row[0::2][:2]: (row[1], *row[3:]) for row in summary.table("ingredients").rows}
    assert [name for name, _ in found] == [
        name
        for name in (
            "GCAA",
            "Adv+Skip",
            "GCAA on top of Adv+Skip",
            "refined labels",
            *(f"pretraining ({kind})" for kind in ("uni", "cross", "multi")),
            "ours",
        )
        for _ in ("segment", "event")
    ]
    for name, level, label, other in (
        ("GCAA", "segment", "Base + GCAA", "Base"),
        ("Adv+Skip", "event", "Base + Adv+Skip", "Base"),
        ("GCAA on top of Adv+Skip", "segment", "Base + Adv+Skip+GCAA", "Base + Adv+Skip"),
        ("refined labels", "segment", "Wu et al.", "HAN"),
        ("pretraining (uni)", "event", "Pretrain (uni)", "Base + Adv+Skip+GCAA"),
        ("ours", "event", paper.IMPROVED, "Base + Adv+Skip+GCAA"),  # which has fewest errors
    ):
        attribute = f"{level}_type_at_av"
        expected = spread([
            getattr(metrics(a), attribute) - getattr(metrics(b), attribute)
            for a, b in zip(rows[label], rows[other], strict=True)
        ])  # fmt: skip
        difference, *numbers = found[name, level]
        assert difference == f"{label} - {other}"
        values = expected.mean, expected.std, expected.low, expected.high, 3
        assert numbers == pytest.approx(values)


def test_modality_is_told_over_seeds():
    of_seeds = [report(0.2, seed, probes=(70.0 + 10 * seed, 100.0)) for seed in range(3)]
    (row,) = summarise({"HAN": of_seeds}, "made up").table("probes").rows
    assert row == ("HAN", "joint", 80.0, 10.0, 100.0, 0.0)


def test_headline_is_of_the_last_row(rows, summary):
    values = [metrics(one).segment_type_at_av for one in rows[paper.IMPROVED]]
    assert summary.headline.name == f"segment Type@AV, {paper.IMPROVED}"
    assert summary.headline.value == pytest.approx(np.mean(values))
    assert summary.headline.interval == pytest.approx(spread(values).interval)


def test_notes_are_those_of_every_run(summary):
    assert "shared" in summary.notes and OTHER_CORPUS in summary.notes
    assert not any(note.startswith("only") for note in summary.notes)


def test_some_rows_of_one_seed_are_enough(tmp_path):
    some = {"Base": [report(0.3, note="")], "Base + GCAA": [report(0.2, note="")]}
    found = summarise(some, "made up")
    rows = {row[:2]: row[2:] for row in found.table("table-1").rows}
    assert rows["Base", "sd over seeds"][1:] == (None,) * 5
    assert rows["Base", HERE][1:] == paper.SEGMENT["Base"]
    ingredients = found.table("ingredients").rows
    assert [(row[0], row[2]) for row in ingredients] == [("GCAA", "segment"), ("GCAA", "event")]
    assert ingredients[0][5:] == (None, None, 1)
    assert found.headline.interval is None
    found.save(tmp_path / "report")
    assert {path.stem for path in (tmp_path / "report" / "figures").iterdir()} == {
        "type-at-av", "class-scores",
    }  # fmt: skip
    lonely = summarise({"mine": [report(0.3)]}, "made up")
    assert "ingredients" not in [table.name for table in lonely.tables]


def test_figures_show_seeds_and_mean_class_scores(rows, summary):
    from matplotlib.figure import Figure as Canvas

    by_row, by_class = (Canvas(), Canvas())
    for figure, canvas in zip(summary.figures, (by_row, by_class), strict=True):
        figure.draw(canvas)
    widths = [bar.get_width() for bar in by_row.axes[1].patches]
    values = [[metrics(one).event_type_at_av for one in of_seeds] for of_seeds in rows.values()]
    np.testing.assert_allclose(widths, np.mean(values, axis=1))
    lines = {line.get_label(): line.get_xdata() for line in by_class.axes[0].lines}
    scores = [class_scores(one.predictions["predicted"], TRUTH)[0] for one in rows["HAN"]]
    np.testing.assert_allclose(lines["HAN"], 100 * np.mean(scores, axis=0))


def test_differences_are_paired_by_video(rows):
    good, bad = rows[paper.IMPROVED][0], rows["Base"][0]
    found = compare({"good": good, "bad": bad, "again": good}).table("comparison")
    assert len(found.rows) == 3 * 2
    by_run = {row[:2]: row[2:] for row in found.rows}
    numbers = [metrics(one).event_type_at_av for one in (good, bad)]
    values = by_run["bad", "event"]
    assert values[3] == pytest.approx(numbers[1])
    assert values[5] == pytest.approx(numbers[1] - numbers[0])
    assert values[6] < values[5] < values[7] < 0
    assert by_run["good", "segment"][5:] == (None, None, None)
    assert by_run["again", "segment"][5:] == (0, None, None)


def test_a_paired_interval_is_narrower_than_one_of_other_videos():
    first, second = report(0.2), report(0.2)
    worse = second.predictions["segment"].copy()
    worse[:3] -= 5.0
    second.predictions["segment"][:] = worse
    rows = compare({"a": first, "b": second}).table("comparison").rows
    low, high = next(row[-2:] for row in rows if row[:2] == ("b", "segment"))
    assert low < high
    assert high - low < 1  # three videos of 60; unpaired it would be some 10


@pytest.mark.parametrize(
    "together", [compare, lambda r: summarise({k: [v] for k, v in r.items()}, "")]
)
def test_other_videos_and_other_reports_are_refused(together):
    other = report(0.1, ids=np.arange(1, 61).astype(bytes))
    with pytest.raises(ConfigError, match="evaluated on different videos"):
        together({"a": report(0.1), "b": other})
    bare = Report("bare", Headline("x", 1.0, "max"), predictions={"id": np.arange(3)})
    with pytest.raises(ConfigError, match="report 'bare' has no 'segment' among its predictions"):
        together({"a": bare})
