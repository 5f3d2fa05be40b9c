from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from kavc.errors import DataError
from kavc.evaluation.charts import bars
from kavc.evaluation.headline import Headline
from kavc.evaluation.made import Made
from kavc.evaluation.predictions import read_predictions, write_predictions
from kavc.evaluation.report import Report
from kavc.evaluation.table import Column, Table

SOURCE = "synthetic KWAI-like corpus, world seed 0"


@pytest.fixture
def report():
    return Report(
        "Ti-AVC, test split",
        Headline("match AUC", 0.78731, "max", (0.78051, float("nan"))),
        [Table("main", [Column("system"), Column("AUC", ".2f", "%")], [("Ti-AVC", 78.731)])],
        [bars("per-theme", ["a", "b"], [0.6, 0.7], caption="AUC a theme.", source=SOURCE)],
        ["3 videos without sound were dropped."],
        {"labels": np.array([1, 0]), "scores": np.array([0.5, -1.5], "float32"), "id": ["x", "y"]},
    )


def test_markdown(report):
    assert report.to_markdown() == (
        "# Ti-AVC, test split\n"
        "\n"
        "**match AUC 0.7873 (higher is better)**\n"
        "\n"
        "| system | AUC (%) |\n"
        "| :--- | ---: |\n"
        "| Ti-AVC | 78.73 |\n"
        "\n"
        "![AUC a theme.](figures/per-theme.png)\n"
        "\n"
        "AUC a theme. *Source: synthetic KWAI-like corpus, world seed 0*\n"
        "\n"
        "## Notes\n"
        "\n"
        "- 3 videos without sound were dropped.\n"
    )


def test_a_report_begins_with_how_it_was_made(report, tmp_path):
    made = Made(commands=["kavc train x"], date="2026-01-31T12:00:00Z", notes=report.notes)
    begun = dataclasses.replace(report, made=made)
    assert begun.to_markdown() == report.to_markdown().replace(
        "(higher is better)**\n",
        "(higher is better)**\n\n## How this was made\n\n"
        "- Command: `kavc train x`\n- Date: 2026-01-31 12:00 UTC\n\n## Results\n",
    )
    begun.save(tmp_path)
    assert Report.load(tmp_path).made == made
    assert {**begun.to_json(), "made": None} == {**report.to_json(), "made": None}
    shown = Report.load(tmp_path)._repr_html_()
    assert "kavc train x" in shown and "data:image/png;base64," in shown


def test_a_command_that_code_can_not_hold(report):
    made = Made(commands=["kavc train `a`\n<b>"])
    text = dataclasses.replace(report, made=made).to_markdown()
    assert "- Command: kavc train \\`a\\` &lt;b>\n" in text


def test_a_repr_says_what_it_is(report):
    assert repr(report) == (
        "Report('Ti-AVC, test split', match AUC 0.7873 (higher is better), 1 table, 1 figure)"
    )
    assert repr(report.headline) == "Headline('match AUC 0.7873 (higher is better)')"
    assert repr(report.figures[0]).startswith("Figure('per-theme', ")
    assert "draw" not in repr(report.figures[0])


def test_round_trip_through_a_folder(report, tmp_path):
    report.save(tmp_path)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {
        "report.json",
        "report.md",
        "tables/main.csv",
        "figures/per-theme.png",
        "predictions.npz",
    }
    loaded = Report.load(tmp_path)
    assert loaded.to_json() == report.to_json()
    assert loaded.to_markdown() == report.to_markdown()
    assert loaded.tables == report.tables
    np.testing.assert_equal(loaded.predictions, report.predictions)
    assert loaded.predictions["scores"].dtype == np.float32
    loaded.save(tmp_path)
    loaded.save(tmp_path / "copy")
    picture = (tmp_path / "figures" / "per-theme.png").read_bytes()
    assert (tmp_path / "copy" / "figures" / "per-theme.png").read_bytes() == picture


def test_json_is_strict(report):
    value = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert value["headline"]["interval"] is None
    assert value["figures"][0]["file"] == "figures/per-theme.png"
    assert Report.from_json(value).to_json() == {**value, "predictions": []}


def test_a_later_report_without_predictions_finds_none(report, tmp_path):
    report.save(tmp_path)
    Report(report.title, report.headline).save(tmp_path)
    assert Report.load(tmp_path).predictions == {}


def test_table_by_name(report):
    assert report.table("main") is report.tables[0]
    with pytest.raises(DataError, match="unknown table 'mian'; did you mean 'main'"):
        report.table("mian")


