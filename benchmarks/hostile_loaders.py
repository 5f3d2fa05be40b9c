"""The readers that `hostile_files.py` sends files through.

A loader makes a folder in which all is good, names the file that is damaged, and reads the folder
as a user would.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hostile_bytes as plain
import hostile_folders as good
import hostile_formats as formats
from hostile_folders import OPENINGS, SETTINGS, VIDEOS, WORDS, network

from kavc import load_run
from kavc.data import splits, vocabulary, youtube8m
from kavc.data.features.folder import ArrayFolder
from kavc.data.features.header import read_header
from kavc.data.features.table import read_videos
from kavc.data.layouts import View
from kavc.data.manifest import check_records
from kavc.data.source import Source
from kavc.data.synthetic.kwai import KwaiWorld, Truth
from kavc.evaluation.predictions import read_predictions, write_predictions
from kavc.retrieval.index import Index
from kavc.serving.arrays import load_inputs
from kavc.serving.configs import read_models
from kavc.systems import registry
from kavc.systems.ms_vae import load_videos
from kavc.training.checkpoint import Checkpoints
from kavc.training.weights import load_network, load_weights
from kavc.tuning.settings import read_settings
from kavc.tuning.sweep import Sweep
from kavc.tuning.trial import Trial

Damages = Mapping[str, plain.Damage]


@dataclass(frozen=True)
class Loader:
    """A reader of the package.

    Args:
        name: of what is read.
        kind: of the file that is damaged.
        file: its path in the folder.
        make: fills a folder in which all is good.
        load: reads it.
        damages: of its bytes; by name.
        types: whether it is an object of JSON whose entries have types.
        before: what is done first and takes no part in what is measured; `load` gets its result.
        after: puts right what else must fit the damaged file.
        optional: whether it may be missing.
        command: from the folder to the arguments of `kavc` that reach the loader, if any do.
    """

    name: str
    kind: str
    file: str
    make: Callable[[Path], object]
    load: Callable[..., object]
    damages: Damages
    types: bool = False
    before: Callable[[], Any] | None = None
    after: Callable[[Path], object] | None = None
    optional: bool = False
    command: Callable[[str], list[str]] | None = None

    def all_damages(self, content: bytes) -> Iterator[tuple[str, bytes | None]]:
        """Yields the names of all damages, with what each leaves; None where that is no file."""
        yield "nothing (good)", content
        for name, damage in self.damages.items():
            yield name, damage(content)
        if self.types:
            yield from plain.wrong_types(content)
        for name in OPENINGS:
            yield name, None


def _described(folder: Path, _: object = None) -> None:
    Source.parse(f"features:{folder / 'corpus'}").describe(View())


def _segments(folder: Path, _: object = None) -> None:
    system = registry.get("ms-vae")
    load_videos(system.read(Source("ave", folder / "ave"), "train", system.Config()))


def _warm_segments() -> None:
    """Reads videos of AVE with TensorFlow, which takes long the first time."""
    with tempfile.TemporaryDirectory() as folder:
        good.ave(Path(folder))
        _segments(Path(folder))


def _warm() -> None:
    """Reads a record with TensorFlow, which takes long the first time."""
    with tempfile.TemporaryDirectory() as folder:
        good.shards(Path(folder))
        youtube8m.describe(Source("youtube8m", Path(folder)))


def _run(attribute: str) -> Callable[[Path], object]:
    return lambda folder: getattr(load_run(folder / "run"), attribute)


NPY_IN_NPZ = {
    f"first array: {name}": lambda b, damage=damage: plain.inside(damage, b)
    for name, damage in plain.NPY.items()
    if "300 MiB" not in name
}
FEW = {name: plain.JSON[name] for name in (
    "empty", "cut in half", "zeros", "web page", "zero byte", "lists in a value", "NaN",
    "whole number of 5,000 digits", "a key twice", "half a surrogate pair",
)}  # fmt: skip
LINES = {**plain.ANY, "more lines": lambda b: b * 2, "no UTF-8": lambda b: b.replace(b"v", b"\xff")}
DATA = "index/data-000000000000"

LOADERS = (
    Loader(
        "splits file",
        "JSON",
        "a.json",
        good.named("a.json", good.json_file({"train": ["a*"], "test": {"ids": ["x"]}})),
        lambda folder: splits.load(folder / "a.json"),
        plain.JSON,
    ),
    Loader(
        "request",
        "JSON",
        "a.json",
        good.named("a.json", good.json_file({"audio": [[0.5, 1.0]], "theme": [3]})),
        lambda folder: load_inputs(folder / "a.json"),
        plain.JSON,
        command=lambda folder: [
            *("predict", "--server", "localhost:1", "--model", "a", "--input", f"{folder}/a.json")
        ],
    ),
    Loader(
        "corpus",
        "JSON",
        "corpus/corpus.json",
        good.corpus,
        lambda folder: read_header(folder / "corpus"),
        FEW,
        types=True,
    ),
    Loader(
        "world of a corpus",
        "JSON",
        "corpus/corpus.json",
        good.world,
        lambda folder: KwaiWorld.read(folder / "corpus"),
        FEW,
    ),
    Loader(
        "manifest",
        "JSON",
        "corpus/train-00000.tfrecord.manifest.json",
        good.corpus,
        lambda folder: check_records(
            [folder / "corpus" / "train-00000.tfrecord"], read_header(folder / "corpus").spec
        ),
        FEW,
        types=True,
    ),
    Loader(
        "settings of a run",
        "JSON",
        "run/config.json",
        good.run,
        _run("config"),
        plain.JSON,
        types=True,
        command=lambda folder: ["evaluate", f"{folder}/run"],
    ),
    Loader("data of a run", "JSON", "run/data.json", good.run, _run("data"), FEW, types=True),
    Loader("report", "JSON", "run/report.json", good.run, _run("report"), FEW, types=True),
    Loader(
        "card",
        "text",
        "run/model_card.md",
        good.run,
        _run("model_card"),
        {"zero byte": plain.TEXT["zero byte"]},
    ),
    Loader(
        "sweep",
        "JSON",
        "sweep.json",
        good.sweep,
        lambda folder: Sweep(folder).facts,
        FEW,
        types=True,
        command=lambda folder: ["tune", "report", folder],
    ),
    Loader("trial", "JSON", "history.json", good.trial, Trial.read, FEW, types=True),
    Loader(
        "checkpoint",
        "JSON",
        "final/state.json",
        good.state,
        lambda folder: Checkpoints(folder).final_state(),
        FEW,
        types=True,
    ),
    Loader(
        "index",
        "JSON",
        "index/index.json",
        good.index,
        lambda folder: Index.load(folder / "index"),
        FEW,
        types=True,
        command=lambda folder: ["index", "info", f"{folder}/index"],
    ),
    Loader(
        "ids of an index",
        "text",
        f"{DATA}/ids.txt",
        good.index,
        lambda folder: Index.load(folder / "index"),
        LINES,
        after=good.resealed,
    ),
    Loader(
        "vectors of an index",
        "npy",
        f"{DATA}/vectors.npy",
        good.index,
        lambda folder: Index.load(folder / "index"),
        {name.replace("(good)", "of another shape"): damage for name, damage in plain.NPY.items()},
        after=good.resealed,
    ),
    Loader(
        "sweep file",
        "YAML",
        "a.yaml",
        good.named("a.yaml", lambda path: path.write_text(SETTINGS)),
        lambda folder: read_settings(folder / "a.yaml"),
        plain.YAML,
        command=lambda folder: ["tune", "run", f"{folder}/a.yaml", "--out", f"{folder}/out"],
    ),
    Loader(
        "vocabulary",
        "CSV",
        "a.csv",
        good.named("a.csv", lambda path: path.write_text(WORDS)),
        lambda folder: vocabulary.read(folder / "a.csv"),
        plain.CSV,
    ),
    Loader(
        "table of videos",
        "CSV",
        "a.csv",
        good.named("a.csv", lambda path: path.write_text(VIDEOS)),
        lambda folder: read_videos(folder / "a.csv"),
        plain.CSV,
        command=lambda folder: [
            "data",
            "convert",
            folder,
            f"{folder}/a.csv",
            "--out",
            f"{folder}/o",
        ],
    ),
    Loader(
        "request",
        "npz",
        "v0.npz",
        good.arrays,
        lambda folder: load_inputs(folder / "v0.npz"),
        plain.NPZ | NPY_IN_NPZ,
        command=lambda folder: [
            *("predict", "--server", "localhost:1", "--model", "a", "--input", f"{folder}/v0.npz")
        ],
    ),
    Loader(
        "features of a video",
        "npz",
        "v0.npz",
        good.arrays,
        lambda folder: ArrayFolder(folder, {"audio": "audio"}).load("v0", "table"),
        plain.NPZ,
    ),
    Loader(
        "features of a video",
        "npy",
        "audio/v0.npy",
        good.array_folders,
        lambda folder: ArrayFolder(folder, {"audio": "audio"}).load("v0", "table"),
        plain.NPY,
    ),
    Loader(
        "predictions",
        "npz",
        "p.npz",
        lambda folder: write_predictions(folder / "p.npz", {"scores": plain.SMALL}),
        lambda folder: read_predictions(folder / "p.npz"),
        plain.NPZ,
    ),
    Loader(
        "truth of a corpus",
        "npz",
        "corpus/truth-test.npz",
        good.world,
        lambda folder: Truth.read(folder / "corpus", "test"),
        plain.NPZ,
    ),
    Loader(
        "members of a corpus",
        "npz",
        "corpus/train-00000.tfrecord.members.npz",
        good.corpus,
        _described,
        plain.NPZ,
        before=_warm,
        optional=True,
    ),
    Loader(
        "corpus",
        "TFRecord",
        "corpus/train-00000.tfrecord",
        good.corpus,
        _described,
        formats.RECORDS,
        before=_warm,
        command=lambda folder: ["data", "describe", f"features:{folder}/corpus"],
    ),
    Loader(
        "YouTube-8M",
        "TFRecord",
        "train0000.tfrecord",
        good.shards,
        lambda folder, _: youtube8m.describe(Source("youtube8m", folder)),
        formats.RECORDS,
        before=_warm,
        optional=True,
        command=lambda folder: ["data", "describe", f"youtube8m:{folder}"],
    ),
    Loader(
        "weights",
        "HDF5",
        "a.weights.h5",
        good.weights,
        lambda folder, made: load_weights(made, folder / "a.weights.h5"),
        formats.HDF5,
        before=network,
    ),
    Loader(
        "features of AVE",
        "HDF5",
        "ave/audio_feature.h5",
        good.ave,
        _segments,
        formats.AVE,
        before=_warm_segments,
        command=lambda folder: ["data", "describe", f"ave:{folder}/ave", "--system", "ms-vae"],
    ),
    Loader(
        "network",
        "keras",
        "a.keras",
        good.keras_file,
        lambda folder, _: load_network(folder / "a.keras"),
        formats.KERAS,
        before=network,
    ),
    Loader(
        "served models",
        "text",
        "models.config",
        good.named(
            "models.config",
            lambda path: path.write_text(
                'model_config_list { config { name: "a" base_path: "/a" } }'
            ),
        ),
        lambda folder: read_models(folder / "models.config"),
        {name: plain.ANY[name] for name in plain.ANY if name != "empty"},
    ),
)
