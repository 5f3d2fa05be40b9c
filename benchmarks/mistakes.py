"""Seconds from a mistake on the command line to its message.

    python benchmarks/mistakes.py [--repeats 5]

Each command is one that somebody mistyped: a system, an option, a preset, a path, a file. It must
end with exit code 2 and one line. Beside it stands what no command can do without: an interpreter
that imports the command line and nothing else.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from kavc.evaluation.table import Column, Table
from kavc.files import write_text

OUT = Path(__file__).parent / "results" / "mistakes.csv"
COMMAND = (sys.executable, "-m", "kavc")
FLOOR = (sys.executable, "-c", "import kavc.cli.main")
HEAVY = ("tensorflow", "keras")

# What was mistyped: the words of the command; {} is a folder with a corpus and a splits file.
MISTAKES = {
    "system": "train ti-avx --data synthetic:{}/corpus --out {}/run",
    "folder of the data": "train ti-avc --data synthetic:{}/nope --out {}/run",
    "layout of the data": "train ti-avc --data sintetic:{}/corpus --out {}/run",
    "a folder of something else": "train ti-avc --data youtube8m:{}/corpus --out {}/run",
    "name of an option": (
        "train ti-avc --data synthetic:{}/corpus --out {}/run --set learning_rat=1"
    ),
    "value of an option": (
        "train ti-avc --data synthetic:{}/corpus --out {}/run --set learning_rate=-1"
    ),
    "preset": "train ti-avc --data synthetic:{}/corpus --out {}/run --preset papr",
    "splits file": "train ti-avc --data synthetic:{}/corpus --out {}/run --splits {}/nope.json",
    "a damaged splits file": (
        "train ti-avc --data synthetic:{}/corpus --out {}/run --splits {}/damaged.json"
    ),
    "run folder": "evaluate {}/nope",
    "system, to reproduce": (
        "reproduce cross-modal-embeding --data synthetic:{}/corpus --out {}/all"
    ),
    "sweep file": "tune run {}/nope.yaml --out {}/sweep",
    "system of a sweep file": "tune run {}/sweep.yaml --out {}/sweep",
    "option of a sweep": (
        "tune run ti-avc --data synthetic:{}/corpus --out {}/sweep --space unit=[1,2]"
    ),
    "sweep folder": "tune report {}/nope",
    "data to describe": "data describe synthetic:{}/nope",
    "folder to convert": "data convert {}/nope {}/nope.csv --out {}/new",
    "table to convert": "data convert {}/arrays {}/nope.csv --out {}/new",
    "set of knobs": "data synth ti-avc --out {}/new --knobs defalt",
    "run to export": "export {}/nope --to {}/models",
    "folder to check": "export --check {}/nope",
    "run to index": "index build {}/nope --out {}/index --modality audio",
    "index to search": "retrieve {}/nope --run {}/nope --input {}/nope.npz",
    "run to parse with": "parse {}/nope --input {}/arrays/v.npz",
    "video to parse": "parse --server localhost:1 --input {}/nope.npz",
    "models to serve": "serve {}/nope",
    "request to predict": "predict --server localhost:1 --model ti-avc --input {}/nope.npz",
    "name of a system, to list": "systems ti-avx",
}


def main() -> None:
    """Types every mistake, writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    floor = statistics.median(timed(FLOOR)[0] for _ in range(arguments.repeats))
    rows: list[tuple] = [("(import alone)", floor, 0, "", "")]
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        for mistyped, text in MISTAKES.items():
            words = text.replace("{}", folder).split()
            done = [timed((*COMMAND, *words)) for _ in range(arguments.repeats)]
            line = done[0][1].stderr.strip().replace(folder, "FOLDER")
            seconds = statistics.median(each[0] for each in done)
            rows.append((mistyped, seconds, done[0][1].returncode, heavy(words), line))
            print(f"{seconds:6.2f} s  exit {rows[-1][2]}  {mistyped}: {line}", flush=True)
    columns = [
        Column("mistyped"),
        Column("seconds", ".3f"),
        Column("exit code", "d"),
        Column("loaded"),
        Column("said"),
    ]
    table = Table("mistakes", columns, rows, caption="Seconds to the message of a mistake, median")
    write_text(arguments.out, table.to_csv())
    print(f"import alone {floor:.2f} s, slowest {max(row[1] for row in rows):.2f} s")


def prepare(folder: Path) -> None:
    """Makes a corpus by its header alone: what is read after that is not reached."""
    (folder / "corpus").mkdir()
    header = {"format": "kavc-features", "version": 1}
    (folder / "corpus" / "corpus.json").write_text(json.dumps(header))
    (folder / "arrays").mkdir()
    np.savez(folder / "arrays" / "v.npz", audio=np.zeros((2, 3), "float32"))
    (folder / "damaged.json").write_text('{"train": [')
    (folder / "sweep.yaml").write_text(f"system: ti-avx\ndata: synthetic:{folder}/corpus\n")


def timed(words: tuple[str, ...]) -> tuple[float, subprocess.CompletedProcess]:
    """Runs a command; returns its wall-clock seconds and what it said."""
    began = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return time.perf_counter() - began, done


def heavy(words: list[str]) -> str:
    """Returns which slow packages a command has loaded when it ends."""
    script = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('loaded:', *(set({HEAVY!r}) & set(sys.modules))))\n"
        f"sys.argv = {['kavc', *words]!r}\n"
        "from kavc.cli.main import main; main()"
    )
    done = subprocess.run((sys.executable, "-c", script), capture_output=True, text=True)
    (line,) = [each for each in done.stdout.splitlines() if each.startswith("loaded:")]
    return " ".join(sorted(line.split()[1:]))


if __name__ == "__main__":
    main()
