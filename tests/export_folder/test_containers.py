"""Container files, read and not run: paths exist, flags are known, images are pinned."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kavc.export.config_files import BATCHING
from kavc.serving.configs import MonitoringConfig, read_batching, read_models, read_monitoring
from kavc.serving.flags import FLAGS

yaml = pytest.importorskip("yaml", reason="PyYAML comes with other packages, if at all")

EXPORT = Path(__file__).parents[2] / "export"
KINDS = ("cpu", "gpu")
TAG = {"cpu": "2.17.1", "gpu": "2.17.1-gpu"}


def compose(kind: str) -> dict:
    return yaml.safe_load((EXPORT / f"compose.{kind}.yaml").read_text())


def docker_command(kind: str) -> list[str]:
    text = (EXPORT / f"Dockerfile.{kind}").read_text()
    return json.loads(
        re.search(r"^CMD (\[.*?\])$", text, re.DOTALL | re.MULTILINE)[1].replace("\\\n", "")
    )


def flags(command: list[str]) -> dict[str, str]:
    assert all(word.startswith("--") and "=" in word for word in command)
    return dict(word.removeprefix("--").split("=", 1) for word in command)


@pytest.mark.parametrize("kind", KINDS)
def test_images_are_pinned(kind):
    text = (EXPORT / f"Dockerfile.{kind}").read_text()
    assert f"FROM tensorflow/serving:{TAG[kind]}\n" in text
    for service in compose(kind)["services"].values():
        tag = service["image"].rpartition(":")[2]
        assert re.match(r"v?\d+\.\d+\.\d+", tag)


@pytest.mark.parametrize("kind", KINDS)
def test_flags_are_the_binarys_and_agree(kind):
    command = flags(compose(kind)["services"]["serving"]["command"])
    assert set(command) <= FLAGS
    built_in = flags(docker_command(kind))
    assert built_in == {name: command[name] for name in built_in}
    assert set(command) - set(built_in) <= {"per_process_gpu_memory_fraction"}
    for name, value in command.items():
        if name.endswith("_file"):
            folder, _, file = value.rpartition("/")
            assert folder == "/models" and (EXPORT / file).is_file()  # as `kavc export` names them


@pytest.mark.parametrize("kind", KINDS)
def test_ports_are_those_of_the_flags(kind):
    service = compose(kind)["services"]["serving"]
    command = flags(service["command"])
    inside = {port.rpartition(":")[2] for port in service["ports"]}
    assert inside == {command["port"], command["rest_api_port"]}
    (rest,) = (port for port in service["ports"] if port.endswith(command["rest_api_port"]))
    assert rest.startswith("127.0.0.1:")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_built_and_mounted_is_there(kind):
    services = compose(kind)["services"]
    build = services["serving"]["build"]
    folder = EXPORT / build["context"]
    docker = (folder / build["dockerfile"]).read_text()
    for source in re.findall(r"^COPY (\S+) ", docker, re.MULTILINE):
        assert (folder / source).is_file()
    (models,) = services["serving"]["volumes"]
    assert models.startswith("${MODELS_DIR:?") and models.endswith(":/models:ro")
    source, _, _ = services["prometheus"]["volumes"][0].partition(":")
    assert (EXPORT / source).is_file()


@pytest.mark.parametrize("kind", KINDS)
def test_limits_and_health(kind):
    service = compose(kind)["services"]["serving"]
    resources = service["deploy"]["resources"]
    assert re.fullmatch(r"\d+g", resources["limits"]["memory"])
    devices = resources.get("reservations", {}).get("devices", [])
    assert [device["capabilities"] for device in devices] == ([["gpu"]] if kind == "gpu" else [])
    health = service["healthcheck"]["test"]
    docker = (EXPORT / f"Dockerfile.{kind}").read_text()
    assert health == ["CMD", "/bin/bash", "/kavc/healthcheck.sh"]
    assert f"start-period={service['healthcheck']['start_period']}" in docker
    assert f"COPY healthcheck.sh {health[-1]}" in docker


def test_example_configs_are_read_and_are_what_export_writes():
    assert read_batching(EXPORT / "batching.config") == replace(
        BATCHING, pad_variable_length_inputs=True
    )
    assert read_monitoring(EXPORT / "monitoring.config") == MonitoringConfig()
    (entry,) = read_models(EXPORT / "models.config").model_config_list.config
    assert set(entry.version_labels.values()) == set(entry.model_version_policy.specific.versions)


def test_prometheus_asks_where_the_metrics_are():
    (job,) = yaml.safe_load((EXPORT / "prometheus.yaml").read_text())["scrape_configs"]
    assert job["metrics_path"] == read_monitoring(EXPORT / "monitoring.config").path
    (target,) = job["static_configs"][0]["targets"]
    service, _, port = target.partition(":")
    command = flags(compose("cpu")["services"][service]["command"])
    assert port == command["rest_api_port"]


def test_readme_names_every_file():
    text = (EXPORT / "README.md").read_text()
    for file in EXPORT.iterdir():
        if file.is_file() and file.name != "README.md":
            assert f"`{file.name}`" in text, file.name
