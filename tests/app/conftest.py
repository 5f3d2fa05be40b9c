"""A server with tiny models, the page in a process of its own, and a browser that looks at it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import models

# The page needs no TensorFlow: where it were imported, this process would fail.
WITHOUT_TENSORFLOW = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras", "tensorflow_serving"):
            raise ImportError(f"{name} was imported")

sys.meta_path.insert(0, Refuse())
from kavc.cli.main import main
main()
"""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
STARTS = 120  # seconds that a process may take on a busy machine


@dataclass(frozen=True)
class Shown:
    """The page of a running process.

    Args:
        url: of it.
        process: that serves it.
        temporary: the folder in which it keeps clips.
        server: address of the models.
        films: folder with `clips` and `tracks`.
    """

    url: str
    process: subprocess.Popen
    temporary: Path
    server: str
    films: Path

    @property
    def clip(self) -> Path:
        return self.films / "clips" / "v0000.mp4"

    def kept(self) -> list[Path]:
        """The clips that are kept now."""
        return [file for folder in self.temporary.glob("kavc-app-*") for file in folder.iterdir()]

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STARTS)


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    """Two films of 5 s, and three songs."""
    from kavc.data.synthetic.films import FilmSettings, write

    folder = tmp_path_factory.mktemp("app") / "films"
    small = FilmSettings(seconds=5.0, width=64, height=48, rate=10, themes=2, seed=0)
    write(folder, small, videos=2, tracks=3)
    return folder


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """Address of a server with a parser, an embedding with an index, a ranker and a matcher."""
    from kavc.serving.server.local import LocalServer

    folder = tmp_path_factory.mktemp("app") / "models"
    models.parser(folder)
    models.embedding(folder, folder.with_name("index"))
    models.music(folder)
    models.matcher(folder)
    with LocalServer(folder, port=0, warmup=False, load_seconds=300) as running:
        yield running.address


@pytest.fixture(scope="session")
def shown(served, films, tmp_path_factory):
    """The page, served by a process that can't import TensorFlow."""
    pytest.importorskip("nicegui", reason="the extra app is not installed")
    folder = tmp_path_factory.mktemp("page")
    words = ["app", "--server", served, "--port", "0", "--tracks", films / "tracks",
             "--max-upload-mb", "1", "--timeout", "100"]  # fmt: skip
    # NiceGUI behaves otherwise where it finds itself in a test.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, *map(str, words)],
        stderr=subprocess.PIPE, text=True, env=kept | {"TMPDIR": str(folder)}, cwd=folder,
    )  # fmt: skip
    try:
        page = Shown(_address(process), process, folder, served, films)
        yield page
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def _address(process: subprocess.Popen) -> str:
    """Returns what the process says first; it is ended if it says nothing in time."""
    late = threading.Timer(STARTS, process.kill)
    late.start()
    line = process.stderr.readline().strip()
    late.cancel()
    assert line.startswith("http://127.0.0.1:"), line + process.stderr.read()
    return line


@pytest.fixture(scope="module")
def browser():
    """A browser without a window; skips where there is none.

    Of one file alone: while Playwright is there, its event loop is, and other tests want theirs.
    """
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield running
        running.close()
