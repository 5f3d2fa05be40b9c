"""Do versions roll without a failed request, and what do callers notice?

A local server in a process of its own under closed-loop callers. At rest; while ten new versions
are published in a minute and the older ones removed; while an exporter is killed with SIGKILL
twenty times at random moments; and with broken newest versions. The picture shows the latencies
over time, with the swaps marked.

    kavc export RUN --to MODELS_DIR
    python benchmarks/serving_swaps.py MODELS_DIR MODEL
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import closed_loop
from closed_loop import Backend
from rolling import draw, publish, rounded, series, while_running

OUT = Path(__file__).parent / "results" / "serving_swaps"
CLIENTS = 8
SWAPS, KILLS = 10, 20
REST_SECONDS = 20.0
SETTLE_SECONDS = 5.0
# Exports as the package does, by its own function for whole folders, until it is killed.
EXPORTER = """
import shutil, sys
from pathlib import Path
from kavc.files import whole_folder
source, model = map(Path, sys.argv[1:])
while True:
    version = 1 + max(int(found.name) for found in model.glob("[0-9]*"))
    print(version, flush=True)
    with whole_folder(model / str(version)) as partial:
        shutil.copytree(source, partial, dirs_exist_ok=True)
"""


def main() -> None:
    """Runs the parts one after another, writes what was seen and draws the swaps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models_dir", type=Path)
    parser.add_argument("model")
    parser.add_argument("--seconds", type=float, default=60.0, help="for the ten swaps")
    parser.add_argument("--out", type=Path, default=OUT, help="without a suffix")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        Backend(["messages", options.models_dir, options.model, scratch]).stop()
        request = (scratch / "request-1").read_bytes()
        source = highest(options.models_dir / options.model)
        model = scratch / "models" / options.model
        shutil.copytree(source, model / "1")
        server = Backend(["server", model.parent, options.model, scratch])
        try:
            found = {
                "swaps": swaps(server, model, source, request, options),
                "killed exports": killed_exports(server, model, source, request),
                "broken versions": broken_versions(server, model, source, request),
            }
        finally:
            server.stop()
    found["command"] = f"python {Path(sys.argv[0]).name} MODELS_DIR {options.model}"
    found["cores"] = os.cpu_count()
    text = json.dumps(found, indent=2)
    options.out.with_suffix(".json").write_text(text + "\n")
    print(text)
    redraw(found, options.out.with_suffix(".png"))


def redraw(found: dict, path: Path) -> None:
    """Draws the swaps of a report."""
    draw(found["swaps"] | {key: found[key] for key in ("command", "cores")},
         found["swaps"]["series"], path)  # fmt: skip


def swaps(
    server: Backend, model: Path, source: Path, request: bytes, options: argparse.Namespace
) -> dict:
    """Publishes ten versions under load; the one before goes half a period after each."""
    rest = closed_loop.run(server.address, request, clients=CLIENTS, seconds=REST_SECONDS)
    memory = [server.memory]
    published: list[float] = []
    half = options.seconds / SWAPS / 2

    def roll() -> None:
        for version in range(2, 2 + SWAPS):
            time.sleep(half)
            publish(source, model / str(version))
            published.append(time.monotonic())
            time.sleep(half)
            memory.append(server.memory)
            shutil.rmtree(model / str(version - 1))

    during = while_running(
        roll,
        lambda: closed_loop.run(server.address, request, clients=CLIENTS, seconds=options.seconds),
    )
    after = closed_loop.run(server.address, request, clients=CLIENTS, seconds=SETTLE_SECONDS)
    memory.append(server.memory)
    p99 = rest.percentile(99)[0], during.percentile(99)[0]
    return {
        "swaps": len(published),
        "seconds": options.seconds,
        "clients": CLIENTS,
        "answered": len(during.seconds),
        "failed": rest.failures | during.failures | after.failures,
        "p50, p99 at rest (ms)": rounded(rest.percentile(50, 99)),
        "p50, p99, most during swaps (ms)": rounded(during.percentile(50, 99, 100)),
        "p99 over p99 at rest": round(float(p99[1] / p99[0]), 2),
        "memory before, most, after (MiB)": rounded([memory[0], max(memory), memory[-1]], 0),
        "memory after over before": round(memory[-1] / memory[0], 3),
        "served at the end": available(server),
        "series": series(during, published),
    }


