"""The readers that `hostile_files.py` sends files through, each with a good file of its own.

A loader makes a folder in which all is good, names the file that is damaged, and reads the folder
as a user would.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import hostile_bytes as plain
import hostile_formats as formats
import keras
import numpy as np

from kavc import load_run
from kavc.data import splits, vocabulary, youtube8m
from kavc.data.features.folder import ArrayFolder
from kavc.data.features.header import read_header
from kavc.data.features.table import read_videos
from kavc.data.features.writer import write_corpus
from kavc.data.layouts import View
from kavc.data.manifest import check_records
from kavc.data.source import Source
from kavc.data.synthetic.kwai import KwaiWorld, Truth, write
from kavc.data.synthetic.kwai_knobs import knobs
from kavc.errors import DataError
from kavc.evaluation.predictions import read_predictions, write_predictions
from kavc.files import fingerprint
from kavc.inputs.opening import check_file
from kavc.presets.folders import folder as preset
from kavc.presets.folders import names
from kavc.retrieval.index import Index
from kavc.serving.arrays import load_inputs
from kavc.serving.configs import read_models
from kavc.training.checkpoint import Checkpoints, FitState
from kavc.training.weights import load_network, load_weights
from kavc.tuning.settings import read_settings
from kavc.tuning.sweep import Sweep
from kavc.tuning.trial import Trial

Damages = Mapping[str, plain.Damage]
DIM = 4


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


def _socket(path: Path) -> None:
    import socket

    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def _locked(path: Path) -> None:
    path.write_bytes(b"{}")
    path.chmod(0)


# What stands in the place of a file that is none, or that can't be opened.
OPENINGS: Mapping[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "a FIFO": os.mkfifo,
    "a socket": _socket,
    "zeros without end": lambda path: path.symlink_to("/dev/zero"),
    "the null device": lambda path: path.symlink_to("/dev/null"),
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "no permission": _locked,
    "memory of the process": lambda path: path.symlink_to("/proc/self/mem"),
}


def network() -> keras.Model:
    """The network whose weights are damaged."""
    return keras.Sequential([keras.Input((16,)), keras.layers.Dense(3, name="dense")])


def _json(value: Any) -> Callable[[Path], object]:
    return lambda path: path.write_text(json.dumps(value, indent=2))


def _in(name: str, write_file: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda folder: write_file(folder / name)


def _corpus(folder: Path) -> None:
    rng = np.random.default_rng(0)
    videos = [
        {"id": f"v{i}", "labels": [i % 2], "audio": rng.normal(size=(3, DIM)),
         "visual": rng.normal(size=(2, DIM))} for i in range(6)
    ]  # fmt: skip
    parts = {"train": videos[:2], "validation": videos[2:4], "test": videos[4:]}
    write_corpus(folder / "corpus", parts, ["Cars", "Food"])


def _described(folder: Path, _: object = None) -> None:
    Source.parse(f"features:{folder / 'corpus'}").describe(View())


def _world(folder: Path) -> None:
    write(folder / "corpus", knobs(visual_dim=32), videos=30)


def _shards(folder: Path) -> None:
    records = {name: formats.framed(formats.example(id=[name.encode()])) for name in "abc"}
    for split, name in zip(("train", "validate", "test"), records, strict=True):
        more = [formats.framed(formats.example(id=[name.encode() * n])) for n in (2, 3)]
        (folder / f"{split}0000.tfrecord").write_bytes(b"".join([records[name], *more]))


def _warm() -> None:
    """Reads a record with TensorFlow, which takes long the first time."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        _shards(Path(folder))
        youtube8m.describe(Source("youtube8m", Path(folder)))


def _arrays(folder: Path) -> None:
    np.savez(folder / "v0.npz", audio=plain.SMALL, visual=plain.SMALL)


def _array_folders(folder: Path) -> None:
    (folder / "audio").mkdir()
    np.save(folder / "audio" / "v0.npy", plain.SMALL)


def _preset(folder: Path) -> None:
    shutil.copytree(preset(names()[0]), folder / "run")


SETTINGS = "system: ti-avc\ndata: synthetic:corpus\ntuner: random\n"
WORDS = "Index,Name,Vertical1\n0,Car,Autos\n1,Game,Games\n"
VIDEOS = "id,theme,split\nv0,Car,train\nv1,Food,test\n"


def _sweep(folder: Path) -> None:
    described = {
        "settings": {"system": "ti-avc", "data": "synthetic:corpus"},
        "versions": {"kavc": "1"},
        "data": {"fingerprint": "0", "counts": {"train": 1}, "classes": ["a"]},
        "objective": {"name": "val_auc", "direction": "max"},
        "epochs": 3,
        "planned": {"trials": 2, "epochs": 6},
        "first": {"units": 8},
        "space": [{"name": "units", "kind": "int", "default": 8, "low": 4, "high": 8}],
    }
    (folder / "sweep.json").write_text(json.dumps(described))


def _trial(folder: Path) -> None:
    Trial("00", 1, "completed", {}, {"units": 8}, {}, 0, 3, score=0.5).write(folder)


def _state(folder: Path) -> None:
    (folder / "final").mkdir()
    _json(asdict(FitState(3, 0.5, 2, 1, True, [{"loss": 0.5}])))(folder / "final" / "state.json")


def _index(folder: Path) -> None:
    index = Index(DIM, modality="audio", model="0")
    index.add([f"v{i}" for i in range(6)], np.random.default_rng(0).normal(size=(6, DIM)))
    index.save(folder / "index")
    (data,) = (folder / "index").glob("data-*")
    header = json.loads((folder / "index" / "index.json").read_text())
    data.rename(folder / "index" / "data-000000000000")
    _json(header | {"data": "data-000000000000"})(folder / "index" / "index.json")


