"""Versions that roll under load: publishing them, and what callers notice over time."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from closed_loop import Seen

from kavc.evaluation.figure import Figure
from kavc.evaluation.style import DASHES, LIGHT, PALETTE, legend_above, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase


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


def series(during: Seen, published: Sequence[float]) -> dict[str, list[float]]:
    """Returns what a picture of a roll shows, for a report: `draw` takes it back."""
    start = during.starts.min()
    p50, p99 = by_second(during, 50, 99)
    return {
        "p50 of each second (ms)": rounded(p50, 3),
        "p99 of each second (ms)": rounded(p99, 3),
        "published (s)": rounded(np.array(published) - start, 3),
    }


def draw(found: Mapping[str, Any], shown: Mapping[str, Sequence[float]], path: Path) -> None:
    """Draws p50 and p99 of every second while versions were swapped, with those at rest.

    Args:
        found: "swaps", "clients", "answered", "failed" and "p50, p99 at rest (ms)" of a report,
            and the "command" that made it.
        shown: as `series` returns it.
        path: of the picture.
    """
    rest = found["p50, p99 at rest (ms)"]

    def onto(canvas: FigureBase) -> None:
        axes = plain_axes(canvas.subplots(), "time (s)", "latency of a call (ms)")
        for at, percent in enumerate((50, 99)):
            values = np.array(shown[f"p{percent} of each second (ms)"], float)
            look = {"color": PALETTE[at], "linestyle": DASHES[at], "linewidth": 1.6}
            label = f"p{percent} of a second's calls"
            axes.plot(np.arange(len(values)) + 0.5, values, label=label, **look)
            axes.axhline(
                rest[at], color=PALETTE[at], linestyle=":", linewidth=1.2,
                label=f"p{percent} at rest, {rest[at]:.1f} ms",
            )  # fmt: skip
        for moment in shown["published (s)"]:
            axes.axvline(
                moment, color=LIGHT, linewidth=1.6, zorder=0, label="a version is published"
            )
        axes.set(xlim=(0, len(values)), ylim=(0, None))
        axes.grid(False, axis="x")
        legend_above(canvas, [axes])

    failed = sum(found["failed"].values())
    caption = (
        f"Latency while {found['swaps']} versions are swapped under {found['clients']} closed-loop "
        f"clients. Of {found['answered']:,} calls {failed or 'none'} failed."
    )
    figure = Figure(path.stem, caption, onto, (8.0, 3.6), source_of(found))
    figure.save(path.parent)


def source_of(found: Mapping[str, Any]) -> str:
    """Returns the command of a report and the machine's cores, for a picture's foot."""
    return f"{found['command']}, {found['cores']} cores"
