"""Folders in which all is good, of which `hostile_loaders.py` has one file damaged each."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import hostile_bytes as plain
import hostile_formats as formats
import keras
import numpy as np

from kavc.data.features.writer import write_corpus
from kavc.data.synthetic import ave as synthetic_ave
from kavc.data.synthetic.ave_knobs import knobs as ave_knobs
from kavc.data.synthetic.kwai import write
from kavc.data.synthetic.kwai_knobs import knobs
from kavc.errors import DataError
from kavc.files import fingerprint
from kavc.inputs.opening import check_file
from kavc.presets.folders import folder as preset
from kavc.presets.folders import names
from kavc.retrieval.index import Index
from kavc.training.checkpoint import FitState
from kavc.tuning.trial import Trial

DIM = 4


def _locked(path: Path) -> None:
    path.write_bytes(b"{}")
    path.chmod(0)


# What stands in the place of a file that is none, or that can't be opened.
OPENINGS: Mapping[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "a FIFO": os.mkfifo,
    "a socket": plain.bind_socket,
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


def json_file(value: Any) -> Callable[[Path], object]:
    """Returns what writes a value as JSON."""
    return lambda path: path.write_text(json.dumps(value, indent=2))


def named(name: str, write_file: Callable[[Path], object]) -> Callable[[Path], object]:
    """Returns what writes a file of a name into a folder."""
    return lambda folder: write_file(folder / name)


def ave(folder: Path) -> None:
    """Makes a folder of AVE's files."""
    counts = {"train": formats.AVE_VIDEOS - 6, "validation": 3, "test": 3}
    synthetic_ave.write(folder / "ave", ave_knobs("default"), counts=counts, sample_seed=0)
    (folder / "ave" / "corpus.json").unlink()


def corpus(folder: Path) -> None:
    """Makes a corpus of six videos."""
    rng = np.random.default_rng(0)
    videos = [
        {"id": f"v{i}", "labels": [i % 2], "audio": rng.normal(size=(3, DIM)),
         "visual": rng.normal(size=(2, DIM))} for i in range(6)
    ]  # fmt: skip
    parts = {"train": videos[:2], "validation": videos[2:4], "test": videos[4:]}
    write_corpus(folder / "corpus", parts, ["Cars", "Food"])


def world(folder: Path) -> None:
    """Makes a corpus from a known model."""
    write(folder / "corpus", knobs(visual_dim=32), videos=30)


def shards(folder: Path) -> None:
    """Makes a folder of YouTube-8M: three videos a split."""
    records = {name: formats.framed(formats.example(id=[name.encode()])) for name in "abc"}
    for split, name in zip(("train", "validate", "test"), records, strict=True):
        more = [formats.framed(formats.example(id=[name.encode() * n])) for n in (2, 3)]
        (folder / f"{split}0000.tfrecord").write_bytes(b"".join([records[name], *more]))


def arrays(folder: Path) -> None:
    """Makes the arrays of a video, in one file."""
    np.savez(folder / "v0.npz", audio=plain.SMALL, visual=plain.SMALL)


def array_folders(folder: Path) -> None:
    """Makes the arrays of a video, in one file each."""
    (folder / "audio").mkdir()
    np.save(folder / "audio" / "v0.npy", plain.SMALL)


def run(folder: Path) -> None:
    """Makes a run folder: of a preset that ships."""
    shutil.copytree(preset(names()[0]), folder / "run")


SETTINGS = "system: ti-avc\ndata: synthetic:corpus\ntuner: random\n"
WORDS = "Index,Name,Vertical1\n0,Car,Autos\n1,Game,Games\n"
VIDEOS = "id,theme,split\nv0,Car,train\nv1,Food,test\n"


def sweep(folder: Path) -> None:
    """Makes what a sweep folder says of itself."""
    described = {
        "settings": {"system": "ti-avc", "data": "synthetic:corpus"},
        "versions": {"kavc": "1"},
        "data": {
            "fingerprint": "0",
            "counts": {"train": 1},
            "widths": {},
            "classes": [],
            "notes": [],
        },
        "objective": {"name": "val_auc", "direction": "max"},
        "epochs": 3,
        "planned": {"trials": 2, "epochs": 6},
        "first": {"units": 8},
        "space": [{"name": "units", "kind": "int", "default": 8, "low": 4, "high": 8}],
    }
    (folder / "sweep.json").write_text(json.dumps(described))


def trial(folder: Path) -> None:
    """Makes the record of a trial."""
    Trial("00", 1, "completed", {}, {"units": 8}, {}, 0, 3, score=0.5).write(folder)


def state(folder: Path) -> None:
    """Makes the last state of a stage."""
    (folder / "final").mkdir()
    ended = FitState(3, 0.5, 2, 1, True, [{"loss": 0.5}])
    json_file(asdict(ended))(folder / "final" / "state.json")


def index(folder: Path) -> None:
    """Makes an index, whose data lie under a name that is known."""
    index = Index(DIM, modality="audio", model="0")
    index.add([f"v{i}" for i in range(6)], np.random.default_rng(0).normal(size=(6, DIM)))
    index.save(folder / "index")
    (data,) = (folder / "index").glob("data-*")
    header = json.loads((folder / "index" / "index.json").read_text())
    data.rename(folder / "index" / "data-000000000000")
    json_file(header | {"data": "data-000000000000"})(folder / "index" / "index.json")


def resealed(folder: Path) -> None:
    """Has `index.json` say of the files what they are, as whoever damages them would."""
    path = folder / "index" / "index.json"
    header = json.loads(path.read_text())
    files = [folder / "index" / header["data"] / name for name in ("vectors.npy", "ids.txt")]
    with contextlib.suppress(DataError):
        sizes = {file.name: check_file(file).st_size for file in files}
        json_file(header | {"sizes": sizes, "sha256": fingerprint(files)})(path)


def weights(folder: Path) -> None:
    """Makes a file of weights."""
    network().save_weights(folder / "a.weights.h5")


def keras_file(folder: Path) -> None:
    """Makes a file of Keras' own."""
    network().save(folder / "a.keras")
