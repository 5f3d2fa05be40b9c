"""A run as a preset: small, true of itself, and good wherever a run is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import kavc
from kavc.cli.main import app
from kavc.errors import ConfigError, DataError, ExportError
from kavc.export.preset import _portable, write_preset
from kavc.training.run import load_run

NAME = "ti-avc/tiny"


@pytest.fixture(scope="module")
def root(tiny_run, tmp_path_factory) -> Path:
    """A folder of presets with one in it; not to be changed."""
    folder = tmp_path_factory.mktemp("presets")
    write_preset(tiny_run, folder / NAME)
    return folder


@pytest.fixture
def presets(root, monkeypatch) -> Path:
    monkeypatch.setattr("kavc.presets.folders.ROOT", root)
    return root


@pytest.fixture
def own(root, tmp_path, monkeypatch) -> Path:
    """The folder of a preset that may be damaged."""
    monkeypatch.setattr("kavc.presets.folders.ROOT", tmp_path)
    return Path(shutil.copytree(root / NAME, tmp_path / NAME))


def test_it_is_the_run_with_rounded_weights(presets, tiny_run):
    run, preset = load_run(tiny_run), kavc.from_preset(NAME)
    assert preset.settings == run.settings
    assert preset.config == run.config
    assert preset.network.get_config() == run.network.get_config()
    pairs = zip(preset.network.weights, run.network.weights, strict=True)
    for stored, trained in pairs:
        trained = np.asarray(trained)
        expected = trained.astype("float16").astype(trained.dtype)
        np.testing.assert_array_equal(stored, expected, err_msg=stored.path)


def test_it_is_half_as_large(presets, tiny_run):
    preset = presets / NAME
    full = preset.parent.parent / "full.weights.h5"
    load_run(tiny_run).network.save_weights(full)
    floats = 4 * load_run(tiny_run).network.count_params()
    assert full.stat().st_size - (preset / "model.weights.h5").stat().st_size > 0.4 * floats


def test_keras_reads_its_weights(presets, tiny_run):
    network = load_run(tiny_run).system.build(load_run(tiny_run).config)
    network.load_weights(presets / NAME / "model.weights.h5")
    for a, b in zip(network.weights, kavc.from_preset(NAME).network.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_report_is_of_the_stored_weights(presets, tiny_run):
    preset, run = kavc.from_preset(NAME), load_run(tiny_run)
    again = preset.system.evaluate(preset.network, run.source, preset.config)
    assert preset.report.headline == again.headline
    (note,) = [note for note in preset.report.notes if "float16" in note]
    assert str(run.report.headline) in note and str(again.headline) in note
    assert note in preset.model_card
    assert preset.model_card.startswith("# ti-avc/tiny, version 1")


def test_it_holds_no_path_of_this_machine(presets, tiny_run):
    source = load_run(tiny_run).source
    assert kavc.from_preset(NAME).data["source"] == f"synthetic:{source.path.name}"
    for file in (presets / NAME).rglob("*"):
        assert file.is_dir() or str(source.path.parent).encode() not in file.read_bytes(), file


def test_it_holds_no_path_of_its_run(tiny_run, tiny_corpus, tmp_path):
    run = Path(shutil.copytree(tiny_run, tmp_path / "runs" / "run"))
    data = json.loads((run / "data.json").read_text())
    data |= {
        "source": f"synthetic:{tiny_corpus}",
        "notes": [f"{tiny_corpus}/b.npz: 2 videos were left out", "see https://example.org/a"],
        "more": {"file": str(tmp_path / "x.json"), "share": 0.5},
    }
    (run / "data.json").write_text(json.dumps(data))
    folder = write_preset(run, tmp_path / "presets" / "tiny")
    written = json.loads((folder / "data.json").read_text())
    assert written["notes"] == ["b.npz: 2 videos were left out", "see https://example.org/a"]
    assert written["more"] == {"file": "x.json", "share": 0.5}
    assert written["classes"] == data["classes"]
    for file in folder.rglob("*"):
        content = b"" if file.is_dir() else file.read_bytes()
        for place in (tmp_path, tiny_corpus.parent):
            assert str(place).encode() not in content, file


@pytest.mark.parametrize("splits", ["a/b/splits.json", "/a/b/splits.json", None, {"file": "/a/b"}])
def test_splits_of_any_kind(splits):
    data = {"source": "kwai:/a/corpus", "splits": splits, "classes": ["/m/04rlf"], "notes": []}
    found = _portable(data)
    kept = {"file": "b"} if isinstance(splits, dict) else splits and "splits.json"
    assert found == data | {"source": "kwai:corpus", "splits": kept}


def test_a_run_without_a_report(tiny_run, tmp_path):
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    (run / "report.json").unlink()
    with pytest.raises(ConfigError, match="has no report, which a preset needs; go on with"):
        write_preset(run, tmp_path / "preset")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


SMALL_FILES = """
import resource, sys
from kavc.errors import KavcError
from kavc.export.preset import write_preset
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
try:
    write_preset(sys.argv[2], sys.argv[3])
