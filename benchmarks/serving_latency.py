"""What does a call over gRPC cost on top of the model itself, and how does it grow with callers?

Four processes take turns, under the same closed-loop callers: the local server; a bare Python gRPC
server that takes the same bytes and gives the same bytes back; one that also calls the SavedModel,
on inputs that it has; and the SavedModel called by as many threads of one process, without a
network. The third is what any server in this language takes around this model before it has read a
byte: threads that slept while the model ran wake up later than those of an echo without pause.

    kavc export RUN --to MODELS_DIR
    python benchmarks/serving_latency.py MODELS_DIR MODEL
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import closed_loop
import numpy as np
import pandas as pd
from closed_loop import Backend

from kavc.evaluation.figure import Figure
from kavc.evaluation.style import DASHES, MARKERS, PALETTE, legend_above, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

OUT = Path(__file__).parent / "results" / "serving_latency"
BATCHES = (1, 8, 64)
CLIENTS = (1, 8, 32)
CASES = ("in process", "echo", "echo and model", "server")
LOOKS = {
    case: {"color": PALETTE[at], "marker": MARKERS[at], "linestyle": DASHES[at], "markersize": 5}
    for case, at in zip(CASES, (2, 3, 1, 0), strict=True)
}


def main() -> None:
    """Starts the processes, measures, writes the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models_dir", type=Path)
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one case in one round")
    parser.add_argument("--threads", type=int, help="of the servers; their default if not given")
    parser.add_argument("--batching", type=Path, help="batching.config for the local server")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--out", type=Path, default=OUT, help="without a suffix")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = [os.fspath(options.models_dir), options.model, folder]
        more = [] if options.threads is None else ["--threads", str(options.threads)]
        more += [] if options.batching is None else ["--batching", os.fspath(options.batching)]
        Backend(["messages", *words]).stop()
        backends = {case: Backend([case, *words, *more]) for case in CASES}
        try:
            rows = measure(backends, Path(folder), options)
        finally:
            for backend in backends.values():
                backend.stop()
    calls = pd.DataFrame(rows)
    table = summary(calls)
    print(table.to_string(index=False))
    table["source"] = (
        f"python {Path(sys.argv[0]).name} MODELS_DIR {' '.join(sys.argv[2:])}; "
        f"Python {platform.python_version()}, "
        f"{os.cpu_count()} cores"
    )
    table.to_csv(options.out.with_suffix(".csv"), index=False, float_format="%.4g")
    draw(table, options.out.with_suffix(".png"))


def measure(backends: dict, folder: Path, options: argparse.Namespace) -> list[dict]:
    """Returns one row for each case in each round, with its latencies in milliseconds."""
    rows = []
    for batch in options.batches:
        request = (folder / f"request-{batch}").read_bytes()
        for clients in options.clients:
            for number in range(options.rounds):
                for case in CASES if number % 2 else reversed(CASES):
                    backend = backends[case]
                    if case == "in process":
                        line = backend.ask(f"{batch} {clients} {options.seconds}")
                        latencies = np.array(json.loads(line))
                    else:
                        seen = closed_loop.run(
                            backend.address, request, clients=clients, seconds=options.seconds
                        )
                        if seen.failures:
                            raise SystemExit(f"{case}: failed calls: {seen.failures}")
                        latencies = seen.seconds * 1e3
                    rows.append(
                        {
                            "batch": batch,
                            "clients": clients,
                            "round": number,
                            "case": case,
                            "per second": len(latencies) / options.seconds,
                            "mean": latencies.mean(),
                            **dict(
                                zip(
                                    ("p50", "p95", "p99"),
                                    np.percentile(latencies, (50, 95, 99)),
                                    strict=True,
                                )
                            ),
                        }
                    )
    return rows


def summary(calls: pd.DataFrame) -> pd.DataFrame:
    """Returns medians over the rounds; ratios are formed within a round.

    overhead/echo: what a call takes beyond the model in process, over what the echo takes, from the
    mean latencies (under many callers the median says more about whose turn it is).
    beyond echo and model: what the server adds to a bare one around the same model, over the model.
    """
    rows = []
    for (batch, clients), group in calls.groupby(["batch", "clients"]):
        by_case = {case: part.set_index("round") for case, part in group.groupby("case")}
        server, echo, model = (by_case[case] for case in ("server", "echo", "in process"))
        beyond = server["mean"] - model["mean"]
        overhead = beyond / echo["mean"]
        around = (server["mean"] - by_case["echo and model"]["mean"]) / model["mean"]
        rows.append(
            {
                "batch": batch,
                "clients": clients,
                **{f"{case} p50": by_case[case]["p50"].median() for case in CASES},
                "server p95": server["p95"].median(),
                "server p99": server["p99"].median(),
                "overhead/echo": overhead.median(),
                "least": overhead.min(),
                "most": overhead.max(),
                "beyond echo and model": around.median(),
                "server per second": server["per second"].median(),
                "in process per second": model["per second"].median(),
                "throughput/in process": (server["per second"] / model["per second"]).median(),
            }
        )
    return pd.DataFrame(rows)


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draws latencies and throughput against clients, a column for each batch size.

    Args:
        table: as `summary` returns it, with a "source", or as it was read again.
        path: of the picture.
    """
    batches = sorted(table["batch"].unique())

    def onto(canvas: FigureBase) -> None:
        panels = canvas.subplots(2, len(batches), squeeze=False, sharex=True, sharey="row")
        for (upper, lower), batch in zip(panels.T, batches, strict=True):
            first = batch == batches[0]
            plain_axes(upper, "", "latency of a call (ms)" if first else "", f"batch {batch}")
            plain_axes(lower, "closed-loop clients", "calls a second" if first else "")
            _latencies(upper, table[table["batch"] == batch])
            _throughput(lower, table[table["batch"] == batch])
        legend_above(canvas, list(panels[0]))

    caption = (
        "Latency and throughput of the local server, and of what it is measured against. Medians "
        "over the rounds; all axes are logarithmic, and equal in a row."
    )
    figure = Figure(path.stem, caption, onto, (8.0, 5.8), str(table["source"].iloc[0]))
    figure.save(path.parent)


def _latencies(axes: Axes, part: pd.DataFrame) -> None:
    ends = part["server p50"], part["server p99"]
    axes.fill_between(
        part["clients"], *ends, color=PALETTE[0], alpha=0.2, linewidth=0, label="server, p50 to p99"
    )
    for case, look in LOOKS.items():
        axes.plot(part["clients"], part[f"{case} p50"], label=f"{case}, p50", **look)
    _logarithmic(axes, part["clients"])


def _throughput(axes: Axes, part: pd.DataFrame) -> None:
    for case in ("in process", "server"):
        axes.plot(part["clients"], part[f"{case} per second"], label=case, **LOOKS[case])
    _logarithmic(axes, part["clients"])


def _logarithmic(axes: Axes, clients: pd.Series) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator, StrMethodFormatter

    axes.set(xscale="log", yscale="log")
    axes.set_xticks(clients, [str(each) for each in clients])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


if __name__ == "__main__":
    main()
