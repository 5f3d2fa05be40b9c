"""`kavc export` and `kavc serve`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kavc.serving import launcher
from kavc.serving.configs import BatchingConfig, TLSConfig
from kavc.serving.inspection.version_files import read_saved_model
from kavc.serving.options import ServerOptions
from kavc.serving.server.local import LocalServer


@pytest.fixture(scope="session")
def models_dir(tiny_run, tmp_path_factory):
    from kavc.export.run import export_run

    folder = tmp_path_factory.mktemp("served") / "models"
    export_run(tiny_run, folder)
    return folder


@pytest.fixture
def launched(monkeypatch):
    """What the launcher would have been told."""
    calls = []
    monkeypatch.setattr(
        launcher, "serve", lambda models_dir, options, report: calls.append((models_dir, options))
    )
    return calls


def test_export_prints_the_folder(cli, refused, tiny_run, tmp_path):
    words = ["export", tiny_run, "--to", tmp_path / "models", "--name", "mine", "--version", 1]
    result = cli(*words)
    folder = tmp_path / "models" / "mine" / "1"
    assert (result.exit_code, result.stdout) == (0, f"{folder}\n"), result.stderr
    assert (folder / "saved_model.pb").is_file()
    request = folder / "assets.extra" / "example_request.npz"
    ask = f"kavc predict --server localhost:8500 --model mine --input {request}"
    assert request.is_file() and f"to ask it: {ask}\n" in result.stderr
    assert len((folder / "assets" / "themes.txt").read_text().splitlines()) == 12
    assert (tmp_path / "models" / "models.config").is_file()
    assert refused(*words) == f"{folder} exists; a version is never overwritten"


def test_export_refuses_names_that_cannot_be_served(refused, tiny_run, tmp_path):
    line = refused("export", tiny_run, "--to", tmp_path / "models", "--name", "../mine")
    assert line.startswith("'../mine' can't be a model's name")
    assert not (tmp_path / "models").exists()


def test_export_with_an_index(refused, tiny_run, tmp_path):
    line = refused("export", tiny_run, "--to", tmp_path / "models", "--index", tmp_path)
    assert line == "ti-avc serves no index; export it without --index"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "give a run folder and --to MODELS_DIR, or --check FOLDER"),
        (["run"], "give a run folder and --to"),
        (["--check", ".", "--to", "x"], "neither a run nor --to"),
        (["run", "--check", "."], "neither a run nor --to"),
        (["--check", "nowhere"], "nowhere: no such folder"),
        (["--check", ".", "--allow-op", "ReadFiles"], "did you mean 'ReadFile'?"),
        (["run", "--to", "x", "--allow-op", "ReadFile"], "--allow-op goes with --check"),
    ],
)
def test_export_of_nothing(refused, words, says):
    assert says in refused("export", *words)


def test_check_prints_versions(cli, models_dir):
    result = cli("export", "--check", models_dir)
    assert result.exit_code == 0, result.stderr
    for word in ("ti-avc/1", "yes", "embed_audio, embed_visual, serving_default"):
        assert word in result.stdout
    (found,) = json.loads(cli("export", "--check", models_dir, "--json").stdout)
    assert found["servable"] and found["warmup_records"] == 4 and found["fault"] is None


def test_check_prints_versions_and_refuses(cli, models_dir, tmp_path):
    shutil.copytree(models_dir / "ti-avc" / "1", tmp_path / "ti-avc" / "1")
    (tmp_path / "ti-avc" / "1" / "variables" / "variables.index").unlink()
    (tmp_path / "ti-avc" / "2").mkdir()
    result = cli("export", "--check", tmp_path)
    assert result.exit_code == 2
    assert "ti-avc/1" in result.stdout and "ti-avc/2" in result.stdout
    line = result.stderr.removeprefix("error: ")
    assert line.endswith("variables.index: missing; the version is not whole (and 1 more)\n")


def test_check_allows_more_ops(cli, models_dir, tmp_path):
    shutil.copytree(models_dir / "ti-avc" / "1", tmp_path / "ti-avc" / "1")
    saved = read_saved_model(tmp_path / "ti-avc" / "1")
    nodes = saved.meta_graphs[0].graph_def.node
    nodes.add(name="words", op="Placeholder").attr["dtype"].type = 7
    nodes.add(name="read", op="ReadFile", input=["words"])
    (tmp_path / "ti-avc" / "1" / "saved_model.pb").write_bytes(saved.SerializeToString())
    assert cli("export", "--check", tmp_path).stderr.endswith(": --allow-op ReadFile\n")
    result = cli("export", "--check", tmp_path, "--allow-op", "ReadFile", "--allow-op", "PrintV2")
    assert result.exit_code == 0, result.stderr


def test_serve_hands_on_its_options(cli, launched, tmp_path):
    batching, monitoring = tmp_path / "batching.config", tmp_path / "monitoring.config"
    batching.write_text("max_batch_size { value: 8 } num_batch_threads { value: 2 }")
    monitoring.write_text('prometheus_config { enable: true path: "/metrics" }')
    words = ["--host", "0.0.0.0", "--port", 9000, "--batching", batching, "--threads", 4]
    words += ["--monitoring-port", 9001, "--monitoring-config", monitoring, "--no-warmup"]
    words += ["--tls-key", "key", "--tls-cert", "cert", "--tls-client-ca", "ca"]
    words += ["--max-message-mb", 4, "--poll", 0.5, "--grace", 3]
    words += ["--allow-op", "ReadFile", "--allow-op", "PrintV2"]
    result = cli("serve", tmp_path, *words)
    assert result.exit_code == 0, result.stderr
    ((folder, options),) = launched
    assert folder == tmp_path
    assert options == ServerOptions(
        host="0.0.0.0",
        port=9000,
        threads=4,
        max_message_bytes=4 * 2**20,
        batching=BatchingConfig(max_batch_size=8, num_batch_threads=2),
        monitoring_port=9001,
        monitoring_path="/metrics",
        tls=TLSConfig(Path("key"), Path("cert"), Path("ca"), client_verify=True),
        poll_seconds=0.5,
        grace_seconds=3,
        warmup=False,
        allow_ops=("ReadFile", "PrintV2"),
    )


def test_serve_without_options(cli, launched, tmp_path):
    assert cli("serve", tmp_path).exit_code == 0
    assert launched == [(tmp_path, ServerOptions())]


def test_metrics_that_the_file_turns_off(cli, launched, tmp_path):
    (tmp_path / "off.config").write_text("")
    words = ["--monitoring-port", 9001, "--monitoring-config", tmp_path / "off.config"]
    assert cli("serve", tmp_path, *words).exit_code == 0
    assert launched[0][1].monitoring_port is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--tls-key", "key"], "TLS needs both --tls-key and --tls-cert"),
        (["--tls-client-ca", "ca"], "TLS needs both"),
        (["--monitoring-config", "x"], "--monitoring-config needs --monitoring-port"),
        (["--monitoring-port", 8500], "are both 8500"),
        (["--batching", "nowhere"], "nowhere: no such file"),
        (["--allow-op", "ReadFiles"], "unknown op of TensorFlow 'ReadFiles'; did you mean"),
    ],
)
def test_options_that_do_not_go_together(refused, launched, tmp_path, words, says):
    assert says in refused("serve", tmp_path, *words)
    assert launched == []


@pytest.mark.parametrize(("folder", "says"), [("", "holds no model"), ("none", "no such folder")])
def test_serve_without_models(cli, tmp_path, folder, says):
    result = cli("serve", tmp_path / folder)
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stdout == ""


def test_serve_on_a_port_in_use(refused, models_dir):
    with LocalServer(models_dir, port=0) as running:
        line = refused("serve", models_dir, "--port", running.port, code=1)
    assert "the port is in use" in line
