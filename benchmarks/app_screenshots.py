"""Pictures of `kavc app` with real answers, of small models that learnt synthetic films.

Films and songs are made, features taken of them that need no weights, four systems trained on
these for some minutes, exported with their front ends and served. A clip that no model has seen,
whose pictures and sounds come from different films, is dropped into the page by a browser without
a window. All that the pictures show is of synthetic films, and says nothing of real ones.

    python benchmarks/app_screenshots.py --work FOLDER   # what is there already is kept
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from kavc.data.features import write_corpus
from kavc.data.layouts import View
from kavc.data.source import Source
from kavc.data.synthetic.films import FilmSettings
from kavc.data.synthetic.films.encoding import write_film
from kavc.data.synthetic.films.picture import frames
from kavc.data.synthetic.films.sound import RATE, samples
from kavc.data.synthetic.films.world import film
from kavc.serving.server.local import LocalServer

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
ARRAYS = ("--array", "audio=mel-statistics", "--array", "visual=colour-grid")
SECOND = ("--set", "audio.hop=1", "--set", "visual.frames=rate:1")
FILMS = ("--videos", 40, "--tracks", 12, "--triples", 60, "--themes", 3, "--seconds", 12,
         "--size", "160x120", "--rate", 10)  # fmt: skip
SCENES = {"train": 600, "validation": 100, "test": 100}
SECONDS = 10  # of a scene
# Of the clip: (film, from, to) in seconds of what is seen and of what is heard; films 40 and on are
# in no corpus. 0, 1 and 2 more than a multiple of 3 are a circle, a square and a triangle.
SEEN = ((42, 0, 4), (40, 5, 9), (44, 9, 14))
HEARD = ((42, 0, 6), (43, 7, 11), (41, 11, 14))
LENGTH = 14
SERVED: dict[str, Any] = {"port": 0, "warmup": False, "load_seconds": 600, "threads": 2}
TOP = {"x": 0, "y": 0, "width": 1280, "height": 905}  # pixels: sounds and timeline
SHOTS = {"wide": (1280, "light"), "narrow": (420, "light"), "dark": (1280, "dark")}


def kavc(*words: object, out: Path) -> Path:
    """Runs a command unless what it makes is there."""
    if not out.exists():
        print("kavc", *words, flush=True)
        subprocess.run([sys.executable, "-m", "kavc", *map(str, words)], check=True)
    return out


def trained(work: Path) -> Path:
    """Makes films, features, runs and exports; returns the folder of served models."""
    films = kavc("synth-video", work / "films", *FILMS, out=work / "films")
    table = ("--table", films / "videos.csv")
    rows = work / "features"
    kavc("extract", films / "clips", *table, *ARRAYS, *SECOND, "--out", rows, out=rows)
    if not (work / "scenes").exists():
        compose(rows, work / "scenes")
    music = work / "music"
    kavc("extract", films / "clips", *ARRAYS[2:], *SECOND[2:], "--out", music / "videos",
         out=music / "videos")  # fmt: skip
    kavc("extract", films / "tracks", "--audio", "mel-statistics", "--out", music / "tracks",
         out=music / "tracks")  # fmt: skip
    shutil.copy(films / "triples.csv", music / "triples.csv")
    small = {
        "av-parsing": ("features:scenes", "variant=han visual_3d_array=none dim=32 units=32 "
                       "batch_size=32 epochs=30 learning_rate=0.003"),
        "cross-modal-embedding": ("features:features", "units=32 embedding_dim=16 epochs=4 "
                                  "batch_size=8"),
        "music-match": ("triples:music", "variant=visual units=16 epochs=6 batch_size=16 "
                        "head=symmetric"),
        "ti-avc": ("features:features", "embedding_dim=16 units=16 filters=16 epochs=4 "
                   "batch_size=8"),
    }  # fmt: skip
    for system, (source, options) in small.items():
        layout, _, folder = source.partition(":")
        run, sets = work / "runs" / system, [f"--set={each}" for each in options.split()]
        kavc("train", system, "--data", f"{layout}:{work / folder}", "--out", run, *sets, out=run)
        index = []
        if system == "cross-modal-embedding":
            index = ["--index", work / "index"]
            kavc("index", "build", run, "--modality", "audio", "--split", "train", "--out",
                 work / "index", out=work / "index")  # fmt: skip
        kavc("export", run, "--to", work / "models", "--front-end", *index,
             out=work / "models" / system)  # fmt: skip
    return work / "models"


def compose(corpus: Path, folder: Path) -> None:
    """Writes scenes of 10 s, put together from seconds of films, of silence and of darkness."""
    header = json.loads((corpus / "corpus.json").read_text())
    classes, rng = header["classes"], np.random.default_rng(0)
    view = View({"audio": "audio", "visual": "visual"})
    splits = {}
    for split, count in SCENES.items():
        films = list(Source.parse(f"features:{corpus}").read(split, view).as_numpy_iterator())
        made = [scene(f"{split}-{number}", films, len(classes), rng) for number in range(count)]
        splits[split] = [each for each in made if len(each["labels"])]
    write_corpus(folder, splits, classes, provenance=header["provenance"])


def scene(name: str, films: list[Any], classes: int, rng: np.random.Generator) -> dict[str, Any]:
    """Returns the features of a scene, with what is heard and seen in each second."""
    silence = np.repeat(np.array([np.log(0.01), 0]), 64)  # of mel bands: mean, deviation
    rows = {"audio": np.tile(silence, (SECONDS, 1)), "visual": np.zeros((SECONDS, 96))}
    events = {kind: np.zeros((SECONDS, classes), np.float32) for kind in rows}
    for kind, values in rows.items():
        at = 0
        while at < SECONDS:
            end = min(SECONDS, at + int(rng.integers(2, 6)))
            if rng.uniform() < 0.7:
                one, begin = films[rng.integers(len(films))], int(rng.integers(0, 3))
                values[at:end] = one[kind][begin : begin + end - at]
                events[kind][at:end, one["labels"][0]] = 1
            at = end
    labels = np.flatnonzero((events["audio"] + events["visual"]).any(axis=0))
    features = {kind: values.astype(np.float32) for kind, values in rows.items()}
    return (
        {"id": name, "labels": labels}
        | features
        | {f"{kind}_events": each for kind, each in events.items()}
    )


def clip(path: Path) -> Path:
    """Writes the clip that is dropped: pictures of some films, sounds of others."""
    settings = FilmSettings(seconds=LENGTH, width=480, height=360, rate=25, themes=3, seed=0)
    seen = np.zeros((LENGTH * settings.rate, settings.height, settings.width, 3), np.uint8)
    heard = np.zeros((2, LENGTH * RATE), np.float32)
    for number, start, end in SEEN:
        first, last = start * settings.rate, end * settings.rate
        seen[first:last] = [image for _, image in zip(range(last - first),
                            frames(film(number, settings), settings), strict=False)]  # fmt: skip
    for number, start, end in HEARD:
        heard[:, start * RATE : end * RATE] = samples(film(number, settings))[
            :, : (end - start) * RATE
        ]
    write_film(path, heard, seen, settings.rate)
    return path


def page(server: str, work: Path, weights: Path | None) -> tuple[subprocess.Popen, str]:
    """Starts the page; returns its process and its address."""
    words = ["app", "--server", server, "--port", 0, "--tracks", work / "films" / "tracks"]
    words += [] if weights is None else ["--weights", weights]
    process = subprocess.Popen([sys.executable, "-m", "kavc", *map(str, words)],
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert process.stderr is not None
    return process, process.stderr.readline().strip()


def shots(browser: Any, address: str, dropped: Path) -> Iterator[tuple[str, bytes]]:
    """Drops the clip in windows of each size; yields names and PNGs."""
    for name, (width, scheme) in SHOTS.items():
        size = {"width": width, "height": 900}
        visit = browser.new_page(viewport=size, color_scheme=scheme)
        visit.set_default_timeout(120_000)
        visit.goto(address)
        visit.wait_for_selector("article.card")
        if name == "wide":
            yield "empty", visit.screenshot()
        visit.set_input_files("input[type=file]", dropped)
        visit.wait_for_selector("article[data-kind=score]")
        visit.click("article[data-kind=score] .q-select")
        visit.get_by_role("option", name=re.compile("triangle")).click()
        visit.wait_for_function(
            "() => [...document.querySelectorAll('article')].every((each) => "
            "each.dataset.state === 'answered')"
        )
        visit.evaluate("document.getElementById('player').currentTime = 2.5")
        visit.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
        visit.wait_for_timeout(1000)
        yield name, visit.screenshot(full_page=True)
        if name == "wide":
            yield "top", visit.screenshot(clip=TOP)
        visit.close()


def main() -> None:
    """Makes what is missing, and takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder of what is made")
    parser.add_argument("--weights", type=Path, help="folder of YAMNet's weights, for its card")
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    models = trained(arguments.work)
    dropped = arguments.work / "synthetic.mp4"
    if not dropped.exists():
        clip(dropped)
    PICTURES.mkdir(parents=True, exist_ok=True)
    with LocalServer(models, **SERVED) as server, sync_playwright() as playwright:
        process, address = page(server.address, arguments.work, arguments.weights)
        try:
            found = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
            for name, png in shots(browser, address, dropped):
                (PICTURES / f"app-{name}.png").write_bytes(png)
                print(PICTURES / f"app-{name}.png")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


if __name__ == "__main__":
    main()
