"""Seconds from a mistake on the command line to its message.

    python benchmarks/mistakes.py [--repeats 5]

Each command is one that somebody mistyped: a system, an option, a preset, a path, a file. It must
end with exit code 2 and one line; where nobody answers at an address, with 1. Beside it stands what
no command can do without: an interpreter that imports the command line and nothing else. What is
asked of a server is asked of a local one, in a process of its own, that has a small model.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.systems.registry import names

OUT = Path(__file__).parent / "results" / "mistakes.csv"
# The command, which says at its end which slow packages it has loaded.
SCRIPT = """
import atexit, sys
HEAVY = {"tensorflow", "keras", "pandas", "sklearn", "matplotlib", "h5py"}
atexit.register(lambda: print("loaded:", *sorted(HEAVY & set(sys.modules)), file=sys.stderr))
sys.argv[0] = "kavc"
from kavc.cli.main import main
main()
"""
COMMAND = (sys.executable, "-c", SCRIPT)
FLOOR = (sys.executable, "-c", "import kavc.cli.main")
MODEL = "ti-avc"
SMALL = {"embedding_dim": 8, "units": 8, "filters": 8, "epochs": 1, "batch_size": 64}

TRAIN = "train {system} --data features:{folder}/corpus --out {folder}/new"
ASK = "predict --server {server} --model ti-avc"
# What was mistyped, of a command of each system: the words.
OF_EACH = {
    "name of an option": f"{TRAIN} --set learning_rat=1",
    "preset": f"{TRAIN} --preset papr",
    "option of a sweep": (
        "tune run {system} --data features:{folder}/corpus --out {folder}/new --space epoch=1,2"
    ),
    "folder of the data": "reproduce {system} --data features:{folder}/nope --out {folder}/new",
}
# What was mistyped otherwise: {folder} has a corpus and files, {run} a finished run.
OTHERS = {
    "command": "evaluat {folder}/nope",
    "option": "predict {run} --inputs x.npz",
    "missing option": "train ti-avc",
    "number": "serve {folder} --port 99999",
    "system": "train ti-avx --data features:{folder}/corpus --out {folder}/new",
    "system, to reproduce": "reproduce cross-modal-embeding --data features:x --out {folder}/new",
    "name of a system, to list": "systems ti-avx",
    "layout of the data": "train ti-avc --data feature:{folder}/corpus --out {folder}/new",
    "a folder of something else": "train ti-avc --data youtube8m:{folder}/corpus --out {folder}/n",
    "splits file": (
        "train ti-avc --data features:{folder}/corpus --out {folder}/new"
        " --splits {folder}/nope.json"
    ),
    "value of an option": (
        "train ti-avc --data features:{folder}/corpus --out {folder}/new --set epochs=-1"
    ),
    "a damaged splits file": (
        "train ti-avc --data features:{folder}/corpus --out {folder}/new"
        " --splits {folder}/damaged.json"
    ),
    "run folder": "evaluate {folder}/nope",
    "sweep file": "tune run {folder}/nope.yaml --out {folder}/new",
    "system of a sweep file": "tune run {folder}/sweep.yaml --out {folder}/new",
    "sweep folder": "tune report {folder}/nope",
    "data to describe": "data describe features:{folder}/nope",
    "folder to convert": "data convert {folder}/nope {folder}/nope.csv --out {folder}/new",
    "table to convert": "data convert {folder}/arrays {folder}/nope.csv --out {folder}/new",
    "set of knobs": "data synth ti-avc --out {folder}/new --knobs defalt",
    "extractor": "extract {folder}/clip.mp4 --audio vggis --out {folder}/new",
    "clip": "listen {folder}/nope.mp4 --weights {folder}",
    "run to export": "export {folder}/nope --to {folder}/models",
    "folder to check": "export --check {folder}/nope",
    "run to index": "index build {folder}/nope --out {folder}/new --modality audio",
    "index to search": "retrieve {folder}/nope --run {run} --input {folder}/arrays/v.npz",
    "models to serve": "serve {folder}/nope",
    "request, of a run": "predict {run} --input {folder}/nope.npz",
    "array of a request, of a run": "predict {run} --input {folder}/arrays/v.npz",
    "signature, of a run": "predict {run} --input {folder}/arrays/v.npz --signature embed_sound",
    "output, of a run": "predict {run} --input {folder}/arrays/v.npz --outputs score",
    "run to parse with": "parse {run} --input {folder}/arrays/v.npz",
    "run to rank with": "rank {run} --input {folder}/arrays/v.npz --tracks {folder}/songs",
    "run to localize with": "localize {run} --input {folder}/arrays/v.npz",
    "modality to generate from": "generate {run} --input {folder}/arrays/v.npz --from sound",
    "address of a server": f"{ASK} --list".replace("{server}", "localhost"),
    "server that isn't there": f"{ASK} --list".replace("{server}", "localhost:1"),
    "model of a server": "predict --server {server} --model ti-avx --list",
    "version of a model": f"{ASK} --list --version 9",
    "signature of a server": f"{ASK} --input {{folder}}/arrays/v.npz --signature embed_sound",
    "request to a server": f"{ASK} --input {{folder}}/nope.npz",
    "array of a request to a server": f"{ASK} --input {{folder}}/arrays/v.npz",
    "parser of a server": "parse --server {server} --model ti-avc --input {folder}/arrays/v.npz",
    "ranker of a server": (
        "rank --server {server} --model ti-avc --tracks {folder}/songs"
        " --input {folder}/arrays/v.npz"
    ),
    "index of a server": "retrieve --server {server} --model ti-avc --input {folder}/arrays/v.npz",
}
# What is no mistake and still needs no TensorFlow.
RIGHT = {
    "(--help)": "--help",
    "(systems)": "systems",
    "(predict --server --list)": f"{ASK} --list",
    "(predict --server)": f"{ASK} --input {{folder}}/request.npz",
}


def commands() -> dict[tuple[str, str], str]:
    """Returns (what was mistyped, of which system) to the words of a command."""
    each = {
        (mistyped, system): words.replace("{system}", system)
        for system in names()
        for mistyped, words in OF_EACH.items()
    }
    others = {(mistyped, ""): words for mistyped, words in (OTHERS | RIGHT).items()}
    return each | others


def main() -> None:
    """Types every mistake, writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, serving(folder := Path(name)) as server:
        places = {"folder": name, "run": str(folder / "run"), "server": server}
        rows = measured(places, arguments.repeats)
    write(rows, arguments.out)


