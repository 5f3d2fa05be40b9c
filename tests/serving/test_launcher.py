"""Which server `kavc serve` starts, and how it ends. A script stands in for TF Serving's binary."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from kavc.errors import ConfigError, ServingError
from kavc.serving import launcher
from kavc.serving.configs import (
    BatchingConfig,
    TLSConfig,
    models_text,
    read_batching,
    read_models,
    read_monitoring,
)
from kavc.serving.flags import BINARY, FLAGS, differences, model_server_command
from kavc.serving.inspection.version_files import read_saved_model
from kavc.serving.options import ServerOptions

# Keeps what it was given, says so through a FIFO, and then ends, waits, or ignores SIGTERM.
STAND_IN = """\
#!{python}
import shutil, signal, sys
from pathlib import Path
folder = Path({folder!r})
signal.alarm(120)  # whatever happens to its parent
(folder / "arguments").write_text("\\n".join(sys.argv[1:]))
for argument in sys.argv[1:]:
    name, _, value = argument.partition("=")
    if name.endswith("_file"):
        shutil.copy(value, folder / name.strip("-"))
mode = {mode!r}
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
(folder / "ready").write_text("ready")
if mode == "fail":
    sys.exit(3)
signal.pause()
"""
SERVE = """
import sys
from kavc.serving.launcher import serve
from kavc.serving.options import ServerOptions
options = ServerOptions(port=int(sys.argv[2]), grace_seconds=float(sys.argv[3]))
serve(sys.argv[1], options, report=lambda line: print(line, flush=True))
"""
PEM = "-----BEGIN {0}-----\nAAAA\n-----END {0}-----\n"


@contextlib.contextmanager
def start(models_dir, path, *, port=8511, grace=10.0, modules=""):
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(models_dir), str(port), str(grace)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PATH": str(path), "PYTHONPATH": str(modules)},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()  # unless it has ended, as it should


@pytest.fixture
def binary(tmp_path):
    """Makes the stand-in; gives its folder."""

    def make(mode: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        script = folder / launcher.BINARY
        text = STAND_IN.format(python=sys.executable, folder=str(tmp_path), mode=mode)
        script.write_text(text)
        script.chmod(0o755)
        os.mkfifo(tmp_path / "ready")
        return folder

    return make


def arguments(tmp_path) -> dict[str, str]:
    lines = (tmp_path / "arguments").read_text().split()
    return dict(line.removeprefix("--").split("=") for line in lines)


def test_the_binary_gets_every_model_and_ends_with_us(binary, models_dir, tmp_path):
    with start(models_dir, binary("wait")) as process:
        (tmp_path / "ready").read_text()  # waits until it has all
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert re.search(r"tensorflow_model_server --port=8511 .*: tiny\n", output)
    assert "has no --host: it listens on every interface" in output
    given = arguments(tmp_path)
    assert given["port"] == "8511"
    (entry,) = read_models(tmp_path / "model_config_file").model_config_list.config
    assert (entry.name, entry.base_path) == ("tiny", str(models_dir / "tiny"))
    assert not Path(given["model_config_file"]).parent.exists()  # nothing is left behind


def test_a_binary_that_does_not_end_is_killed_after_the_grace(binary, models_dir, tmp_path):
    with start(models_dir, binary("stubborn"), grace=0.1) as process:
        (tmp_path / "ready").read_text()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_second_signal_ends_it_at_once(binary, models_dir, tmp_path):
    with start(models_dir, binary("stubborn"), grace=1000) as process:
        (tmp_path / "ready").read_text()
        process.send_signal(signal.SIGTERM)
        process.stdout.readline()
        while process.stdout.readline() != f"stopping {BINARY}\n":
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert not Path(arguments(tmp_path)["model_config_file"]).parent.exists()


def test_a_signal_interrupts_nothing_half_done():
    """An exception from a handler inside `Popen.poll` would leave its lock taken for ever."""
    before = signal.getsignal(signal.SIGINT)
    with launcher._signals() as seen:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert seen == [signal.SIGTERM, signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_binary_that_fails(binary, models_dir, tmp_path):
    with start(models_dir, binary("fail")) as process:
        (tmp_path / "ready").read_text()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "ServingError: tensorflow_model_server ended with exit code 3" in errors


def test_a_foreign_op_is_refused_before_the_binary_starts(
    binary, models_dir, tmp_path, monkeypatch
):
    folder = tmp_path / "models"
    shutil.copytree(models_dir, folder)
    saved = read_saved_model(folder / "tiny" / "1")
    saved.meta_graphs[0].graph_def.node.add(name="mine", op="MyOp")
    (folder / "tiny" / "1" / "saved_model.pb").write_bytes(saved.SerializeToString())
    monkeypatch.setenv("PATH", str(binary("wait")))
    with pytest.raises(ServingError, match=r"tiny/1 is refused: the op MyOp"):
        launcher.serve(folder)
    assert not (tmp_path / "arguments").exists()


def test_a_graph_as_text_is_refused_before_the_binary_starts(
    binary, models_dir, tmp_path, monkeypatch
):
    """The binary would read it; the local server does not."""
    folder = tmp_path / "models"
    shutil.copytree(models_dir, folder)
    (folder / "tiny" / "3").mkdir()
    (folder / "tiny" / "3" / "saved_model.pbtxt").write_text("meta_graphs {}")
    monkeypatch.setenv("PATH", str(binary("wait")))
    with pytest.raises(ServingError, match=r"tiny/3 is refused: .*saved_model\.pb: no such file"):
        launcher.serve(folder)
    assert not (tmp_path / "arguments").exists()


def test_an_op_that_the_operator_allows(models_dir, tmp_path):
    folder = tmp_path / "models"
    shutil.copytree(models_dir, folder)
    saved = read_saved_model(folder / "tiny" / "1")
    nodes = saved.meta_graphs[0].graph_def.node
    nodes.add(name="words", op="Placeholder").attr["dtype"].type = 7
    nodes.add(name="read", op="ReadFile", input=["words"])
    (folder / "tiny" / "1" / "saved_model.pb").write_bytes(saved.SerializeToString())
    with pytest.raises(ServingError, match="--allow-op ReadFile"):
        launcher._refuse_foreign_versions(folder, ())
    launcher._refuse_foreign_versions(folder, ["ReadFile"])


def test_every_option_is_a_flag(models_dir, tmp_path):
    key, cert, authority = tmp_path / "key", tmp_path / "cert", tmp_path / "ca"
    for path in (key, cert, authority):
        path.write_text(PEM.format(path.name.upper()))
    newer = (("enable_large_batch_splitting", True), ("max_execution_batch_size", 4))
    batching = BatchingConfig(8, 500, 2, 5, pad_variable_length_inputs=True, others=newer)
    options = ServerOptions(
        port=9000,
        threads=16,
        batching=batching,
        monitoring_port=9001,
        monitoring_path="/metrics",
        tls=TLSConfig(key, cert, authority, client_verify=True),
        poll_seconds=1.5,
        warmup=False,
    )
    out = tmp_path / "out"
    out.mkdir(mode=0o700)
    first, *rest = model_server_command("/x/server", models_dir, options, out)
    given = dict(flag.removeprefix("--").split("=") for flag in rest)
    assert first == "/x/server"
    assert set(given) <= FLAGS
    files = {name: given.pop(name) for name in list(given) if name.endswith("_file")}
    assert given == {
        "port": "9000",
        "grpc_max_threads": "16",
        "enable_batching": "true",
        "rest_api_port": "9001",
        "file_system_poll_wait_seconds": "2",
        "enable_model_warmup": "false",
        "enable_grpc_healthcheck_service": "true",
    }
    assert read_batching(files["batching_parameters_file"]) == batching
    assert read_monitoring(files["monitoring_config_file"]).path == "/metrics"
    ssl = Path(files["ssl_config_file"])
    assert "-----BEGIN KEY-----" in ssl.read_text()
    assert ssl.stat().st_mode & 0o077 == 0  # it holds the private key
    assert len(read_models(files["model_config_file"]).model_config_list.config) == 1


def test_what_the_binary_does_otherwise_is_told():
    assert len(differences(ServerOptions())) == 1
    options = ServerOptions(
        max_message_bytes=2**20, grace_seconds=1, poll_seconds=0.5, monitoring_port=9001
    )
    told = "\n".join(differences(options))
    for word in ("--host", "--max-message-mb", "--grace", "every 1 s", "port 9001 too"):
        assert word in told


@pytest.mark.parametrize("name", ["port", "monitoring_port"])
def test_the_binary_can_not_pick_a_port(models_dir, tmp_path, name):
    with pytest.raises(ConfigError, match=f"give --{name.replace('_', '-')}"):
        model_server_command("x", models_dir, ServerOptions(**{name: 0}), tmp_path)


def test_without_models_nothing_is_started(binary, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(binary("wait")))
    with pytest.raises(ConfigError, match="no such folder"):
        launcher.serve(tmp_path / "none")
    assert not (tmp_path / "arguments").exists()


def test_without_the_binary_the_local_server_serves_until_sigterm(models_dir, tiny, tmp_path):
    from kavc.serving.client.blocking import Client

    with start(models_dir, tmp_path, port=0) as process:
        line = process.stdout.readline()
        assert "is not on the PATH) on 127.0.0.1:" in line and line.endswith("tiny 2\n")
        with Client(re.search(r"127\.0\.0\.1:\d+", line)[0]) as client:
            assert client.predict("tiny", tiny.batch(2, 3))["match"].shape == (2,)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output == "stopping: running requests have 10 s\n"


def test_two_signals_end_it_while_it_imports(models_dir, tmp_path):
    slow = "import time\nprint('importing', flush=True)\nwhile True: time.sleep(0.1)\n"
    (tmp_path / "tensorflow.py").write_text(slow)
    with start(models_dir, tmp_path, modules=tmp_path) as process:
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)  # two of one number could be taken as one
        process.communicate(timeout=60)
    assert process.returncode in (128 + signal.SIGINT, 128 + signal.SIGTERM)


def test_one_signal_while_it_imports_is_a_clean_end(tmp_path, monkeypatch):
    """No model is loaded only to be left; the folder holds none, which a start would tell."""
    for name in ("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "GRPC_VERBOSITY"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    signals, told = [signal.SIGTERM], []
    monkeypatch.setattr(launcher, "_leave_at_the_second", lambda signals: None)
    launcher._serve_locally(tmp_path, ServerOptions(port=0), told.append, signals)
    assert told == []


def test_settings_of_batching_that_the_local_server_does_not_know_are_told():
    told = []
    launcher.report_unread(ServerOptions(), told.append)
    launcher.report_unread(ServerOptions(batching=BatchingConfig()), told.append)
    assert told == []
    newer = (("enable_large_batch_splitting", True), ("max_execution_batch_size", 4))
    launcher.report_unread(ServerOptions(batching=BatchingConfig(others=newer)), told.append)
    names = "enable_large_batch_splitting, max_execution_batch_size"
    assert told == [f"batching: {names}: not read by the local server"]


def test_what_the_local_server_does_not_read_is_told(models_dir, tmp_path):
    told = []
    (tmp_path / "models.config").write_text(models_text({"tiny": "/models/tiny"}))
    launcher.report_pins(tmp_path, told.append)
    assert told == []
    pinned = textwrap.dedent("""
        model_config_list { config {
          name: "tiny" base_path: "/models/tiny"
          model_version_policy { specific { versions: 1 } }
        } }
    """)
    (tmp_path / "models.config").write_text(pinned)
    launcher.report_pins(tmp_path, told.append)
    (line,) = told
    assert "tiny" in line and "highest version" in line
