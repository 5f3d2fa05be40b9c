"""Kills trainings of Ti-AVC by SIGKILL, resumes them, and compares what they end with.

    python tests/end_to_end/kill.py --kills 20 --out benchmarks/results/sigkill.json

Each training is a process of its own, forked before TensorFlow has begun to work, so that the kills
hit the training and not four seconds of imports. Half of the moments are spread over the duration
of a whole run; the others lie within an epoch of a line of progress, where checkpoints are written.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import platform
import random
import signal
import sys
import time
import traceback
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import h5py
import numpy as np

from kavc.files import write_json
from kavc.training.fit import train
from kavc.training.run import versions

SEED = 7
EPOCHS = 8
OPTIONS = {
    "embedding_dim": 8,
    "units": 8,
    "filters": 8,
    "dropout": 0.2,
    "batch_size": 32,
    "learning_rate": 1e-3,
    "epochs": EPOCHS,
    "patience": EPOCHS,
}
AGAIN = 0.4  # share of resumed trainings that are killed once more
LIMIT = 600.0  # seconds after which a training counts as hung


class Training:
    """A training in a process of its own, with one byte of progress an epoch."""

    def __init__(self, corpus: Path, out: Path):
        self.progress, theirs = os.pipe()
        self.begun = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            _train_and_exit(corpus, out, theirs)
        os.close(theirs)

    def wait(self) -> float:
        """Waits for the end; returns the duration in seconds."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self.progress)
        if status:
            raise RuntimeError(f"the training ended with status {status}")
        return time.monotonic() - self.begun

    def kill(self, delay: float, lines: int) -> bool:
        """Kills it `delay` seconds after so many lines; returns whether it was still running."""
        for _ in range(lines):
            os.read(self.progress, 1)
        time.sleep(delay)
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.progress)
        if status and not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            raise RuntimeError(f"the training ended by itself, with status {status}")
        return bool(status)


def _train_and_exit(corpus: Path, out: Path, progress: int) -> None:
    signal.alarm(int(LIMIT))
    try:
        train(
            "ti-avc",
            f"synthetic:{corpus}",
            out,
            overrides=OPTIONS,
            seed=SEED,
            resume=True,
            after_epoch=lambda stage, state: os.write(progress, b"."),
        )
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


@dataclass
class Outcome:
    """One training that was killed.

    Args:
        moments: of each kill: [lines of progress waited for, seconds after them, whether a
            temporary file was there: a write was cut].
        equal: whether weights, history, predictions and headline are those of the whole run.
        unreadable: files that could not be read after a kill.
    """

    moments: list = field(default_factory=list)
    equal: bool = False
    unreadable: list[str] = field(default_factory=list)


def run_whole(corpus: Path, out: Path) -> float:
    """Trains without a kill; returns the seconds that it took."""
    return Training(corpus, out).wait()


def run_killed(
    corpus: Path, out: Path, whole: Path, duration: float, number: int, of: int
) -> Outcome:
    """Trains, is killed at a moment that `number` decides, resumes, maybe is killed again."""
    rng = random.Random(number)
    outcome = Outcome()
    for attempt in range(10):
        if attempt and rng.random() > AGAIN:
            break
        lines, delay = 0, (number + rng.random()) / of * duration * 0.95
        if number % 2:
            lines = rng.randint(1, max(1, EPOCHS - 1))
            delay = rng.random() * duration / (4 * EPOCHS)
        if not Training(corpus, out).kill(delay, lines):
            break
        partial = any(out.rglob(".partial-*")) if out.exists() else False
        outcome.moments.append([lines, round(delay, 3), partial])
        outcome.unreadable += unreadable(out)
    Training(corpus, out).wait()
    outcome.unreadable += unreadable(out) + [str(p) for p in out.rglob(".partial-*")]
    outcome.equal = contents(out) == contents(whole)
    return outcome


def unreadable(folder: Path) -> list[str]:
    """Returns the files of a run folder that can't be read, but for temporary ones."""
    wrong = []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if ".partial-" in name or not path.is_file():
            continue
        try:
            _read(path)
        except Exception as error:
            wrong.append(f"{name}: {error}")
    return wrong


def _read(path: Path) -> None:
    if path.suffix == ".json":
        json.loads(path.read_text())
    elif path.suffix == ".h5":
        with h5py.File(path) as file:
            file.visititems(lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None)
    elif path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            if archive.testzip():
                raise ValueError("damaged archive")
    elif path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            dict(arrays)
    elif path.suffix == ".csv":
        rows = list(csv.reader(io.StringIO(path.read_text())))
        if len({len(row) for row in rows}) != 1:
            raise ValueError("rows of unequal length")


def contents(run: Path) -> dict[str, bytes | str]:
    """Returns what a run ends with: weights, history, headline and predictions, byte by byte."""
    found: dict[str, bytes | str] = {"history": (run / "history.csv").read_text()}
    found["headline"] = json.dumps(json.loads((run / "report.json").read_text())["headline"])
    with zipfile.ZipFile(run / "model.keras") as archive:
        weights = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(weights) as file:
        file.visititems(
            lambda name, item: (
                found.update({f"weights/{name}": item[()].tobytes()})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    with np.load(run / "predictions.npz", allow_pickle=False) as arrays:
        found |= {f"predictions/{name}": array.tobytes() for name, array in arrays.items()}
    return found


def main() -> None:
    """Runs the experiment and writes its result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="trainings that are killed")
    parser.add_argument("--folder", type=Path, default=Path("runs/sigkill"), help="for the runs")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    asked = parser.parse_args()
    corpus, whole = asked.folder / "corpus", asked.folder / "whole"
    make_corpus(corpus)
    duration = run_whole(corpus, whole)
    print(f"whole: {duration:.1f} s", file=sys.stderr)
    outcomes = []
    for number in range(asked.kills):
        out = asked.folder / f"killed-{number:02d}"
        outcomes.append(run_killed(corpus, out, whole, duration, number, asked.kills))
        print(f"{number + 1}/{asked.kills}: {outcomes[-1]}", file=sys.stderr, flush=True)
    kills = [moment for outcome in outcomes for moment in outcome.moments]
    write_json(
        asked.out,
        {
            "question": "does a training that is killed at any moment end with the same bits?",
            "command": " ".join(["python", *sys.argv]),
            "trainings": len(outcomes),
            "kills": len(kills),
            "kills_that_cut_a_write": sum(moment[2] for moment in kills),
            "equal_bit_by_bit": sum(outcome.equal for outcome in outcomes),
            "unreadable_files": sum(len(outcome.unreadable) for outcome in outcomes),
            "seconds_of_a_whole_run": round(duration, 1),
            "options": OPTIONS | {"seed": SEED},
            "versions": versions(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "outcomes": [asdict(outcome) for outcome in outcomes],
        },
    )


def make_corpus(folder: Path) -> None:
    """Writes 300 synthetic videos, in a process of their own: this one must stay unstarted."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            from kavc.systems.registry import get

            overrides = {"visual_dim": 32}
            get("ti-avc").synthesise(folder, videos=300, seed=0, world_seed=0, overrides=overrides)
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError(f"the corpus could not be written to {folder}")


if __name__ == "__main__":
    import kavc.systems.ti_avc.system  # noqa: F401 - imported once, before the forks

    main()
