"""Does a server keep its memory, threads and file descriptors, and does it end well?

`kavc serve` in a process of its own. First its capacity under eight closed-loop callers; then
minutes of open-loop requests (Poisson arrivals) at 70 % of that, with its memory, threads and file
descriptors noted every second; then SIGTERM while the requests go on: those in flight must be
answered, and the exit code must be 0.

    kavc export RUN --to MODELS_DIR
    python benchmarks/serving_soak.py MODELS_DIR MODEL
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import closed_loop
import numpy as np
from closed_loop import OPTIONS, PREDICT, Backend
from rolling import source_of

from kavc.evaluation.figure import Figure
from kavc.evaluation.style import DASHES, GRID, PALETTE, legend_above, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

OUT = Path(__file__).parent / "results" / "serving_soak"
LOAD = 0.7  # of capacity
SERIES = ("seconds", "resident (MiB)", "threads", "file descriptors")
WARM_UP = 30.0  # seconds that the memory's slope leaves out
# A request that left the caller this shortly before the signal may not have arrived by then.
ON_THE_WAY = 0.05


def main() -> None:
    """Runs the three parts, writes what was seen and draws the memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models_dir", type=Path)
    parser.add_argument("model")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--out", type=Path, default=OUT, help="without a suffix")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Backend(["messages", options.models_dir, options.model, folder]).stop()
        request = (Path(folder) / "request-1").read_bytes()
    server, address = closed_loop.serve(options.models_dir)
    capacity = closed_loop.run(address, request, clients=8, seconds=10).throughput
    callers = OpenLoop(address, request, LOAD * capacity)
    callers.start()
    samples = watch(server.pid, options.seconds)
    told = time.monotonic()
    server.send_signal(signal.SIGTERM)
    exit_code = server.wait(60)
    took = time.monotonic() - told
    calls = callers.stop()
    found = {
        "capacity (1/s)": round(capacity),
        "offered (1/s)": round(LOAD * capacity),
        "seconds": options.seconds,
        **while_serving(calls, samples, told),
        "SIGTERM": at_the_end(calls, told) | {"exit code": exit_code, "seconds": round(took, 2)},
        "command": f"python {Path(sys.argv[0]).name} MODELS_DIR {options.model}",
        "cores": os.cpu_count(),
        "series": dict(zip(SERIES, samples.T.round(1).tolist(), strict=True)),
    }
    text = json.dumps(found, indent=2)
    options.out.with_suffix(".json").write_text(text + "\n")
    print(text)
    draw(found, options.out.with_suffix(".png"))


@dataclass
class Call:
    """One request: when it was due, when its answer came (monotonic), and its gRPC status."""

    due: float
    end: float = float("nan")
    code: str = ""


class OpenLoop:
    """Sends requests at random moments, whether or not earlier ones were answered."""

    def __init__(self, address: str, request: bytes, rate: float):
        import grpc

        self.channel = grpc.insecure_channel(address, options=OPTIONS)
        self.call = self.channel.unary_unary(PREDICT)
        self.request, self.rate = request, rate
        self.calls: list[Call] = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._send)

    def start(self) -> None:
        """Begins to send."""
        self.thread.start()

    def stop(self) -> list[Call]:
        """Ends, and returns all calls once they are answered."""
        time.sleep(0.5)
        self.stopped.set()
        self.thread.join()
        end = time.monotonic() + 30
        while any(not call.code for call in self.calls) and time.monotonic() < end:
            time.sleep(0.05)
        self.channel.close()
        return self.calls

    def _send(self) -> None:
        draw = random.Random(0)
        due = time.monotonic()
        while not self.stopped.is_set():
            due += draw.expovariate(self.rate)
            time.sleep(max(0.0, due - time.monotonic()))
            call = Call(due)
            self.calls.append(call)
            future = self.call.future(self.request, timeout=30)
            future.add_done_callback(lambda future, call=call: self._note(future, call))

    @staticmethod
    def _note(future: Any, call: Call) -> None:
        call.end = time.monotonic()
        call.code = future.code().name


