"""Kills trainings by SIGKILL, resumes them, and compares what they end with.

    python tests/end_to_end/kill.py --kills 20 --out benchmarks/results/sigkill.json
    python tests/end_to_end/kill.py --kills 20 --case refinement --out FILE

Each training is a process of its own, forked before TensorFlow has begun to work, so that the kills
hit the training and not four seconds of imports. Moments are of three kinds, in turn: spread over
the duration of a whole run; shortly after a line of progress; and while a file is being written.
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
import shutil
import signal
import sys
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kavc.files import write_json
from kavc.training.fit import train
from kavc.training.run import versions

SEED = 7
AGAIN = 0.4  # share of resumed trainings that are killed once more
LIMIT = 600.0  # seconds after which a training counts as hung


@dataclass(frozen=True)
class Case:
    """What is trained.

    Args:
        system: its name.
        videos: of the synthetic corpus.
        knobs: of the corpus, beside the default ones.
        options: of the training.
        epochs: of all its fits together.
        landmarks: what a run folder holds from a stage on, latest first: pattern to the name of the
            stage. Before the first of them a run is beginning.
    """

    system: str
    videos: int
    knobs: Mapping[str, Any]
    options: Mapping[str, Any]
    epochs: int
    landmarks: Mapping[str, str]

    def stage(self, run: Path) -> str:
        """Returns which stage a run folder is in."""
        return next((name for what, name in self.landmarks.items() if any(run.glob(what))), "start")


ENDS = {"report.json": "end", "model.keras": "evaluation"}
CASES = {
    "ti-avc": Case(
        "ti-avc",
        videos=300,
        knobs={"visual_dim": 32},
        options={
            "embedding_dim": 8,
            "units": 8,
            "filters": 8,
            "dropout": 0.2,
            "batch_size": 32,
            "learning_rate": 1e-3,
            "epochs": 8,
            "patience": 8,
        },
        epochs=8,
        landmarks=ENDS | {"checkpoints/*": "fit"},
    ),
    "refinement": Case(
        "av-parsing",
        videos=144,
        knobs={"latent_dim": 8, "audio_dim": 12, "visual_dim": 16, "visual_3d_dim": 12},
        options={
            "variant": "refined",
            "contrastive_weight": 1.0,
            "gate": "modality",
            "keep": "last",
            "dim": 8,
            "units": 8,
            "batch_size": 16,
            "learning_rate": 0.01,
            "epochs": 4,
        },
        epochs=8,
        landmarks=ENDS
        | {
            "checkpoints/refined": "refined fit",
            "artefacts/refined": "refinement",
            "checkpoints/estimation": "estimation",
        },
    ),
}


class Training:
    """A training in a process of its own, with one byte of progress an epoch."""

    def __init__(self, case: Case, corpus: Path, out: Path):
        self.out = out
        self.progress, theirs = os.pipe()
        self.begun = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            _train_and_exit(case, corpus, out, theirs)
        os.close(theirs)

    def wait(self) -> float:
        """Waits for the end; returns the duration in seconds."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self.progress)
        if status:
            raise RuntimeError(f"the training ended with status {status}")
        return time.monotonic() - self.begun

    def kill(self, moment: Moment) -> bool:
        """Kills it at a moment; returns whether it was still running."""
        for _ in range(moment.lines):
            os.read(self.progress, 1)
        ended = self._watch(moment.writes) or self._sleep(moment.seconds)
        if not ended:
            os.kill(self.pid, signal.SIGKILL)
            _, self.status = os.waitpid(self.pid, 0)
        os.close(self.progress)
        killed = os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signal.SIGKILL
        if self.status and not killed:
            raise RuntimeError(f"the training ended by itself, with status {self.status}")
        return killed

    def _ended(self) -> bool:
        pid, self.status = os.waitpid(self.pid, os.WNOHANG)
        return bool(pid)

    def _sleep(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._ended():
                return True
            time.sleep(0.005)
        return False

    def _watch(self, writes: int) -> bool:
        """Returns when so many temporary files or folders have been seen, or at the end."""
        seen: set[Path] = set()
        while len(seen) < writes:
            if self._ended():
                return True
            with contextlib.suppress(OSError):  # a folder that is renamed meanwhile
                seen |= set(self.out.rglob(".partial-*"))
        return False


def _train_and_exit(case: Case, corpus: Path, out: Path, progress: int) -> None:
    signal.alarm(int(LIMIT))
    try:
        train(
            case.system,
            f"synthetic:{corpus}",
            out,
            overrides=dict(case.options),
            seed=SEED,
            resume=True,
            after_epoch=lambda stage, state: os.write(progress, b"."),
        )
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


@dataclass
class Moment:
    """When a training is killed: after the lines, then the writes, then the seconds.

    Args:
        lines: of progress.
        writes: temporary files or folders seen in the run folder.
        seconds: to wait.
        cut: whether a write was cut, seen after the kill.
        stage: which one the kill fell into, likewise.
    """

    lines: int = 0
    writes: int = 0
    seconds: float = 0.0
    cut: bool = False
    stage: str = ""


def moment(epochs: int, number: int, of: int, duration: float, rng: random.Random) -> Moment:
    """Draws the moment of a kill of the training with this number."""
    if number % 3 == 0:
        return Moment(seconds=(number + rng.random()) / of * duration)
    if number % 3 == 1:
        return Moment(rng.randint(1, epochs), seconds=rng.random() * duration / 4 / epochs)
    return Moment(writes=rng.randint(4, 4 * epochs), seconds=rng.random() * 0.02)


@dataclass
class Outcome:
    """One training that was killed.

    Args:
        kills: their moments.
        equal: whether weights, history, predictions and headline are those of the whole run.
        unreadable: files that could not be read after a kill.
    """

    kills: list[Moment] = field(default_factory=list)
    equal: bool = False
    unreadable: list[str] = field(default_factory=list)


def run_killed(
    case: Case, corpus: Path, whole: Path, duration: float, number: int, of: int
) -> Outcome:
    """Trains, is killed at a moment that `number` decides, resumes, maybe is killed again."""
    rng = random.Random(number)
    out = whole.with_name(f"killed-{number:02d}")
    outcome = Outcome()
    while not outcome.kills or rng.random() < AGAIN:
        when = moment(case.epochs, number, of, duration, rng)
        if Training(case, corpus, out).kill(when):
            when.cut = any(out.rglob(".partial-*"))
            when.stage = case.stage(out)
            outcome.kills.append(when)
            outcome.unreadable += unreadable(out)
        elif outcome.kills:
            break
        else:  # it was faster than the whole run: begin anew, and kill earlier
            shutil.rmtree(out)
            duration *= 0.8
    Training(case, corpus, out).wait()
    outcome.unreadable += unreadable(out) + [str(path) for path in out.rglob(".partial-*")]
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
    parser.add_argument("--case", choices=CASES, default="ti-avc", help="what is trained")
    parser.add_argument("--kills", type=int, default=20, help="trainings that are killed")
    parser.add_argument("--folder", type=Path, default=Path("runs/sigkill"), help="for the runs")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    asked = parser.parse_args()
    corpus, whole = asked.folder / "corpus", asked.folder / "whole"
    case = CASES[asked.case]
    make_corpus(case, corpus)
    duration = Training(case, corpus, whole).wait()
    print(f"whole: {duration:.1f} s", file=sys.stderr)
    outcomes = []
    for number in range(asked.kills):
        outcomes.append(run_killed(case, corpus, whole, duration, number, asked.kills))
        print(f"{number + 1}/{asked.kills}: {outcomes[-1]}", file=sys.stderr, flush=True)
    kills = [when for outcome in outcomes for when in outcome.kills]
    result = {
        "question": "does a training that is killed at any moment end with the same bits?",
        "command": f"python tests/end_to_end/kill.py --case {asked.case} --kills {asked.kills} "
        f"--out {asked.out}",
        "trainings": len(outcomes),
        "kills": len(kills),
        "kills_that_cut_a_write": sum(when.cut for when in kills),
        "kills_by_stage": dict(Counter(when.stage for when in kills)),
        "trainings_equal_bit_by_bit": sum(outcome.equal for outcome in outcomes),
        "unreadable_files": sum(len(outcome.unreadable) for outcome in outcomes),
        "seconds_of_a_whole_run": round(duration, 1),
        "system": case.system,
        "options": {**case.options, "seed": SEED},
        "versions": versions(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }
    write_json(asked.out, result)


def make_corpus(case: Case, folder: Path) -> None:
    """Writes synthetic videos, in a process of their own: this one must stay unstarted."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            from kavc.systems.registry import get

            get(case.system).synthesise(
                folder, videos=case.videos, seed=0, world_seed=0, overrides=case.knobs
            )
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError(f"the corpus could not be written to {folder}")


if __name__ == "__main__":
    import kavc.systems.av_parsing.system
    import kavc.systems.ti_avc.system  # noqa: F401 - both are imported once, before the forks

    main()