except KavcError as error:
    sys.exit(f"{error.exit_code} {error}")
"""


def test_a_disk_that_takes_no_more(tiny_run, tmp_path):
    """HDF5 ended the process by a segmentation fault."""
    most = 20_000  # bytes of a file: less than the weights
    words = [sys.executable, "-c", SMALL_FILES, str(most), tiny_run, tmp_path / "presets" / "tiny"]
    done = subprocess.run(words, capture_output=True, text=True)
    told = "tiny: can't be written (File too large); nothing is left of it; make room or"
    assert done.returncode == 1 and f"1 {tmp_path}/presets/{told}" in done.stderr
    assert list(tmp_path.glob("presets/*")) == []


def run_command(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def test_commands_take_it_as_a_run(presets, tiny_corpus, tmp_path):
    data = f"synthetic:{tiny_corpus}"
    code, out, errors = run_command("evaluate", f"preset:{NAME}", "--data", data, "--json")
    assert code == 0, errors
    assert json.loads(out)["headline"] == kavc.from_preset(NAME).report.headline.to_json()
    code, out, errors = run_command("export", f"preset:{NAME}", "--to", tmp_path)
    assert code == 0, errors
    assert (tmp_path / "ti-avc" / "1" / "saved_model.pb").is_file()
    code, _, errors = run_command("evaluate", "preset:ti-avc/tiny2")
    assert code == 2
    assert "unknown trained preset 'ti-avc/tiny2'; did you mean 'ti-avc/tiny'?" in errors


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b[:100], lambda b: b"", lambda b: b"weights"]
)
def test_damaged_weights(own, damage):
    file = own / "model.weights.h5"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError, match="can't be read as weights of this network") as error:
        kavc.from_preset(NAME).network  # noqa: B018
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_of_another_network(own):
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    other.save_weights(own / "model.weights.h5")
    with pytest.raises(DataError, match="can't be read as weights of this network"):
        kavc.from_preset(NAME).network  # noqa: B018


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("data.json", lambda preset: preset.data),
        ("report.json", lambda preset: preset.report),
    ],
)
def test_a_missing_part(own, name, error):
    (own / name).unlink()
    with pytest.raises(DataError, match=f"{name}: no such file"):
        error(kavc.from_preset(NAME))


def test_a_missing_card(own):
    (own / "model_card.md").unlink()
    with pytest.raises(ConfigError, match=r"no preset \(it holds no model_card.md\)"):
        kavc.from_preset(NAME).model_card  # noqa: B018


def test_a_run_has_no_card(tiny_run):
    with pytest.raises(ConfigError, match=r"no preset \(it holds no model_card.md\)"):
        load_run(tiny_run).model_card  # noqa: B018


def test_a_weight_that_float16_does_not_hold(tiny_run, tmp_path):
    run = load_run(tiny_run)
    run.network.weights[0].assign(run.network.weights[0] * 0 + 7e4)
    with pytest.raises(ExportError, match=r"reaches 70000, more than float16 holds"):
        write_preset(run, tmp_path / "preset")
    assert list(tmp_path.iterdir()) == []


def test_a_dtype_that_is_none(tiny_run, tmp_path):
    with pytest.raises(ConfigError, match="unknown dtype 'float8'"):
        write_preset(tiny_run, tmp_path / "preset", dtype="float8")


def test_a_folder_that_is_there(tiny_run, tmp_path):
    with pytest.raises(FileExistsError):
        write_preset(tiny_run, tmp_path)
