"""Does a sweep on Ray lose anything when a trial's process, the program and a node are killed?

    python benchmarks/sweep_cluster.py --out FOLDER

Small trials of Ti-AVC on a synthetic corpus, two processes side by side: first on this machine,
then on a cluster of two nodes (`ray start`, twice, on this machine), whose head asks for a token.
Each sweep has the process of its first trial killed, then the program itself, and is resumed; on
the cluster the second node is killed after that. A sweep is whole if every trial is completed, no
record that was complete before a kill has changed since, and no process is left.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.systems.registry import get

RESULTS = Path(__file__).parent / "results" / "sweep_cluster.csv"
KAVC = (sys.executable, "-m", "kavc")
RAY = (sys.executable, "-m", "ray.scripts.scripts")
SMALL = {"variant": "baseline-1", "epochs": 2, "embedding_dim": 4, "filters": 4, "units": 4}
LIMIT = 3600  # seconds after which something counts as hung


def main() -> None:
    """Runs both sweeps, writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=20)
    options = parser.parse_args()
    options.out.mkdir(parents=True)
    corpus = options.out / "corpus"
    get("ti-avc").synthesise(corpus, videos=200, seed=0, world_seed=0)
    file = options.out / "sweep.yaml"
    file.write_text(
        json.dumps(
            {
                "system": "ti-avc",
                "data": f"synthetic:{corpus.absolute()}",
                "tuner": "random",
                "trials": options.trials,
                "set": {**SMALL, "alignment_epochs": 0},
                "space": {"learning_rate": {"low": 1e-4, "high": 1e-2, "sampling": "log"}},
            }
        )
    )
    rows = [("this machine", *killed(file, options.out / "local", {}, ()))]
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with head(token, options.out) as (address, node):
        there = "--cluster", address
        rows.append(("a cluster", *killed(file, options.out / "cluster", token, there, node)))
    names = ("trials", "completed", "kills", "trials begun twice", "records changed", "left")
    columns = [Column("where"), *(Column(name, "d") for name in names), Column("seconds", ".0f")]
    table = Table("sweep-cluster", columns, rows, caption="Sweeps on Ray that were killed")
    write_text(RESULTS, table.to_csv())
    print(table.to_markdown())


def killed(
    file: Path,
    out: Path,
    environment: Mapping[str, str],
    more: tuple[str, ...],
    node: int | None = None,
) -> tuple:
    """Runs a sweep with its kills; returns the numbers of its row."""
    began, kills, seen = time.monotonic(), 0, {}
    words = (*KAVC, "tune", "run", str(file), "--out", str(out), "--workers", "2", *more)
    program = start(words, environment)
    worker = wait_for(lambda: trainers(program.pid))[0]
    wait_for(lambda: records(out))
    os.kill(worker, signal.SIGKILL)
    kills += 1
    wait_for(lambda: len(completed(out)) >= 4)
    program.kill()
    program.wait()
    kills += 1
    seen |= completed(out)
    program = start((*words, "--resume"), environment)
    if node is not None:
        wait_for(lambda: len(completed(out)) >= 8)
        os.kill(node, signal.SIGKILL)
        kills += 1
        seen |= completed(out)
    code = program.wait(LIMIT)
    assert code == 0, (code, out)
    found = completed(out)
    changed = sum(found.get(name) != text for name, text in seen.items())
    twice = sum(json.loads(text)["attempts"] > 1 for text in records(out).values())
    time.sleep(5)
    left = len(trainers(program.pid))
    seconds = time.monotonic() - began
    return len(records(out)), len(found), kills, twice, changed, left, seconds


def start(words: tuple[str, ...], environment: Mapping[str, str]) -> subprocess.Popen:
    """Starts a program that logs to its own standard error."""
    return subprocess.Popen(words, env=os.environ | dict(environment), stdout=subprocess.DEVNULL)


def records(out: Path) -> dict[str, str]:
    """Returns the record of each trial that has begun, as it is written."""
    return {file.parent.name: file.read_text() for file in out.glob("trial_*/history.json")}


def completed(out: Path) -> dict[str, str]:
    """Returns the records of the trials that are completed."""
    return {
        name: text for name, text in records(out).items() if json.loads(text)["status"] != "running"
    }


def trainers(program: int) -> list[int]:
    """Returns the processes of Ray that train, of whatever program."""
    del program
    found = subprocess.run(["pgrep", "-f", "ray::_Worker"], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def wait_for(what):
    """Waits until something is there; returns it."""
    until = time.monotonic() + LIMIT
    while not (found := what()):
        if time.monotonic() >= until:
            raise TimeoutError(what)
        time.sleep(0.2)
    return found


@contextlib.contextmanager
def head(token: Mapping[str, str], out: Path) -> Iterator[tuple[str, int]]:
    """Yields the address of a cluster of two nodes, and the process of the second one's raylet."""
    environment = os.environ | dict(token) | {"RAY_USAGE_STATS_ENABLED": "0"}

    def ray(*words: str) -> None:
        subprocess.run((*RAY, *words), env=environment, check=True, stdout=subprocess.DEVNULL)

    def raylets() -> set[int]:
        found = subprocess.run(["pgrep", "-x", "raylet"], capture_output=True, text=True)
        return set(map(int, found.stdout.split()))

    common = "--num-cpus", "1", "--disable-usage-stats"
    try:
        ray("start", "--head", "--port", "6399", "--include-dashboard=false", *common)
        first = raylets()
        ray("start", "--address", "127.0.0.1:6399", *common)
        (node,) = raylets() - first
        yield "127.0.0.1:6399", node
    finally:
        ray("stop", "--force")


if __name__ == "__main__":
    main()
