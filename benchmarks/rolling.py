"""Versions that roll under load: publishing them, and what callers notice over time."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from closed_loop import Seen


def publish(source: Path, version: Path, spoil: Callable[[Path], None] = lambda _: None) -> None:
    """Lets a version appear whole."""
    partial = version.with_name(f".partial-{version.name}")
    shutil.copytree(source, partial)
    spoil(partial)
    partial.rename(version)


def while_running(work: Callable[[], None], run: Callable[[], Seen]) -> Seen:
    """Returns what `run` returns, with `work` done in a thread meanwhile."""
    thread = threading.Thread(target=work)
    thread.start()
    seen = run()
    thread.join()
    return seen


def rounded(values: object, digits: int = 2) -> list[float]:
    """Returns numbers for a report."""
    return np.round(values, digits).tolist()


def by_second(seen: Seen, *percent: float) -> np.ndarray:
    """Returns latencies of the calls that began in each second, in milliseconds.

    Returns:
        (percent, seconds) float64; nan where no call began.
    """
    seconds = (seen.starts - seen.starts.min()).astype(int)
    spent = [seen.seconds[seconds == second] * 1e3 for second in range(seconds.max() + 1)]
    nothing = np.full(len(percent), np.nan)
    return np.stack([np.percentile(each, percent) if len(each) else nothing for each in spent], 1)


def draw(rest: Seen, during: Seen, published: Sequence[float], clients: int, path: Path) -> None:
    """Draws p50 and p99 of every second, at rest and during the swaps, which are marked."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(9, 3.5), layout="constrained")
    start = during.starts.min()
    percents = {50: "tab:blue", 99: "tab:red"}
    rows = by_second(during, *percents)
    for (percent, colour), values in zip(percents.items(), rows, strict=True):
        axis.plot(np.arange(len(values)) + 0.5, values, color=colour, label=f"p{percent}")
        axis.axhline(rest.percentile(percent)[0], color=colour, linestyle=":", linewidth=1)
    axis.plot([], [], ":", color="gray", linewidth=1, label="at rest")
    for index, moment in enumerate(published):
        axis.axvline(
            moment - start,
            color="gray",
            alpha=0.4,
            label="version published" if not index else None,
        )
    most = 1.2 * np.nanmax(rows)
    axis.set(xlabel="seconds", ylabel="latency (ms)", ylim=(0, most), xlim=(0, None))
    failed = f"failed: {during.failures}" if during.failures else "no request failed"
    axis.set_title(f"{len(published)} versions under {clients} closed-loop clients, {failed}")
    axis.legend(ncols=4, loc="upper center")
    figure.savefig(path, dpi=120)