def watch(process: int, seconds: float) -> np.ndarray:
    """Returns (samples, 4): seconds, resident MiB, threads, file descriptors; one a second."""
    samples = []
    start = time.monotonic()
    while (now := time.monotonic() - start) < seconds:
        status = Path(f"/proc/{process}/status").read_text()
        numbers = [int(re.search(rf"{key}:\s+(\d+)", status)[1]) for key in ("VmRSS", "Threads")]
        descriptors = len(os.listdir(f"/proc/{process}/fd"))
        samples.append((now, numbers[0] / 1024, numbers[1], descriptors))
        time.sleep(1)
    return np.array(samples)


def while_serving(calls: list[Call], samples: np.ndarray, told: float) -> dict:
    """Returns latencies before the signal, from the moment each request was due, and resources."""
    before = [call for call in calls if call.end < told]
    latencies = [(call.end - call.due) * 1e3 for call in before]
    warm = samples[samples[:, 0] >= WARM_UP]
    slope = np.polyfit(warm[:, 0] / 60, warm[:, 1], 1)[0]
    return {
        "answers": dict(Counter(call.code for call in before)),
        "p50, p95, p99 (ms)": np.percentile(latencies, (50, 95, 99)).round(2).tolist(),
        "memory slope after warm-up (MiB/min)": round(float(slope), 3),
        "memory after warm-up: least, most (MiB)": [
            round(float(warm[:, 1].min()), 1),
            round(float(warm[:, 1].max()), 1),
        ],
        "threads: least, most": [int(warm[:, 2].min()), int(warm[:, 2].max())],
        "file descriptors: least, most": [int(warm[:, 3].min()), int(warm[:, 3].max())],
    }


def at_the_end(calls: list[Call], told: float) -> dict:
    """Returns how requests ended that the signal met in flight, or on their way."""
    open_then = [call for call in calls if call.due < told <= call.end]
    in_flight = [call for call in open_then if call.due < told - ON_THE_WAY]
    return {
        "in flight": dict(Counter(call.code for call in in_flight)),
        "sent within 50 ms before": dict(
            Counter(call.code for call in open_then if call.due >= told - ON_THE_WAY)
        ),
        "sent after": dict(Counter(call.code for call in calls if call.due >= told)),
    }


def draw(found: dict, path: Path) -> None:
    """Draws memory, threads and file descriptors of a report over time."""
    seconds, memory, *counts = (np.array(values) for values in found["series"].values())

    def onto(canvas: FigureBase) -> None:
        upper, lower = canvas.subplots(2, sharex=True)
        plain_axes(upper, "", "resident memory (MiB)")
        upper.plot(seconds, memory, color=PALETTE[0], linewidth=1.6, label="resident memory")
        upper.axvspan(0, WARM_UP, color=GRID, zorder=0, label="warm-up, which the slope leaves out")
        upper.set(ylim=(0, 1.2 * memory.max()), xlim=(0, seconds.max()))
        plain_axes(lower, "time (s)", "count")
        for at, (name, values) in enumerate(zip(SERIES[2:], counts, strict=True), 1):
            look = {"color": PALETTE[at], "linestyle": DASHES[at], "linewidth": 1.6}
            lower.plot(seconds, values, label=name, **look)
        lower.set_ylim(0, 1.2 * max(each.max() for each in counts))
        canvas.align_ylabels()
        legend_above(canvas, [upper, lower])

    caption = (
        f"Memory, threads and file descriptors of a server under {found['offered (1/s)']:,} calls "
        f"a second. For {found['seconds']:.0f} s at {100 * LOAD:.0f} % of its capacity; memory "
        f"grows by {found['memory slope after warm-up (MiB/min)']:.2f} MiB a minute."
    )
    figure = Figure(path.stem, caption, onto, (8.0, 4.8), source_of(found))
    figure.save(path.parent)


if __name__ == "__main__":
    main()
