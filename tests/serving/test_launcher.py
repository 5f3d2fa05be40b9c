"""Which server `kavc serve` starts. A script stands in for TensorFlow Serving's binary."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest
from google.protobuf import text_format

from kavc.errors import ServingError
from kavc.serving import launcher

RECORD = """#!/bin/sh
printf '%s\\n' "$@" > "{folder}/arguments"
for argument in "$@"; do
  case "$argument" in --model_config_file=*) cp "${{argument#*=}}" "{folder}/config";; esac
done
"""
SERVE = """
import sys
from kavc.serving.launcher import serve
serve(sys.argv[1], port=int(sys.argv[2]), report=lambda line: print(line, flush=True))
"""


def start(models_dir, port, path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", SERVE, str(models_dir), str(port)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PATH": str(path)},
    )


@pytest.fixture
def binary(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / launcher.BINARY
    script.write_text(RECORD.format(folder=tmp_path))
    script.chmod(0o755)
    return script


def test_the_binary_is_started_with_every_model(binary, tmp_path):
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    odd = 'an "odd" \\ näme'
    for model in ("a", odd):
        version = tmp_path / "models" / model / "1"
        version.mkdir(parents=True)
        (version / "saved_model.pb").touch()
    with start(tmp_path / "models", 8511, f"{binary.parent}:/usr/bin:/bin") as process:
        line = process.stdout.read()
    assert process.returncode == 0
    assert "on every interface, port 8511" in line and str(binary) in line
    port, config = (tmp_path / "arguments").read_text().split()
    assert port == "--port=8511" and config.startswith("--model_config_file=")
    os.unlink(config.partition("=")[2])
    models = text_format.Parse((tmp_path / "config").read_text(), ModelServerConfig())
    found = {m.name: (m.base_path, m.model_platform) for m in models.model_config_list.config}
    assert found == {name: (str(tmp_path / "models" / name), "tensorflow") for name in ("a", odd)}


def test_the_binary_can_not_pick_a_port(binary, models_dir, monkeypatch):
    monkeypatch.setenv("PATH", str(binary.parent))
    with pytest.raises(ServingError, match="give --port"):
        launcher.serve(models_dir, port=0)


def test_without_models_nothing_is_started(binary, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(binary.parent))
    with pytest.raises(ServingError, match="no such folder"):
        launcher.serve(tmp_path / "none")
    assert not (tmp_path / "arguments").exists()


def test_without_the_binary_the_local_server_serves_until_sigterm(models_dir, tiny, tmp_path):
    from kavc.serving.client import Client

    with start(models_dir, 0, tmp_path) as process:
        line = process.stdout.readline()
        assert "is not on the PATH) on 127.0.0.1:" in line and line.endswith("tiny 2\n")
        with Client(re.search(r"127\.0\.0\.1:\d+", line)[0]) as client:
            assert client.predict("tiny", tiny.batch(2, 3))["match"].shape == (2,)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
