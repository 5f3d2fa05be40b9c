"""Pictures of a sweep: learning curves, the best so far, and what matters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kavc.evaluation.figure import Figure
from kavc.evaluation.style import (
    DARK,
    DASHES,
    GREY,
    LIGHT,
    PALETTE,
    legend_above,
    literal,
    plain_axes,
)
from kavc.evaluation.table import logged_unit
from kavc.tuning.importance import Importance
from kavc.tuning.sweep import Sweep, best_of
from kavc.tuning.tables import ranked
from kavc.tuning.trial import COMPLETED, FAILED, RUNNING, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

MAGNITUDES = 20.0  # the largest over the smallest score from which on an axis is logarithmic


def importance_bars(sweep: Sweep, importance: Importance) -> Figure:
    """A bar a parameter, with the spread over cross-validations.

    Reference:
        Breiman, 2001.
    """
    at = np.arange(len(importance.names))

    def draw(canvas: FigureBase) -> None:
        axes = plain_axes(canvas.subplots(), "drop of R² when its values are shuffled", "")
        axes.barh(
            at, importance.mean, 0.6, xerr=importance.std, color=LIGHT, ecolor=DARK, capsize=3
        )
        axes.axvline(0, color=GREY, linewidth=1)
        axes.set_yticks(at, [literal(name) for name in importance.names])
        axes.invert_yaxis()
        axes.grid(False, axis="y")

    caption = (
        f"Importance of each parameter to {sweep.objective}, by a random forest. Its R² on trials "
        f"that it has not seen is {importance.r2:.2f}; {importance.trials} trials; whiskers: "
        "standard deviation over cross-validations."
    )
    size = (6.5, min(40.0, 1.4 + 0.32 * len(at)))
    return Figure("importance", caption, draw, size, source_of(sweep))


def learning_curves(sweep: Sweep) -> Figure:
    """The objective over the epochs of the last stage, a line a trial.

    Example:
        learning_curves(Sweep("sweeps/ti-avc")).save("figures")
    """
    best = sweep.best
    curves = [(trial, _curve(sweep, trial)) for trial in sweep.trials]
    curves = [(trial, curve) for trial, curve in curves if curve]
    curves.sort(key=lambda pair: pair[0].number != (best and best.number))  # first in the legend

    def draw(canvas: FigureBase) -> None:
        from matplotlib.ticker import MaxNLocator

        axes = plain_axes(canvas.subplots(), "epoch", _score_label(sweep))
        for trial, curve in curves:
            style, label = _style(trial, best)
            axes.plot(np.arange(1, len(curve) + 1), curve, label=label, **style)
        _score_axis(axes, [value for _, curve in curves for value in curve], sweep.direction)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
        legend_above(canvas, [axes])

    caption = (
        f"Learning curves of {len(curves)} trials. Each ends where its last stage stopped, or "
        "failed."
    )
    return Figure("learning_curves", caption, draw, (7.0, 4.4), source_of(sweep))


def best_so_far(sweep: Sweep) -> Figure:
    """Each trial's score and the best up to it, over trials and over time."""
    trials = [trial for trial in sweep.trials if trial.status != RUNNING]
    unit, seconds = _unit(sum(trial.seconds["whole"] for trial in trials))
    hours = np.cumsum([trial.seconds["whole"] for trial in trials]) / seconds
    completed = ranked(sweep)

    def draw(canvas: FigureBase) -> None:
        from matplotlib.ticker import MaxNLocator

        panels = canvas.subplots(1, 2, sharey=True)
        numbers = [trial.number for trial in trials]
        for axes, places, label in (
            (panels[0], numbers, "trial"),
            (panels[1], hours, f"{unit} of all trials so far"),
        ):
            plain_axes(axes, label, _score_label(sweep) if axes is panels[0] else "")
            _draw_progress(axes, places, trials, sweep.direction)
            _score_axis(axes, [trial.score for trial in completed], sweep.direction)
        panels[0].xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
        legend_above(canvas, list(panels))

    failed = sum(trial.status == FAILED for trial in trials)
    caption = (
        "The best score so far, over trials and over their time, one after another. Completed: "
        f"{len(completed)}, failed: {failed}; those on {completed[0].budget} epochs count."
    )
    return Figure("best_so_far", caption, draw, (8.0, 4.0), source_of(sweep))


