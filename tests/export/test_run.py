"""From a run folder to a version, and the files beside it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kavc.data.features.header import OF_SYNTHETIC
from kavc.errors import ConfigError, ExportError
from kavc.evaluation.headline import Headline
from kavc.evaluation.report import Report
from kavc.export.run import export_run
from kavc.export.run_card import run_card
from kavc.export.write_error import WriteError
from kavc.partials import new_folder
from kavc.serving.configs import read_batching, read_models
from kavc.serving.warmup import read_warmup
from kavc.systems.base import Signature
from kavc.systems.ti_avc.signatures import signatures
from kavc.training.run import load_run


def test_a_run_is_exported_with_warm_up_and_configs(tiny_run, tmp_path):
    folder = export_run(tiny_run, tmp_path / "models")
    assert len(read_warmup(folder)) == 4
    assert read_batching(tmp_path / "models" / "batching.config").pad_variable_length_inputs
    (entry,) = read_models(tmp_path / "models" / "models.config").model_config_list.config
    assert (entry.name, entry.base_path) == ("ti-avc", "/models/ti-avc")


def test_a_config_that_can_not_be_read_comes_before_the_export(tiny_run, tmp_path):
    (tmp_path / "models.config").write_text("models {}")
    with pytest.raises(ConfigError, match="not a ModelServerConfig"):
        export_run(tiny_run, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["models.config"]


def test_an_index_that_nobody_takes(tiny_run, tmp_path):
    with pytest.raises(ConfigError, match="ti-avc serves no index; export it without --index"):
        export_run(tiny_run, tmp_path / "models", index=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_index_and_the_classes_are_handed_to_the_system(tiny_run, tmp_path, monkeypatch):
    run = load_run(tiny_run)
    seen = []

    def spy(network, config, assets=None):
        seen.append(assets)
        return signatures(network, config)

    monkeypatch.setattr(type(run.system), "assets", ("index",))
    monkeypatch.setattr(run.system, "signatures", spy)
    export_run(run, tmp_path / "models", index=tmp_path / "index")
    classes = tuple(run.data["classes"])
    assert seen == [{"index": tmp_path / "index", "classes": classes}]


@pytest.fixture
def own_run(tiny_run, tmp_path) -> Path:
    """A run folder that may be changed."""
    return Path(shutil.copytree(tiny_run, tmp_path / "mine" / "run"))


def card_of(folder: Path) -> str:
    return (folder / "assets.extra" / "model_card.md").read_text(encoding="utf-8")


def test_a_run_without_a_report_is_exported_and_its_card_says_why(own_run, tmp_path):
    (own_run / "report.json").unlink()
    (own_run / "report_error.txt").write_text(f"{own_run}/b.npz: damaged\n")
    card = card_of(export_run(own_run, tmp_path / "models"))
    assert "\nNo report: b.npz: damaged\n" in card
    assert "## Signatures" in card and "on the test split" not in card
    (own_run / "report_error.txt").unlink()
    run = load_run(own_run)
    offered = run.system.signatures(run.network, run.config)
    card = run_card(run, None, offered, name="m", version=1)
    assert "\nNo report: the evaluation was not finished.\n" in card
    assert "No report" not in run_card(
        run, Report("", Headline("match AUC", 0.5, "max")), offered, name="m", version=1
    )


def card_with(run: Path, **more: object) -> str:
    """The card of a run without a report."""
    opened = load_run(run)
    offered = opened.system.signatures(opened.network, opened.config) | more
    return run_card(opened, None, offered, name="m", version=1)


def test_a_card_does_not_say_features_alone_of_what_takes_media(tiny_run):
    assert "It takes features alone, made as" in card_with(tiny_run)
    media = card_with(tiny_run, front_end=Signature(dict, {}, {}, "What to send."))
    assert "alone" not in media and "Where it takes features, have them made as those" in media


def test_a_card_has_the_versions_of_the_training(own_run):
    versions = own_run / "versions.json"
    versions.write_text(json.dumps({"python": "3.11.0", "keras": "3.12.9"}))
    assert "| package | version |\n| --- | --- |\n| python | 3.11.0 |\n| keras | 3.12.9 |\n" in (
        card_with(own_run)
    )
    versions.unlink()
    assert "| keras | 3.12.9 |" not in (card := card_with(own_run)) and "| keras | 3." in card


def test_features_of_synthetic_films_are_synthetic_wherever_the_card_says_it(own_run):
    data = json.loads((own_run / "data.json").read_text())
    data |= {"source": "features:mine", "notes": [OF_SYNTHETIC]}
    (own_run / "data.json").write_text(json.dumps(data))
    card = card_with(own_run)
    assert "SYNTHETIC" in card.splitlines()[0]
    assert "- Data: synthetic, made by kavc.\n" in card and "not known here" not in card
    (own_run / "data.json").write_text(json.dumps(data | {"notes": []}))
    card = card_with(own_run)
    assert "SYNTHETIC" not in card and "- Data: not known here" in card


def test_a_run_that_is_not_finished(own_run, tmp_path):
    (own_run / "model.keras").unlink()
    with pytest.raises(ConfigError, match="training has not ended; go on with `kavc train --resu"):
        export_run(own_run, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_an_export_holds_no_path_of_this_machine(own_run, tiny_corpus, tmp_path):
    data = json.loads((own_run / "data.json").read_text())
    data |= {"source": f"synthetic:{tiny_corpus}", "splits": str(tmp_path / "splits.json")}
    data["notes"] = [*data["notes"], f"2 videos of {tiny_corpus}/b.npz were left out"]
    (own_run / "data.json").write_text(json.dumps(data))
    folder = export_run(own_run, tmp_path / "models")
    assert f"Source: `synthetic:{tiny_corpus.name}`" in card_of(folder)
    assert "2 videos of b.npz were left out" in card_of(folder)
    for file in (tmp_path / "models").rglob("*"):
        content = b"" if file.is_dir() else file.read_bytes()
        for place in (tmp_path, tiny_corpus.parent):
            assert os.fspath(place).encode() not in content, file


def test_only_what_nobody_writes_any_more_is_removed(tiny_run, tmp_path):
    model = tmp_path / "models" / "ti-avc"
    (model / ".partial-0-1" / "variables").mkdir(parents=True)
    with new_folder(model / "7", alone=True) as living:
        assert export_run(tiny_run, tmp_path / "models") == model / "1"
        assert sorted(path.name for path in model.iterdir()) == [living.name, "1"]


def test_a_config_to_which_nothing_can_be_added_comes_before_the_export(tiny_run, tmp_path):
    (tmp_path / "models.config").write_text("custom_model_config {}  # mine\n")
    with pytest.raises(ConfigError, match=r"add it by hand: config \{ name: \"ti-avc\""):
        export_run(tiny_run, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["models.config"]


def test_a_version_whose_config_can_not_be_written_is_taken_back(tiny_run, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kavc.export.run.write_config_files", full)
    with pytest.raises(WriteError, match=r"models: can't be written \(No space left on device\)"):
        export_run(tiny_run, tmp_path / "new" / "models")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "models" / "ti-avc" / "1").mkdir(parents=True)
    with pytest.raises(ExportError, match="1 exists"):
        export_run(tiny_run, tmp_path / "models", version=1)
    assert (tmp_path / "models" / "ti-avc" / "1").is_dir()


@pytest.mark.parametrize(("number", "code"), [(errno.EROFS, 2), (errno.ENOSPC, 1)])
def test_who_can_help_it_if_a_folder_cannot_be_made(tiny_run, tmp_path, monkeypatch, number, code):
    def mkdir(path, *arguments, **options):
        raise OSError(number, os.strerror(number), os.fspath(path))

    monkeypatch.setattr(os, "mkdir", mkdir)
    with pytest.raises(WriteError, match=os.strerror(number)) as caught:
        export_run(tiny_run, tmp_path / "models")
    assert caught.value.exit_code == code


@pytest.mark.parametrize("most", [64, 60_000])  # bytes: too few for a text, and for the graph
def test_a_disk_that_takes_no_more_ends_in_one_line(tiny_run, tmp_path, most):
    script = Path(__file__).with_name("small_files.py")
    words = [sys.executable, script, str(most), "export", tiny_run, "--to", tmp_path / "models"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert told == [
        f"error: {tmp_path}/models/ti-avc/1: can't be written (File too large); nothing is left of "
        "it; make room or choose another folder"
    ]
    assert list(tmp_path.iterdir()) == []
