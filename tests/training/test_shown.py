"""What a run says of itself: one line and a small table, cheap, also of a damaged folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from kavc.training.run import Run, RunConfig

OPTIONS = "embedding_dim=8, units=8, filters=8, epochs=1, batch_size=64"


@pytest.fixture
def copy(tiny_run, tmp_path):
    """The small files of a run."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("config.json", "data.json", "report.json", "model.keras"):
        shutil.copy(tiny_run / name, folder)
    return folder


def with_report(folder, **changes):
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps(report | changes))


def test_a_run_is_one_line(copy):
    headline = {"name": "match AUC", "value": 92.84, "direction": "max", "interval": None}
    with_report(copy, headline=headline | {"unit": "%"})
    line = f"Run({str(copy)!r}, ti-avc, preset paper, finished, match AUC 92.84 %)"
    assert repr(Run(copy)) == line
    (copy / "model.keras").unlink()
    (copy / "report.json").unlink()
    assert repr(Run(copy)) == f"Run({str(copy)!r}, ti-avc, preset paper, not finished)"


def test_a_preset_has_its_name():
    name = "preset:cross-modal-embedding/youtube8m"
    assert repr(Run(name)).startswith(f"Run({name!r}, cross-modal-embedding, preset ")


def test_settings_are_those_that_differ(tiny_run):
    assert repr(Run(tiny_run).settings) == f"RunConfig(ti-avc, preset paper, {OPTIONS}, seed 0)"
    assert (
        repr(RunConfig("ti-avc", "paper", {}, 3, {})) == "RunConfig(ti-avc, preset paper, seed 3)"
    )


def test_a_notebook_shows_what_was_trained_on_what(copy):
    shown = Run(copy)._repr_html_()
    for said in ("ti-avc", OPTIONS, "synthetic:", "240 train, 30 validation, 30 test", "roc"):
        assert said in shown
    assert "<script" not in shown and "http" not in shown


def test_what_a_notebook_shows_is_escaped(copy):
    with_report(copy, figures=[{"name": "<script>alert(1)</script>"}, 7])
    data = json.loads((copy / "data.json").read_text())
    (copy / "data.json").write_text(json.dumps(data | {"source": "features:<b>\x1b[2J"}))
    shown = Run(copy)._repr_html_()
    assert "<script" not in shown and "<b>" not in shown and "\x1b" not in shown
    assert "features:&lt;b&gt;" in shown


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"headline": 7, "figures": 7, "source": 7, "counts": [7]}', "\xff" * 9],
)
def test_damaged_files_are_left_out(copy, text):
    run = Run(copy)
    for name in ("report.json", "data.json"):
        (copy / name).write_text(text, encoding="latin-1")
    assert repr(run) == f"Run({str(copy)!r}, ti-avc, preset paper, finished)"
    assert "finished" in run._repr_html_()
    shutil.rmtree(copy)
    assert "not finished" in repr(run) and "not finished" in run._repr_html_()


def test_it_loads_no_tensorflow(tiny_run):
    code = (
        f"import sys, kavc; run = kavc.Run({str(tiny_run)!r}); repr(run); run._repr_html_();"
        "print(sorted({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
