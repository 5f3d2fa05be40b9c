"""`kavc.evaluate`: of one run or of several, opened or by their folders."""

from __future__ import annotations

import shutil

import pytest

import kavc
from kavc.errors import ConfigError


@pytest.fixture(scope="module")
def report(tiny_run):
    return kavc.evaluate(tiny_run, verbose=0)


def test_a_run_as_its_folder_as_text_and_opened(tiny_run, report):
    run = kavc.load_run(tiny_run)
    assert isinstance(run, kavc.Run)
    for given in (str(tiny_run), run):
        assert kavc.evaluate(given, verbose=0).headline == report.headline
    assert report.headline == run.report.headline


def test_several_runs_stand_side_by_side(tiny_run, tmp_path, report):
    shutil.copytree(tiny_run, tmp_path / "other")
    found = kavc.evaluate([kavc.load_run(tiny_run), tmp_path / "other"], verbose=0)
    rows = found.table("comparison").to_records()
    assert [row["run"] for row in rows] == [tiny_run.name, "other"]
    assert [row["AUC"] for row in rows] == pytest.approx([report.headline.value] * 2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "give at least one run folder"),
        ("nowhere", "nowhere: no run folder"),
        (["nowhere"], "nowhere: no run folder"),
    ],
)
def test_what_is_no_run(given, message):
    with pytest.raises(ConfigError, match=message):
        kavc.evaluate(given, verbose=0)


def test_a_run_that_is_given_twice(tiny_run):
    with pytest.raises(ConfigError, match="given twice"):
        kavc.evaluate([tiny_run, kavc.load_run(tiny_run)], verbose=0)
