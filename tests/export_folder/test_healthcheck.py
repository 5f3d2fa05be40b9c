"""The health check, against a server that answers as TensorFlow Serving's REST port does."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

EXPORT = Path(__file__).parents[2] / "export"
pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


STATES = {"good": ["END", "AVAILABLE"], "bad": ["LOADING"]}


class Rest(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        states = STATES.get(self.path.removeprefix("/v1/models/"))
        if states is None:
            body = {"error": f"Could not find any versions of model {self.path}"}
        else:
            body = {"model_version_status": [{"version": "1", "state": s} for s in states]}
        data = json.dumps(body, indent=1).encode()
        self.send_response(404 if states is None else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def check(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Rest)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def run(*models, config="", port=server.server_port):
        file = tmp_path / "models.config"
        file.write_text(config)
        done = subprocess.run(
            ["bash", EXPORT / "healthcheck.sh", *models],
            env={**os.environ, "PORT": str(port), "CONFIG": str(file)},
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.returncode, done.stderr

    yield run
    server.shutdown()
    thread.join()
    server.server_close()


def entries(*names):
    return "".join(f'config {{ name: "{name}" base_path: "/models/{name}" }}\n' for name in names)


def test_healthy(check):
    assert check("good") == (0, "")
    assert check(config=entries("good")) == (0, "")
    assert check(config=entries("good") + '# name: "bad"\n') == (0, "")


@pytest.mark.parametrize("models", [("bad",), ("none",), ("good", "bad")])
def test_not_available(check, models):
    line = f"no version of {models[-1]} is available\n"
    assert check(*models) == (1, line)
    assert check(config=entries(*models)) == (1, line)


def test_nobody_listens(check, unused_port):
    code, errors = check("good", port=unused_port)
    assert code == 1
    assert "refused" in errors


def test_no_model(check):
    code, errors = check()
    assert code == 1
    assert "no model in" in errors


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
