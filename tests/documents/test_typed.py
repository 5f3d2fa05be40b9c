"""Every command and snippet of the README and of `docs/`, typed in order, on small data."""

from __future__ import annotations

import json
import shlex
import shutil
import time

import pytest
from typer.testing import CliRunner

import kavc
from kavc.cli.main import app
from kavc.errors import ServingError
from kavc.serving.client.blocking import Client
from kavc.systems import registry

from .pages import PAGES, name_of, steps

SERVER = "localhost:8500"
PATIENCE = 120  # seconds until a model is served: hangs, if it is longer

SMALL = ("epochs=1", "embedding_dim=8", "filters=8", "units=8", "batch_size=64")
VARIED = ("kernel_features", "units", "batch_size")
SMALL_EMBEDDING = (
    "members=1", "kernel_features=32", "units=32", "embedding_dim=16", "coordinates=16",
    "batch_size=64", "epochs=2",
)  # fmt: skip
SMALL_OF = {
    "ti-avc": SMALL,
    "av-parsing": ("dim=8", "units=8", "batch_size=8", "epochs=1"),
    "ms-vae": ("latent_dim=8", "visual_units=8", "decoder_units=8", "epochs=1", "kl_epochs=1"),
    "music-match": ("units=8", "components=4", "epochs=1"),
}
MODEL_OF = {  # that commands ask where no model is named
    "retrieve": "cross-modal-embedding",
    "parse": "av-parsing",
    "localize": "ms-vae",
    "generate": "ms-vae",
    "rank": "music-match",
}
SMALL_FILMS = (
    "--videos", "16", "--themes", "2", "--seconds", "1.2", "--size", "64x48", "--rate", "10",
)  # fmt: skip
SERVED = "docs/serving.md"  # which begins with a run of each system
TYPED = {page: steps(page) for page in PAGES if steps(page)}
# One that is the beginning of another is typed with that one; the one that needs runs comes last.
READ = sorted(
    (
        page
        for page, words in TYPED.items()
        if not any(
            other[: len(words)] == words and len(other) > len(words) for other in TYPED.values()
        )
    ),
    key=lambda page: name_of(page) == SERVED,
)


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
        words += ["--workers", "1"]
        if "mobilenet-v2" in words or "--for" in words:
            words += ["--set", "visual.frames=key:1"]
    if words[0] in ("train", "reproduce", "tune") and "--data" in words:
        words += _small_options(words)
    if "--from-sweep" in words:
        words = [word.replace("members=4", "members=1") for word in words]
        words += ["--seeds", "1"]
    return words


def _small_options(words: list[str]) -> list[str]:
    """Returns options that make a training, or each of a sweep's, last seconds."""
    given = " ".join(words)
    small = next((options for name, options in SMALL_OF.items() if name in given), SMALL_EMBEDDING)
    if "improved" in words and "ti-avc" in words and words[0] != "tune":
        small += ("alignment_epochs=1",)
    left = [each for each in small if f"--set {each.partition('=')[0]}=" not in given]
    if words[0] != "tune":
        return [word for each in left for word in ("--set", each)]
    kinds = ["--space" if each.startswith(VARIED) else "--set" for each in left]  # of its file
    return ["--trials", "1", *(word for pair in zip(kinds, left, strict=True) for word in pair)]


def small_train(system, data, out, *, overrides=None, **options):
    """What stands for `kavc.train` in a snippet."""
    small = dict(each.split("=") for each in SMALL_OF.get(system, SMALL_EMBEDDING))
    small |= {"alignment_epochs": 1} if system == "ti-avc" else {}
    return kavc.train(system, data, out, overrides=small | (overrides or {}), **options)


def until_served(line: str) -> None:
    """Waits until the server has seen the model that a command is about to ask."""
    words = shlex.split(line)
    if "--server" not in words:
        return
    address = words[words.index("--server") + 1]
    model = words[words.index("--model") + 1] if "--model" in words else MODEL_OF[words[1]]
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
@pytest.mark.parametrize("page", READ, ids=name_of)
def test_a_page_typed_from_top_to_bottom(page, request, reader, server, quick, runs_of):
    """Longer than ten seconds where a page trains."""
    if name_of(page) == SERVED:
        for name, run in request.getfixturevalue("all_runs").items():
            shutil.copytree(run, reader / "runs" / name)
    names = {"__name__": "__main__", "small_train": small_train}
    for kind, content in steps(page):
        content = content.replace(SERVER, server())
        if kind == "kavc":
            until_served(content)
            done = CliRunner().invoke(app, smaller(content))
            assert done.exit_code == 0, f"{content}\n{done.stderr}\n{done.exception!r}"
        elif kind == "python":
            content = content.replace("kavc.train(", "small_train(")
            exec(compile(content, name_of(page), "exec"), names)  # noqa: S102
        else:
            assert kind == "json", f"what is this line? {content}"
            splits = json.loads(content)
            assert set(splits) == {"train", "validation", "test"}
            if all(isinstance(each, list) for each in splits.values()):  # as the commands need it
                (reader / "splits.json").write_text(content)
    if name_of(page) == SERVED:
        config = (reader / "models" / "models.config").read_text()
        assert config.count("base_path:") == len(registry.names())
    for settings in reader.glob("runs/*/config.json"):
        runs_of.setdefault(json.loads(settings.read_text())["system"], settings.parent)