def source_of(sweep: Sweep) -> str:
    """Returns where a sweep's numbers come from, in short."""
    layout, _, path = sweep.described["data"]["source"].partition(":")
    return f"sweep of {sweep.settings.system} on {layout}:{Path(path).name}"


def spans_magnitudes(values: Sequence[float], direction: str) -> bool:
    """Whether scores are losses so far apart that a logarithmic axis shows the good ones better.

    >>> spans_magnitudes([0.1, 0.2, 9.0], "min"), spans_magnitudes([0.1, 0.9], "max")
    (True, False)
    """
    return direction == "min" and min(values) > 0 and max(values) > MAGNITUDES * min(values)


def _curve(sweep: Sweep, trial: Trial) -> list[float]:
    """Returns the objective after each epoch of the last stage; empty if it was not reached."""
    last = sweep.system.stages(sweep.system.Config(**trial.options))[-1].name
    return [logs[sweep.objective] for logs in trial.curve.get(last, [])]


def _style(trial: Trial, best: Trial | None) -> tuple[dict, str | None]:
    """Returns how a trial's learning curve looks, and its entry in the legend."""
    if best is not None and trial.number == best.number:
        label = f"best: trial {trial.number}"
        return {"color": PALETTE[0], "linewidth": 2.4, "zorder": 4}, label
    if trial.number == 1:
        look = {"color": PALETTE[1], "linestyle": DASHES[1], "linewidth": 1.8, "zorder": 3}
        return look, "first trial"
    if trial.status == COMPLETED:
        return {"color": LIGHT, "linewidth": 1, "zorder": 2}, "other trials"
    return {"color": PALETTE[3], "linestyle": ":", "marker": ".", "zorder": 2}, "not completed"


def _draw_progress(
    axes: Axes, places: Sequence[float] | np.ndarray, trials: Sequence[Trial], direction: str
) -> None:
    best = [best_of(list(trials[: at + 1]), direction) for at in range(len(trials))]
    budget = max(trial.budget for trial in trials if trial.status == COMPLETED)
    full = [trial.budget == budget and trial.status == COMPLETED for trial in trials]
    for chosen, colour, label in (
        (full, GREY, "trial"),
        ([trial.budget < budget for trial in trials], LIGHT, "trial on fewer epochs"),
    ):
        points = [
            (place, trial.score)
            for place, trial, is_chosen in zip(places, trials, chosen, strict=True)
            if is_chosen and trial.score is not None
        ]
        if points:
            axes.plot(*zip(*points, strict=True), "o", color=colour, markersize=4, label=label)
    steps = [
        (place, each.score)
        for place, each in zip(places, best, strict=True)
        if each is not None and each.budget == budget
    ]
    axes.step(*zip(*steps, strict=True), where="post", color=PALETTE[0], label="best so far")
    failed = [place for place, trial in zip(places, trials, strict=True) if trial.status == FAILED]
    if failed:
        axes.plot(
            failed, np.full(len(failed), 0.02), "x", color=PALETTE[1], markersize=5,
            transform=axes.get_xaxis_transform(), label="failed",
        )  # fmt: skip


def _score_label(sweep: Sweep) -> str:
    unit = logged_unit(sweep.objective)
    what = literal(f"{sweep.objective} ({unit})" if unit else sweep.objective)
    return f"{what}\n{'lower' if sweep.direction == 'min' else 'higher'} is better"


def _score_axis(axes: Axes, values: Sequence[float | None], direction: str) -> None:
    if spans_magnitudes([value for value in values if value is not None], direction):
        axes.set_yscale("log")


def _unit(seconds: float) -> tuple[str, float]:
    return ("minutes", 60.0) if seconds < 7200 else ("hours", 3600.0)