def _resealed(folder: Path) -> None:
    """Has `index.json` say of the files what they are, as whoever damages them would."""
    path = folder / "index" / "index.json"
    header = json.loads(path.read_text())
    files = [folder / "index" / header["data"] / name for name in ("vectors.npy", "ids.txt")]
    with contextlib.suppress(DataError):
        sizes = {file.name: check_file(file).st_size for file in files}
        _json(header | {"sizes": sizes, "sha256": fingerprint(files)})(path)


def _weights(folder: Path) -> None:
    network().save_weights(folder / "a.weights.h5")


def _network(folder: Path) -> None:
    network().save(folder / "a.keras")


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
        _in("a.json", _json({"train": ["a*"], "test": {"ids": ["x"]}})),
        lambda folder: splits.load(folder / "a.json"),
        plain.JSON,
    ),
    Loader(
        "request",
        "JSON",
        "a.json",
        _in("a.json", _json({"audio": [[0.5, 1.0]], "theme": [3]})),
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
        _corpus,
        lambda folder: read_header(folder / "corpus"),
        FEW,
        types=True,
    ),
    Loader(
        "world of a corpus",
        "JSON",
        "corpus/corpus.json",
        _world,
        lambda folder: KwaiWorld.read(folder / "corpus"),
        FEW,
    ),
    Loader(
        "manifest",
        "JSON",
        "corpus/train-00000.tfrecord.manifest.json",
        _corpus,
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
        _preset,
        _run("config"),
        plain.JSON,
        types=True,
        command=lambda folder: ["evaluate", f"{folder}/run"],
    ),
    Loader("data of a run", "JSON", "run/data.json", _preset, _run("data"), FEW, types=True),
    Loader("report", "JSON", "run/report.json", _preset, _run("report"), FEW, types=True),
    Loader(
        "card",
        "text",
        "run/model_card.md",
        _preset,
        _run("model_card"),
        {"zero byte": plain.TEXT["zero byte"]},
    ),
    Loader(
        "sweep",
        "JSON",
        "sweep.json",
        _sweep,
        lambda folder: Sweep(folder).varied,
        FEW,
        types=True,
        command=lambda folder: ["tune", "report", folder],
    ),
    Loader("trial", "JSON", "history.json", _trial, Trial.read, FEW, types=True),
    Loader(
        "checkpoint",
        "JSON",
        "final/state.json",
        _state,
        lambda folder: Checkpoints(folder).final_state(),
        FEW,
        types=True,
    ),
    Loader(
        "index",
        "JSON",
        "index/index.json",
        _index,
        lambda folder: Index.load(folder / "index"),
        FEW,
        types=True,
        command=lambda folder: ["index", "info", f"{folder}/index"],
    ),
    Loader(
        "ids of an index",
        "text",
        f"{DATA}/ids.txt",
        _index,
        lambda folder: Index.load(folder / "index"),
        LINES,
        after=_resealed,
    ),
    Loader(
        "vectors of an index",
        "npy",
        f"{DATA}/vectors.npy",
        _index,
        lambda folder: Index.load(folder / "index"),
        {name.replace("(good)", "of another shape"): damage for name, damage in plain.NPY.items()},
        after=_resealed,
    ),
    Loader(
        "sweep file",
        "YAML",
        "a.yaml",
        _in("a.yaml", lambda path: path.write_text(SETTINGS)),
        lambda folder: read_settings(folder / "a.yaml"),
        plain.YAML,
        command=lambda folder: ["tune", "run", f"{folder}/a.yaml", "--out", f"{folder}/out"],
    ),
    Loader(
        "vocabulary",
        "CSV",
        "a.csv",
        _in("a.csv", lambda path: path.write_text(WORDS)),
        lambda folder: vocabulary.read(folder / "a.csv"),
        plain.CSV,
    ),
    Loader(
        "table of videos",
        "CSV",
        "a.csv",
        _in("a.csv", lambda path: path.write_text(VIDEOS)),
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
        _arrays,
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
        _arrays,
        lambda folder: ArrayFolder(folder, {"audio": "audio"}).load("v0", "table"),
        plain.NPZ,
    ),
    Loader(
        "features of a video",
        "npy",
        "audio/v0.npy",
        _array_folders,
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
        _world,
        lambda folder: Truth.read(folder / "corpus", "test"),
        plain.NPZ,
    ),
    Loader(
        "members of a corpus",
        "npz",
        "corpus/train-00000.tfrecord.members.npz",
        _corpus,
        _described,
        plain.NPZ,
        before=_warm,
        optional=True,
    ),
    Loader(
        "corpus",
        "TFRecord",
        "corpus/train-00000.tfrecord",
        _corpus,
        _described,
        formats.RECORDS,
        before=_warm,
        command=lambda folder: ["data", "describe", f"features:{folder}/corpus"],
    ),
    Loader(
        "YouTube-8M",
        "TFRecord",
        "train0000.tfrecord",
        _shards,
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
        _weights,
        lambda folder, made: load_weights(made, folder / "a.weights.h5"),
        formats.HDF5,
        before=network,
    ),
    Loader(
        "network",
        "keras",
        "a.keras",
        _network,
        lambda folder, _: load_network(folder / "a.keras"),
        formats.KERAS,
        before=network,
    ),
    Loader(
        "served models",
        "text",
        "models.config",
        _in(
            "models.config",
            lambda path: path.write_text(
                'model_config_list { config { name: "a" base_path: "/a" } }'
            ),
        ),
        lambda folder: read_models(folder / "models.config"),
        {name: plain.ANY[name] for name in plain.ANY if name != "empty"},
    ),
)