def test_figure_by_name(report):
    name = report.figures[-1].name
    assert report.figure(name) is report.figures[-1]
    with pytest.raises(DataError, match=f"unknown figure '{name}s'; did you mean '{name}'"):
        report.figure(f"{name}s")


@pytest.mark.parametrize(
    "text, expected",
    [
        (str(Headline("loss", 0.5, "min", unit="nat")), "loss 0.5 nat (lower is better)"),
        (
            str(Headline("top-1", 12.5, "max", (10, 15), "%")),
            "top-1 12.5 %, 95 % interval 10 to 15 % (higher is better)",
        ),
    ],
)
def test_headline_reads_as_a_sentence(text, expected):
    assert text == expected


@pytest.mark.parametrize("interval", [(np.nan, np.nan), (0.5, np.nan), (np.nan, 0.5)])
def test_a_headline_keeps_no_interval_that_is_none(interval):
    headline = Headline("AUC", 0.7, "max", interval)
    assert headline.interval is None
    assert str(headline) == "AUC 0.7 (higher is better)"


@pytest.mark.parametrize(
    "stored, expected", [([0.97, 1.03], (0.97, 1.03)), ([0.5, None], None), ([None] * 2, None)]
)
def test_headlines_of_earlier_reports_are_read(stored, expected):
    """Intervals were normal ones then, with ends beyond 1 or none."""
    value = Headline("AUC", 1.0, "max").to_json() | {"interval": stored}
    assert Headline.from_json(json.loads(json.dumps(value))).interval == expected


@pytest.mark.parametrize("direction, better", [("max", True), ("min", False)])
def test_better_than(direction, better):
    low, high, nan = (Headline("x", value, direction) for value in (1.0, 2.0, float("nan")))
    assert high.better_than(low) is better and low.better_than(high) is not better
    assert low.better_than(nan) and not nan.better_than(low) and not nan.better_than(nan)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"headline": None},
        {"headline": {"name": "x", "value": "y", "direction": "max", "interval": None, "unit": ""}},
        {"headline": {"name": "x", "value": 1, "direction": "up", "interval": None, "unit": ""}},
        {"headline": {"name": "x", "value": 1, "direction": "max", "interval": [1], "unit": ""}},
        {"tables": [{}]},
        {"figures": [{"name": "../../etc/passwd", "caption": "", "source": ""}]},
        {"figures": [{"name": "x"}]},
        {"notes": 3},
        {"made": 3},
        {"made": {"date": "never"}},
    ],
)
def test_refuses_damaged_json(report, tmp_path, change):
    (tmp_path / "report.json").write_text(json.dumps({**report.to_json(), **change}))
    with pytest.raises(DataError, match=r"report\.json: "):
        Report.load(tmp_path)


def test_refuses_missing_and_damaged_files(report, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        Report.load(tmp_path)
    report.save(tmp_path)
    content = (tmp_path / "predictions.npz").read_bytes()
    for damaged in (b"", b"PK", content[:-30], content[:200] + b"\0" * 40 + content[240:]):
        (tmp_path / "predictions.npz").write_bytes(damaged)
        with pytest.raises(DataError, match=r"predictions\.npz: "):
            Report.load(tmp_path)
    (tmp_path / "predictions.npz").unlink()
    with pytest.raises(DataError, match="evaluate the run again"):
        Report.load(tmp_path)
    (tmp_path / "figures" / "per-theme.png").unlink()
    with pytest.raises(DataError, match="no such file; save the report that drew it again"):
        Report.from_json(report.to_json(), tmp_path).save(tmp_path / "copy")


def test_predictions_hold_no_objects(tmp_path):
    with pytest.raises(DataError, match="dtype object"):
        write_predictions(tmp_path / "p.npz", {"a": np.array([{}])})
    with pytest.raises(DataError, match="plain word"):
        write_predictions(tmp_path / "p.npz", {"../a": np.zeros(1)})
    assert not list(tmp_path.iterdir())
    np.savez(tmp_path / "p.npz", a=np.array([{}], dtype=object))
    with pytest.raises(DataError, match=r"a\.npy holds pickled objects"):
        read_predictions(tmp_path / "p.npz")


def test_names_are_distinct(report):
    with pytest.raises(DataError, match="expected distinct names"):
        Report("t", report.headline, tables=report.tables * 2)
    with pytest.raises(DataError, match="direction 'up'"):
        Headline("x", 1.0, "up")