def measured(places: Mapping[str, str], repeats: int) -> list[tuple]:
    """Returns a row for each command; `places` says what stands for {folder}, {run}, {server}."""
    rows = []
    for (mistyped, system), text in [(("(import alone)", ""), ""), *commands().items()]:
        words = (*COMMAND, *text.format(**places).split()) if text else FLOOR
        done = [timed(words) for _ in range(repeats)]
        said, _, loaded = done[0].stderr.strip().rpartition("loaded:")
        line = "" if mistyped.startswith("(") else said.strip()
        for place in ("folder", "server", "run"):
            line = line.replace(places[place], place.upper())
        wall, processor = (
            statistics.median(getattr(each, key) for each in done) for key in ("wall", "processor")
        )
        rows.append((mistyped, system, wall, processor, done[0].code, loaded.strip(), line))
        print(f"{wall:6.2f} s  {processor:.2f} s  exit {done[0].code}  {mistyped} {system}: {line}",
              flush=True)  # fmt: skip
    return rows


def write(rows: Sequence[tuple], out: Path) -> None:
    """Writes the table."""
    columns = [
        Column("mistyped"),
        Column("system"),
        Column("seconds", ".3f"),
        Column("processor seconds", ".3f"),
        Column("exit code", "d"),
        Column("loaded"),
        Column("said"),
    ]
    caption = "Seconds to the message of a mistake, and of a processor, median"
    write_text(out, Table("mistakes", columns, rows, caption=caption).to_csv())
    print(f"import alone {rows[0][2]:.2f} s, slowest {max(row[2] for row in rows):.2f} s")


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Fills a folder and serves a small model from it; yields the server's address."""
    prepare(folder)
    subprocess.run((sys.executable, "-c", PREPARE, str(folder)), check=True, stdout=sys.stderr)
    server = subprocess.Popen(
        (sys.executable, "-c", SERVE, str(folder / "models")),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


# Both load TensorFlow, so that each has a process of its own.
PREPARE = f"""
import sys
from pathlib import Path
from kavc.export.run import export_run
from kavc.systems.registry import get
from kavc.training.fit import train
folder = Path(sys.argv[1])
get("{MODEL}").synthesise(folder / "small", videos=100, seed=0, world_seed=0)
train("{MODEL}", f"synthetic:{{folder / 'small'}}", folder / "run", overrides={SMALL!r}, verbose=0)
export_run(folder / "run", folder / "models", verbose=0)
"""
SERVE = """
import sys
from kavc.serving import LocalServer
with LocalServer(sys.argv[1], port=0) as server:
    print(server.address, flush=True)
    sys.stdin.read()  # until the benchmark ends, however it does
"""


def prepare(folder: Path) -> None:
    """Makes a corpus by its header alone: what is read after that is not reached."""
    (folder / "corpus").mkdir()
    header = {"format": "kavc-features", "version": 1}
    (folder / "corpus" / "corpus.json").write_text(json.dumps(header))
    (folder / "arrays").mkdir()
    (folder / "songs").mkdir()
    (folder / "songs" / "a.wav").write_bytes(b"RIFF")
    (folder / "clip.mp4").write_bytes(b"")
    np.savez(folder / "arrays" / "v.npz", audio=np.zeros((2, 3), "float32"))
    request = {"audio": np.zeros((1, 5, 128), "f4"), "visual": np.zeros((1, 8, 1280), "f4")}
    np.savez(folder / "request.npz", **request, theme=np.zeros(1, "i4"))
    (folder / "damaged.json").write_text('{"train": [')
    (folder / "sweep.yaml").write_text(f"system: ti-avx\ndata: features:{folder}/corpus\n")


@dataclass(frozen=True)
class Done:
    """A command that has ended: seconds of wall clock and of a processor, and what it said."""

    wall: float
    processor: float
    code: int
    stderr: str


def timed(words: tuple[str, ...]) -> Done:
    """Runs a command. Beside other work its wall clock says little, and its processor time more."""
    began, before = time.perf_counter(), os.times()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    after = os.times()
    processor = sum(after[2:4]) - sum(before[2:4])  # of children that have ended
    return Done(time.perf_counter() - began, processor, done.returncode, done.stderr)


if __name__ == "__main__":
    main()
