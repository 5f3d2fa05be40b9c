"""Parallel coordinates: a trial is a line through its parameters' values, as dark as it is good."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kavc.evaluation.figure import MAX_INCHES, Figure
from kavc.evaluation.style import DARK, GREY, LIGHT, PALETTE, legend_above, literal
from kavc.tuning.figures import source_of, spans_magnitudes
from kavc.tuning.sweep import Sweep
from kavc.tuning.tables import ranked
from kavc.tuning.trial import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

TICKS = 5
UNUSED = -0.15  # where a line runs past an axis whose parameter makes no sense in its trial
JITTER = 0.2  # by which lines through one category are spread, over the number of categories
COLOURED_WORST = 90  # percentile beyond which bad scores look alike, so that the good ones differ


@dataclass(frozen=True)
class Scale:
    """An axis, from 0 at its bottom to 1 at its top.

    Args:
        label: what it shows.
        place: value to place.
        ticks: place and text of each tick.
        is_categorical: whether values are few, so that lines would hide each other.
    """

    label: str
    place: Callable[[Any], float]
    ticks: Sequence[tuple[float, str]]
    is_categorical: bool = False


def parallel_coordinates(sweep: Sweep) -> Figure:
    """Every completed trial as a line, the best ones dark; those on fewer epochs are faint.

    Raises:
        DataError: no trial has completed.
    """
    trials = ranked(sweep)
    compared = [trial for trial in trials if trial.budget == trials[0].budget]
    scales = [scale_of(parameter) for parameter in sweep.varied]
    names = [parameter["name"] for parameter in sweep.varied]
    score = _score_scale(sweep, trials)
    latest = max(trial.number for trial in trials)

    def line(trial: Trial) -> list[float]:
        return [*_places(names, scales, trial, latest), score.place(trial.score)]

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        colour = _colours(sweep, compared)
        for trial in reversed(trials):
            style = {"color": colour.to_rgba(trial.score), "linewidth": 1.2, "alpha": 0.8}
            if trial not in compared:
                style = {"color": LIGHT, "linewidth": 0.8, "alpha": 0.6}
            axes.plot(line(trial), **style)
        axes.plot(line(trials[0]), color=DARK, linewidth=3, label=f"best: trial {trials[0].number}")
        first = next((trial for trial in trials if trial.number == 1), None)
        if first is not None:
            axes.plot(line(first), "--", color=PALETTE[1], linewidth=1.8, label="first trial")
        _draw_scales(axes, [*scales, score])
        worst = "max" if sweep.direction == "min" else "min"
        bar = canvas.colorbar(colour, ax=axes, pad=0.01, aspect=30, extend=worst)
        bar.ax.tick_params(labelsize=8, labelcolor=DARK)
        bar.set_label(literal(sweep.objective), fontsize=9, color=DARK)
        legend_above(canvas, [axes])

    width = min(MAX_INCHES, max(7.0, 2.0 + 1.25 * (len(scales) + 1)))
    return Figure(
        "parallel_coordinates",
        _caption(sweep, trials, compared),
        draw,
        (width, 5.2),
        source_of(sweep),
    )


def scale_of(parameter: Mapping[str, Any]) -> Scale:
    """Returns the axis of a parameter of a space, logarithmic where it is drawn so."""
    name = parameter["name"]
    if "values" in parameter:
        values = parameter["values"]
        values = sorted(values) if parameter["kind"] == "boolean" else values
        places = {value: at / (len(values) - 1) for at, value in enumerate(values)}
        ticks = [(place, _text(value)) for value, place in places.items()]
        return Scale(name, places.__getitem__, ticks, is_categorical=True)
    return _numeric(name, parameter["low"], parameter["high"], parameter["sampling"])


def _numeric(label: str, low: float, high: float, sampling: str) -> Scale:
    functions: dict[str, tuple[Callable, Callable]] = {
        "linear": (lambda x: x, lambda y: y),
        "log": (np.log, np.exp),
        "reverse_log": (lambda x: -np.log(low + high - x), lambda y: low + high - np.exp(-y)),
    }
    transform, inverse = functions[sampling]
    bottom, height = transform(low), (transform(high) - transform(low)) or 1.0
    ticks = [
        (place, f"{inverse(bottom + place * height):.3g}") for place in np.linspace(0, 1, TICKS)
    ]
    return Scale(label, lambda value: float((transform(value) - bottom) / height), ticks)


def _score_scale(sweep: Sweep, trials: Sequence[Trial]) -> Scale:
    """Returns the axis of the score, the better ones on top."""
    scores = [trial.score for trial in trials if trial.score is not None]
    sampling = "log" if spans_magnitudes(scores, sweep.direction) else "linear"
    scale = _numeric(sweep.objective, min(scores), max(scores), sampling)
    if sweep.direction == "max":
        return scale
    ticks = [(1 - place, text) for place, text in scale.ticks]
    return Scale(scale.label, lambda value: 1 - scale.place(value), ticks)


def _places(
    names: Sequence[str], scales: Sequence[Scale], trial: Trial, latest: int
) -> list[float]:
    places = []
    for name, scale in zip(names, scales, strict=True):
        value = trial.values.get(name)
        place = UNUSED if value is None else scale.place(value)
        if scale.is_categorical or value is None:
            place += JITTER * (trial.number / latest - 0.5) / len(scale.ticks)
        places.append(place)
    return places


def _colours(sweep: Sweep, trials: Sequence[Trial]) -> Any:
    """Returns the colour map of the scores: dark is good."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scores = np.array([trial.score for trial in trials], np.float64)
    if sweep.direction == "max":
        worst = float(np.percentile(scores, 100 - COLOURED_WORST))
        return ScalarMappable(Normalize(worst, float(scores.max())), "viridis_r")
    worst = float(np.percentile(scores, COLOURED_WORST))
    return ScalarMappable(Normalize(float(scores.min()), worst), "viridis")


def _draw_scales(axes: Axes, scales: Sequence[Scale]) -> None:
    for at, scale in enumerate(scales):
        axes.plot([at, at], [0, 1], color=GREY, linewidth=1, zorder=1)
        for place, text in scale.ticks:
            axes.text(
                at + 0.03, place, literal(text), fontsize=7, color=DARK, va="center", zorder=9,
                bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.6},
            )  # fmt: skip
    labels = [literal(scale.label) for scale in scales]
    axes.set_xticks(range(len(scales)), labels, rotation=20, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", labelsize=9, labelcolor=DARK, length=0)
    axes.set(yticks=[], xlim=(-0.1, len(scales) - 0.6), ylim=(UNUSED - 0.05, 1.06))
    axes.spines[:].set_visible(False)


def _caption(sweep: Sweep, trials: Sequence[Trial], compared: Sequence[Trial]) -> str:
    failed = sum(trial.status == "failed" for trial in sweep.trials)
    parts = [
        f"{len(trials)} completed trials; dark lines are better, the best on top at the right."
    ]
    if len(compared) < len(trials):
        parts.append(
            f"Coloured are the {len(compared)} on {trials[0].budget} epochs; scores of the others, "
            "on fewer, can't be compared with theirs."
        )
    if failed:
        parts.append(f"Failed and left out: {failed}.")
    parts.append("A line below an axis: the parameter makes no sense in that trial.")
    return " ".join(parts)


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