def killed_exports(server: Backend, model: Path, source: Path, request: bytes) -> dict:
    """Kills exporters at random moments, while the server follows the folder and answers."""
    moments = random.Random(0)
    failures: dict[str, int] = {}
    left, begun = 0, 0
    for _ in range(KILLS):
        exporter = subprocess.Popen(
            [sys.executable, "-c", EXPORTER, os.fspath(source), os.fspath(model)],
            stdout=subprocess.PIPE,
            text=True,
        )
        exporter.stdout.readline()
        seconds = moments.uniform(0.01, 0.6)
        killer = threading.Timer(seconds, exporter.send_signal, [signal.SIGKILL])
        killer.start()
        run = closed_loop.run(server.address, request, clients=2, seconds=seconds + 0.5)
        begun += 1 + len(exporter.stdout.read().split())
        exporter.wait()
        add(failures, run.failures)
        left += len(list(model.glob(".partial-*")))
        for partial in model.glob(".partial-*"):
            shutil.rmtree(partial)
        for old in sorted(model.glob("[0-9]*"), key=number)[:-2]:
            shutil.rmtree(old)
    errors = wait_for_highest(server, model)
    return {
        "kills": KILLS,
        "exports begun": begun,
        "kills in the middle of a write": left,
        "versions that did not load": errors,
        "failed requests": failures,
        "served at the end": available(server),
        "highest whole version": number(highest(model)),
    }


def broken_versions(server: Backend, model: Path, source: Path, request: bytes) -> dict:
    """Publishes broken versions; the one before must go on answering, and the status tell why."""
    found: dict = {"served before": available(server)}
    failures: dict[str, int] = {}
    for name, spoil in (("truncated graph", truncate), ("missing variables", lose_variables)):
        version = number(highest(model)) + 1
        publish(source, model / str(version), spoil)
        run = closed_loop.run(server.address, request, clients=2, seconds=4)
        add(failures, run.failures)
        state, error = states(server)[version]
        found[name] = {"state": state, "error": error.replace(os.fspath(model), "NAME")}
    return found | {"failed requests": failures, "served after": available(server)}


def truncate(version: Path) -> None:
    """Cuts the graph off."""
    graph = version / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:5000])


def lose_variables(version: Path) -> None:
    """Removes the weights."""
    shutil.rmtree(version / "variables")


def wait_for_highest(server: Backend, model: Path) -> list[int]:
    """Waits until the highest version is served; returns those with an error on the way."""
    end = time.monotonic() + 30
    while available(server) != [number(highest(model))] and time.monotonic() < end:
        time.sleep(0.1)
    return [version for version, (_, error) in states(server).items() if error]


def states(server: Backend) -> dict[int, tuple[str, str]]:
    """Returns state and error of each version."""
    return {int(version): tuple(found) for version, found in json.loads(server.ask("?")).items()}


def available(server: Backend) -> list[int]:
    """Returns the versions that answer."""
    return [version for version, (state, _) in states(server).items() if state == "AVAILABLE"]


def highest(model: Path) -> Path:
    """Returns the folder of a model's highest version."""
    return max(model.glob("[0-9]*"), key=number)


def number(version: Path) -> int:
    """Returns a version folder's number."""
    return int(version.name)


def add(failures: dict[str, int], more: dict[str, int]) -> None:
    """Adds counts by status to others."""
    for code, count in more.items():
        failures[code] = failures.get(code, 0) + count


if __name__ == "__main__":
    main()
