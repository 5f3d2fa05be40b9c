"""Every command and snippet of the README, typed one after another, on small data."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kavc.cli.main import app
from kavc.data.synthetic import ave, llp
from kavc.data.synthetic.ave_knobs import knobs as ave_knobs
from kavc.data.synthetic.llp_knobs import knobs
from kavc.errors import ServingError
from kavc.media.networks.mobilenet_v2 import mobilenet_v2
from kavc.media.networks.yamnet import YAMNet
from kavc.serving.client.blocking import Client
from kavc.systems.base import Row

from .media.published import draw, write_applications

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
COMMENT = re.compile(r"\s+# .*")
EXCEPTED = ("make ", ". .venv/bin/activate")
SERVER = "localhost:8500"
PATIENCE = 120  # seconds until a model is served: hangs, if it is longer

SMALL = ("epochs=1", "embedding_dim=8", "filters=8", "units=8", "batch_size=64")
VARIED = ("kernel_features", "units", "batch_size")
SMALL_EMBEDDING = (
    "members=1", "kernel_features=32", "units=32", "embedding_dim=16", "coordinates=16",
    "batch_size=64", "epochs=2",
)  # fmt: skip
SMALL_PARSING = ("dim=8", "units=8", "batch_size=8", "epochs=1")
SMALL_MS_VAE = ("latent_dim=8", "visual_units=8", "decoder_units=8", "epochs=1", "kl_epochs=1")
SMALL_MUSIC = ("units=8", "components=4", "epochs=1")
SMALL_FILMS = (
    "--videos", "16", "--themes", "2", "--seconds", "1.2", "--size", "64x48", "--rate", "10",
)  # fmt: skip
SMALL_OF = {
    "ti-avc": SMALL,
    "av-parsing": SMALL_PARSING,
    "ms-vae": SMALL_MS_VAE,
    "music-match": SMALL_MUSIC,
}


def steps() -> list[tuple[str, str]]:
    """Returns what a reader types, in order: ("kavc", line), ("python", code), ("json", text)."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = [(match.start(), match[1], match[2]) for match in FENCE.finditer(text)]
    for match in re.finditer(r"^    (\S.*)$", FENCE.sub(lambda m: "\n" * len(m[0]), text), re.M):
        line = COMMENT.sub("", match[1])
        if not line.startswith(EXCEPTED):
            assert line.startswith("kavc "), f"README: what is this line? {line}"
            found.append((match.start(), "kavc", line))
    return [(kind, content) for _, kind, content in sorted(found)]


def smaller(line: str) -> list[str]:
    """Returns a command's words, with fewer videos, smaller networks and fewer of them."""
    words = shlex.split(line)[1:]
    for option, value in {"--videos": "120", "--seeds": "1", "--workers": None}.items():
        if option in words:
            at = words.index(option)
            words[at : at + 2] = [] if value is None else [option, value]
    if words[0] == "synth-video":
        words += SMALL_FILMS
    if words[0] == "extract":
        words += ["--set", "visual.frames=key:1", "--workers", "1"]
    given = " ".join(words)
    small = next((SMALL_OF[word] for word in words if word in SMALL_OF), SMALL_EMBEDDING)
    options = [each for each in small if f"--set {each.partition('=')[0]}=" not in given]
    if "--data" in words and words[0] in ("train", "reproduce"):
        words += [word for each in options for word in ("--set", each)]
    if "--data" in words and words[0] == "tune":
        words += ["--trials", "1"]
        for each in options:  # also of what the sweep file varies
            words += ["--space" if each.startswith(VARIED) else "--set", each]
    if "--from-sweep" in words:
        words[words.index("members=4")] = "members=1"
        words += ["--seeds", "1"]
    return words


@pytest.fixture
def reader(tmp_path, monkeypatch, embedding_corpus):
    """A reader's folder: shards of YouTube-8M, an LLP, an AVE, this package's sweep files.

    And weights, which are random.
    """
    shutil.copytree(embedding_corpus, tmp_path / "data" / "yt8m")
    llp.write(tmp_path / "data" / "llp", knobs("default"), videos=18)
    counts = {"train": 20, "validation": 12, "test": 8}
    ave.write(tmp_path / "data" / "ave", ave_knobs("default"), counts=counts)
    for published in ("yt8m", "llp", "ave"):
        (tmp_path / "data" / published / "corpus.json").unlink()
    shutil.copytree(ROOT / "tuning", tmp_path / "tuning")
    (tmp_path / "weights").mkdir()
    for network, file in ((YAMNet(), "yamnet.h5"), (mobilenet_v2(), "mobilenet_v2_1.0_224.h5")):
        draw(network)
        write_applications(network, tmp_path / "weights" / file)
    monkeypatch.delenv("KAVC_WEIGHTS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def quick(monkeypatch):
    """Fits without graphs, which take longer to trace than a few steps do; one row of a table."""
    import tensorflow as tf

    monkeypatch.setattr("kavc.systems.ti_avc.system.VARIANT_OF_ROW", {"Baseline-1": "baseline-1"})
    row = Row("Base", {"variant": "base"}, 53.7)
    monkeypatch.setattr(
        "kavc.systems.av_parsing.system.AVParsingSystem.rows", lambda self, config: [row]
    )
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def server(monkeypatch):
    """Has `kavc serve` serve from this process, at a free port, and go on; gives the address."""
    from dataclasses import replace

    from kavc.serving.server.local import LocalServer

    started = []

    def serve(models_dir, options, *, report):
        started.append(LocalServer(models_dir, options=replace(options, port=0)))
        started[0].start()
        report(f"local server on {started[0].address}")

    monkeypatch.setattr("kavc.serving.launcher.serve", serve)
    yield lambda: started[0].address if started else SERVER
    for each in started:
        each.stop(grace=0)


def until_served(line):
    """Waits until the server has seen the model that a command is about to ask."""
    words = shlex.split(line)
    if "--server" not in words:
        return
    address, model = (words[words.index(option) + 1] for option in ("--server", "--model"))
    end = time.monotonic() + PATIENCE
    with Client(address) as client:
        while True:
            try:
                client.signatures(model)
                return
            except ServingError as error:
                if error.code != "NOT_FOUND" or time.monotonic() > end:
                    raise
                time.sleep(0.1)


@pytest.mark.filterwarnings("ignore:Even though the .tf.config.experimental_run_functions_eagerly")
def test_every_command_and_snippet(reader, server, quick):
    """Longer than ten seconds: twelve trainings, as many as the README has."""
    typed = 0
    for kind, content in steps():
        content = content.replace(SERVER, server())
        if kind == "kavc":
            until_served(content)
            done = CliRunner().invoke(app, smaller(content))
            assert done.exit_code == 0, f"{content}\n{done.stderr}\n{done.exception!r}"
        elif kind == "python":
            small = dict(each.split("=") for each in SMALL) | {"alignment_epochs": 1}
            content = content.replace('preset="improved"', f'preset="improved", overrides={small}')
            exec(compile(content, "README.md", "exec"), {"__name__": "__main__"})  # noqa: S102
        else:
            assert kind == "json"
            splits = reader / "splits.json"
            if not splits.exists():  # the first one is of file patterns, as the commands need it
                splits.write_text(content)
            assert set(json.loads(content)) == {"train", "validation", "test"}
        typed += 1
    assert typed > 20
