"""Training curves: the losses of each stage, and the value that decides which epoch is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kavc.errors import DataError
from kavc.evaluation.figure import Figure
from kavc.evaluation.style import (
    DARK,
    DASHES,
    GREY,
    MARKERS,
    PALETTE,
    TICK,
    legend_above,
    literal,
    plain_axes,
)
from kavc.evaluation.table import logged_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

LOSSES = ("loss", "val_loss")
ABREAST = 3  # stages side by side; more begin a new row
MARKED = 40  # epochs up to which each is a mark


@dataclass(frozen=True)
class StageCurves:
    """What one stage logged, and which of its epochs was kept.

    Args:
        history: logged name to one value an epoch, as Keras' `History.history`.
        deciding: logged name that early stopping and the choice of weights follow.
        direction: "min" or "max": which of its values is the best.
        best: the epoch, from 1, that is best by it; None where none is known.
        kept: the epoch whose weights the stage ends on; the best one if None.

    Example:
        >>> history = {"loss": [0.9, 0.7], "val_auc": [0.6, 0.7]}
        >>> stage = StageCurves(history, "val_auc", "max", best=2)
        >>> stage.epochs, stage.has_panel
        (2, True)
    """

    history: Mapping[str, Sequence[float]]
    deciding: str = "val_loss"
    direction: str = "min"
    best: int | None = None
    kept: int | None = None

    @property
    def epochs(self) -> int:
        """How many there were."""
        return max(map(len, self.history.values()), default=0)

    @property
    def has_panel(self) -> bool:
        """Whether the deciding value is no loss, and so has a panel of its own."""
        return self.deciding in self.history and self.deciding not in LOSSES


def curves(
    name: str, stages: Mapping[str, StageCurves], *, caption: str = "", source: str = ""
) -> Figure:
    """Training curves: a column a stage, losses above, the deciding value below, the same epochs.

    Args:
        name: file name of the figure.
        stages: stage name to what it logged.
        caption, source: see `Figure`.

    Raises:
        DataError: there is no stage.

    Example:
        >>> curves("training", {"themes": StageCurves({"loss": [0.9, 0.7]}, best=2)})
        Figure('training', ... inches, '')
    """
    if not stages:
        raise DataError(f"figure {name!r} has no stage to draw; expected one or more")
    columns = min(ABREAST, len(stages))
    rows = -(-len(stages) // columns)
    deep = 2 if any(stage.has_panel for stage in stages.values()) else 1

    def draw(canvas: FigureBase) -> None:
        grid = canvas.add_gridspec(rows * deep, columns)
        panels: list[Axes] = []
        for at, (title, stage) in enumerate(stages.items()):
            row, column = deep * (at // columns), at % columns
            span = 1 if stage.has_panel else deep  # one without a panel below has all the height
            upper = canvas.add_subplot(grid[row : row + span, column])
            panels.append(upper)
            _losses(upper, stage, literal(title))
            if stage.has_panel:
                panels.append(canvas.add_subplot(grid[row + 1, column], sharex=upper))
                _deciding(panels[-1], stage)
                upper.set_xlabel("")
                upper.tick_params(labelbottom=False)
        canvas.align_ylabels()
        legend_above(canvas, panels)

    width = max(5.2, 0.4 + 3.2 * columns)
    return Figure(name, caption, draw, (width, 0.7 + rows * (2.9 if deep == 1 else 4.4)), source)


def _losses(axes: Axes, stage: StageCurves, title: str) -> None:
    plain_axes(axes, "epoch", "loss", title)
    if not stage.has_panel:
        axes.set_title(f"{title}\n{_said(stage)}", fontsize=TICK, color=DARK, loc="left")
    for at, (loss, series) in enumerate(zip(LOSSES, ("training", "validation"), strict=True)):
        if loss in stage.history:
            _line(axes, stage.history[loss], at, f"{loss} ({series})")
    _mark(axes, stage, panel_of=LOSSES)
    _epochs(axes, stage)


def _deciding(axes: Axes, stage: StageCurves) -> None:
    plain_axes(axes, "epoch", logged_unit(stage.deciding) or "value")
    axes.set_title(_said(stage), fontsize=TICK, color=DARK, loc="left")
    _line(axes, stage.history[stage.deciding], 2, "the value that decides (validation)")
    _mark(axes, stage, panel_of=(stage.deciding,))
    _epochs(axes, stage)


def _said(stage: StageCurves) -> str:
    """What decides, which way, and which epoch the stage ended on, in two lines at most."""
    if stage.deciding not in stage.history:
        return f"{stage.epochs} epochs"
    better = "lower" if stage.direction == "min" else "higher"
    kept = stage.kept or stage.best
    ended = f"; epoch {kept} of {stage.epochs} kept" if kept else ""
    return f"{literal(stage.deciding)}\n{better} is better{ended}"


def _line(axes: Axes, values: Sequence[float], at: int, label: str) -> None:
    epochs = np.arange(1, len(values) + 1)
    marker = MARKERS[at] if len(values) <= MARKED else ""
    axes.plot(
        epochs, values, color=PALETTE[at], linestyle=DASHES[at], marker=marker, markersize=3.5,
        linewidth=1.4, label=literal(label),
    )  # fmt: skip


def _mark(axes: Axes, stage: StageCurves, panel_of: Sequence[str]) -> None:
    """A ring at the best value, where it is in this panel, and a line at the epoch kept."""
    if stage.kept or stage.best:
        axes.axvline(
            stage.kept or stage.best, color=GREY, linestyle=":", linewidth=1.2, label="epoch kept"
        )
    if stage.best and stage.deciding in panel_of and stage.deciding in stage.history:
        axes.plot(
            stage.best, stage.history[stage.deciding][stage.best - 1], "o", markersize=10,
            markerfacecolor="none", color=GREY, markeredgewidth=1.4, zorder=4, label="best epoch",
        )  # fmt: skip


def _epochs(axes: Axes, stage: StageCurves) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(0.5, max(stage.epochs, 1) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.margins(y=0.12)
