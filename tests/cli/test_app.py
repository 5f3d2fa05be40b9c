"""`kavc app`: what is refused before a page is served."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest


@pytest.fixture(autouse=True)
def extra():
    pytest.importorskip("nicegui", reason="the extra app is not installed")


@pytest.fixture
def nobody():
    """An address at which nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_a_mistake_is_one_line(refused, tmp_path):
    assert "--server" in refused("app")
    assert "expected HOST:PORT" in refused("app", "--server", "nowhere")
    words = "app", "--server", "a:1"
    assert "no such folder" in refused(*words, "--tracks", tmp_path / "nosuch")
    assert "no weights of YAMNet" in refused(*words, "--weights", tmp_path)
    assert "--max-upload-mb" in refused(*words, "--max-upload-mb", 0)


def test_a_server_that_does_not_answer(refused, nobody):
    line = refused("app", "--server", nobody, code=1)
    assert line.startswith(f"no server answers at {nobody}")


def test_a_missing_extra_is_named(refused, monkeypatch):
    from kavc.app import launch

    found = launch.find_spec
    monkeypatch.setattr(
        launch, "find_spec", lambda name: None if name == "nicegui" else found(name)
    )
    assert refused("app", "--server", "a:1").endswith("pip install 'kavc[app]'")


def test_a_port_that_is_taken():
    from kavc.app.launch import _bound
    from kavc.app.options import AppOptions
    from kavc.errors import ConfigError

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="give another --port"):
            _bound(AppOptions("a:1", port=port))


def test_quiet_hides_neither_the_address_nor_the_warning(cli, monkeypatch):
    from kavc.app import launch

    monkeypatch.setattr(launch, "start", lambda options, *, tell: tell(f"http://{options.host}:1"))
    result = cli("--quiet", "app", "--server", "a:1")
    assert (result.exit_code, result.stderr) == (0, "http://127.0.0.1:1\n")


def test_help_waits_for_neither_tensorflow_nor_the_page():
    code = (
        "import sys; from typer.testing import CliRunner; from kavc.cli.main import app; "
        "result = CliRunner().invoke(app, ['app', '--help']); assert result.exit_code == 0; "
        "print([name for name in ('tensorflow', 'keras', 'nicegui') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
