"""The whole road of Ti-AVC on a tiny corpus: train, reproduce, evaluate, export, serve, ask."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import kavc
from kavc.cli.main import app
from kavc.errors import ConfigError
from kavc.serving.client.blocking import Client
from kavc.serving.server.local import LocalServer
from kavc.training.reproduction import reproduce
from kavc.training.run import load_run

pytestmark = [
    pytest.mark.usefixtures("without_graphs"),
    pytest.mark.filterwarnings("ignore:Even though the .tf.config.experimental_run_functions"),
]
ROWS = {
    "baseline-1": "baseline-1", "baseline-2": "baseline-2", "joint-ti-avc": "joint",
    "ti-avc": "ti-avc",
}  # fmt: skip
FLOAT32 = 2e-5  # absolute, for probabilities: other fusions of ops, other order of sums


def cli(*words):
    from typer.testing import CliRunner

    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def source(tiny_corpus):
    return f"synthetic:{tiny_corpus}"


@pytest.fixture(scope="module")
def reproduced(source, small_options, tmp_path_factory):
    """All rows of Table 1, one seed; and the report over them."""
    out = tmp_path_factory.mktemp("reproduced")
    options = [
        word for item in small_options.items() for word in ("--set", "=".join(map(str, item)))
    ]
    words = ["reproduce", "ti-avc", "--data", source, "--out", out, "--seeds", 1, *options]
    return out, json.loads(cli(*words, "--json").stdout)


def test_every_row_of_the_table_is_trained(reproduced):
    out, report = reproduced
    for folder, variant in ROWS.items():
        run = load_run(out / folder / "seed-0")
        assert run.config.variant == variant
        assert 0 <= run.report.headline.value <= 100
    (table,) = [table for table in report["tables"] if table["name"] == "table-1"]
    labels = [row[0] for row in table["rows"]]
    assert labels[:4] == ["Baseline-1", "Baseline-2", "Joint Ti-AVC", "Ti-AVC"]
    assert [row[-1] for row in table["rows"][:4]] == [55.58, 74.52, 77.88, 78.73]
    assert (out / "report.md").is_file()


def test_reproducing_again_trains_nothing(reproduced, source, small_options):
    out, report = reproduced
    trained = []
    again = reproduce("ti-avc", source, out, seeds=1, overrides=small_options,
                      after_epoch=lambda stage, state: trained.append(stage.name))  # fmt: skip
    assert trained == []
    assert again.to_json()["headline"] == report["headline"]


def test_some_rows_alone(reproduced, source, small_options, tmp_path):
    out, _ = reproduced
    there = shutil.copytree(out, tmp_path / "some")
    options = {"seeds": 1, "overrides": small_options}
    report = reproduce("ti-avc", source, there, only=["Ti-AVC", "Baseline-2"], **options)
    labels = [row[0] for row in report.table("table-1").rows]
    assert labels[:2] == ["Baseline-2", "Ti-AVC"] and "Baseline-1" not in labels
    with pytest.raises(ConfigError, match=r"unknown row 'Ti-AV'; did you mean 'Ti-AVC'\?"):
        reproduce("ti-avc", source, there, only=["Ti-AV"], **options)


def test_runs_are_compared_side_by_side(reproduced):
    out, _ = reproduced
    runs = [out / folder / "seed-0" for folder in ("baseline-1", "ti-avc")]
    report = json.loads(cli("evaluate", *runs, "--json").stdout)
    rows = report["tables"][0]["rows"]
    for run, row in zip(runs, rows, strict=True):
        assert row[1] == pytest.approx(load_run(run).report.headline.value)


def test_the_server_answers_as_the_network_does(reproduced, tmp_path):
    out, _ = reproduced
    run = kavc.load_run(out / "ti-avc" / "seed-0")
    folder = cli("export", run.path, "--to", tmp_path / "models").stdout.strip()
    assert folder == str(tmp_path / "models" / "ti-avc" / "1")
    videos = list(run.system.read(run.source, "test", run.config).take(6).as_numpy_iterator())
    longest = max(1, *(len(video["audio"]) for video in videos))
    inputs = {
        "audio": np.stack([np.resize(video["audio"], (longest, 128)) for video in videos]),
        "audio_length": np.array([len(video["audio"]) for video in videos], np.int32),
        "visual": np.stack([video["visual"] for video in videos[::-1]]),
        "visual_length": np.array([len(video["visual"]) for video in videos[::-1]], np.int32),
        "theme": np.array([video["theme"] for video in videos[::-1]], np.int32),
    }
    expected = run.network(inputs, training=False)
    with LocalServer(tmp_path / "models", port=0) as server, Client(server.address) as client:
        answers = client.predict("ti-avc", inputs)
    score = 1 / (1 + np.exp(-np.asarray(expected["match"])[:, 0]))
    np.testing.assert_allclose(answers["match_score"], score, atol=FLOAT32)
    assert answers["theme_probabilities"].shape == (6, 12)
    np.testing.assert_allclose(answers["theme_probabilities"].sum(axis=1), 1, atol=1e-5)
