"""Does a sweep that is killed by SIGKILL end as one that nobody killed?

Each system on a small synthetic corpus, with each tuner, by the command `kavc tune run` in a
process of its own: once to its end, then again, killed three times and called with `--resume` each
time. A kill hits a random moment of the trial that runs. Afterwards all trials are compared,
learning curves included, and every record that stood when the process died must be there unchanged.

    python benchmarks/sweep_sigkill.py
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import yaml
from interleaved import provenance

from kavc.cli.output import print_table, progress
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.systems.registry import get
from kavc.tuning.settings import TUNERS
from kavc.tuning.sweep import Sweep
from kavc.tuning.trial import RUNNING, Trial

OUT = Path(__file__).parent / "results" / "sweep_sigkill.csv"
VIDEOS, TRIALS = 400, 7
KILLS = (2, 4, 6)  # numbers of the trials that are killed
OF_PROCESSES = ("seconds", "attempts")
RATES = [1e-3, 3e-3, 1e-2]
SWEEPS: dict[str, dict[str, Any]] = {
    "ti-avc": {
        "set": {"epochs": 4, "batch_size": 64, "filters": 8, "embedding_dim": 16},
        "space": {
            "learning_rate": RATES, "units": [8, 16], "dropout": [0.0, 0.1, 0.2],
            "label_smoothing": [0.0, 0.1],
        },
    },
    "cross-modal-embedding": {
        "preset": "improved",
        "set": {
            "epochs": 4, "batch_size": 64, "embedding_dim": 16, "coordinates": 16, "members": 1,
            "kernel_features": 32, "ema_momentum": 0.5,
        },
        "space": {
            "learning_rate": RATES, "units": [16, 32], "dropout": [0.2, 0.3, 0.4],
            "mixing": [0.0, 0.5],
        },
    },
}  # fmt: skip
COLUMNS = (
    Column("system"),
    Column("tuner"),
    Column("trials", "d"),
    Column("kills", "d"),
    Column("trials lost", "d"),
    Column("trials begun again", "d"),
    Column("records changed", "d"),
    Column("trials that differ", "d"),
)


@dataclass
class Seen:
    """What the kills of one sweep did.

    Args:
        kills: how many hit the process before it ended by itself.
        lost: trials that had ended before a kill and had no record after it.
        again: trials that ran when they were killed.
        records: of ended trials at a kill, by path.
    """

    kills: int = 0
    lost: int = 0
    again: int = 0
    records: dict[Path, bytes] = field(default_factory=dict)


def main() -> None:
    """Runs all sweeps and writes the table after each; fails if one went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--systems", nargs="+", default=list(SWEEPS), choices=SWEEPS)
    options = parser.parse_args()
    rng, rows = random.Random(options.seed), []
    with tempfile.TemporaryDirectory() as folder:
        for system in options.systems:
            corpus = Path(folder) / f"{system}-corpus"
            get(system).synthesise(corpus, videos=VIDEOS, seed=0, world_seed=0)
            for tuner in TUNERS:
                rows.append(compare(system, tuner, corpus, Path(folder), rng))
                progress(" ".join(map(str, rows[-1])))
                table = Table("sweep-sigkill", COLUMNS, rows, source=provenance())
                write_text(OUT, table.to_csv())
    print_table(table)
    if any(sum(row[name] for name in (4, 6, 7)) for row in rows):
        raise SystemExit("a sweep did not survive")


def compare(system: str, tuner: str, corpus: Path, folder: Path, rng: random.Random) -> tuple:
    """Runs a sweep untouched and one with kills; returns the table's row."""
    name = f"{system}-{tuner}"
    settings = SWEEPS[system] | {"system": system, "data": f"synthetic:{corpus}", "tuner": tuner}
    if tuner != "hyperband":
        settings["trials"] = TRIALS
    write_text(folder / f"{name}.yaml", yaml.safe_dump(settings | {"patience": 99}))
    command = [sys.executable, "-m", "kavc", "tune", "run", str(folder / f"{name}.yaml")]
    whole, cut = folder / f"{name}-whole", folder / f"{name}-cut"
    finish([*command, f"--out={whole}"])
    quickest = min(trial.seconds["whole"] for trial in Sweep(whole).trials)
    seen = Seen()
    for number in KILLS:
        seconds = rng.random() * quickest
        kill([*command, f"--out={cut}", "--resume"], cut, number, seconds, seen)
    finish([*command, f"--out={cut}", "--resume"])
    changed = sum(path.read_bytes() != text for path, text in seen.records.items())
    pairs = itertools.zip_longest(contents(whole), contents(cut))
    different = sum(ours != theirs for ours, theirs in pairs)
    trials = len(contents(whole))
    return system, tuner, trials, seen.kills, seen.lost, seen.again, changed, different


def finish(words: Sequence[str]) -> None:
    """Runs a sweep to its end."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr}")


def kill(words: Sequence[str], out: Path, number: int, seconds: float, seen: Seen) -> None:
    """Kills a sweep so many seconds after a trial began."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not any(t.number >= number for t in trials(out)):
        time.sleep(0.02)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    seen.kills += process.wait() == -signal.SIGKILL
    here = {trial.id: trial for trial in trials(out)}
    records = {path: path.read_bytes() for path in out.glob("trial_*/history.json")}
    seen.lost += len(set(seen.records) - set(records))
    for path, text in records.items():
        if here[path.parent.name.removeprefix("trial_")].status == RUNNING:
            seen.again += 1
        else:
            seen.records.setdefault(path, text)


def trials(out: Path) -> list[Trial]:
    """Returns the trials of a sweep that may not have begun."""
    return Sweep(out).trials if (out / "sweep.json").exists() else []


def contents(out: Path) -> list[dict]:
    """Returns all of the trials but times and attempts."""
    return [
        {name: value for name, value in asdict(trial).items() if name not in OF_PROCESSES}
        for trial in Sweep(out).trials
    ]


if __name__ == "__main__":
    main()
