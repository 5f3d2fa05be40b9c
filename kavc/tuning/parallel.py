"""Parallel coordinates: a trial is a line through its parameters' values, as dark as it is good."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kavc.evaluation.figure import Figure
from kavc.evaluation.style import (
    DARK,
    DASHES,
    GREY,
    LIGHT,
    PALETTE,
    SMALL,
    TICK,
    legend_above,
    literal,
)
from kavc.evaluation.table import logged_unit
from kavc.tuning.figures import source_of, spans_magnitudes
from kavc.tuning.sweep import Sweep
from kavc.tuning.tables import ranked
from kavc.tuning.trial import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

ABREAST = 7  # parameters side by side; more begin a new row
TICKS = 5
APART = 0.13  # of an axis, at least, between two ticks
UNUSED = -0.15  # where a line runs past an axis whose parameter makes no sense in its trial
JITTER = 0.2  # by which lines through one category are spread, over the number of categories
COLOURED_WORST = 90  # percentile beyond which bad scores look alike, so that the good ones differ
PALEST = 0.88  # of viridis: what is beyond it is faint on white
SHADES = 24  # more can't be told apart, and make a picture large
NAMED = ("best", "2nd", "3rd")
LETTERS = 13  # of a line of a parameter's name


@dataclass(frozen=True)
class Scale:
    """An axis, from 0 at its bottom to 1 at its top.

    Args:
        label: what it shows.
        place: value to place.
        ticks: place and text of each tick.
        is_categorical: whether values are few, so that lines would hide each other.
        note: how it is divided, where that isn't evenly.
    """

    label: str
    place: Callable[[Any], float]
    ticks: Sequence[tuple[float, str]]
    is_categorical: bool = False
    note: str = ""


def parallel_coordinates(sweep: Sweep) -> Figure:
    """Every completed trial as a line, coloured by its score, the best ones named and on top.

    More than seven parameters are drawn in rows below each other, each of which ends in the score.
    Trials on fewer epochs are faint.

    Raises:
        DataError: no trial has completed.

    Reference:
        Inselberg, 1985.

    Example:
        parallel_coordinates(Sweep("sweeps/ti-avc")).save("figures")
    """
    trials = ranked(sweep)
    compared = [trial for trial in trials if trial.budget == trials[0].budget]
    score = _score_scale(sweep, trials)
    rows = _rows(sweep.varied)
    width = 1 + max(map(len, rows))

    def draw(canvas: FigureBase) -> None:
        panels = list(canvas.subplots(len(rows), 1, squeeze=False)[:, 0])
        colours = _colours(sweep, compared)
        for axes, parameters in zip(panels, rows, strict=True):
            scales = [*map(scale_of, parameters), score]
            lines = _lines([each["name"] for each in parameters], scales, trials)
            _draw_lines(axes, lines, trials, compared, colours)
            _draw_scales(axes, scales, width)
            _draw_unused(axes, np.array(list(lines.values())))
        _draw_colours(canvas, panels, colours, sweep)
        legend_above(canvas, panels)

    size = max(6.5, 1.4 + 1.1 * width), 1.1 + 2.9 * len(rows)
    caption = _caption(sweep, trials, compared)
    return Figure("parallel_coordinates", caption, draw, size, source_of(sweep))


def _rows(parameters: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Shares parameters out among rows, in their order and as evenly as can be."""
    rows = max(1, -(-len(parameters) // ABREAST))
    ends = np.linspace(0, len(parameters), rows + 1).round().astype(int)
    return [list(parameters[a:b]) for a, b in itertools.pairwise(ends)]


def scale_of(parameter: Mapping[str, Any]) -> Scale:
    """Returns the axis of a parameter of a space, logarithmic where it is drawn so.

    >>> units = scale_of({"name": "units", "kind": "choice", "values": [32, 64, 128]})
    >>> units.place(64), units.ticks
    (0.5, [(0.0, '32'), (0.5, '64'), (1.0, '128')])
    """
    name = parameter["name"]
    if "values" in parameter:
        values = parameter["values"]
        values = sorted(values) if parameter["kind"] == "boolean" else values
        places = {value: at / (len(values) - 1) for at, value in enumerate(values)}
        ticks = [(place, _text(value)) for value, place in places.items()]
        return Scale(name, places.__getitem__, ticks, is_categorical=True)
    return _numeric(name, parameter["low"], parameter["high"], parameter["sampling"])


def _numeric(label: str, low: float, high: float, sampling: str) -> Scale:
    functions: dict[str, tuple[Callable, str]] = {
        "linear": (lambda x: x, ""),
        "log": (np.log, "(log)"),
        "reverse_log": (lambda x: -np.log(low + high - x), "(reverse log)"),
    }
    transform, note = functions[sampling]
    bottom, height = transform(low), (transform(high) - transform(low)) or 1.0

    def place(value: float) -> float:
        return float((transform(value) - bottom) / height)

    ticks = [(place(value), f"{value:.3g}") for value in _round_values(low, high, sampling)]
    return Scale(label, place, _apart(ticks), note=note)


def _round_values(low: float, high: float, sampling: str) -> list[float]:
    """Returns the ends of an axis and round values between them, those to be kept first."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    if sampling == "linear":
        values = [*MaxNLocator(TICKS).tick_values(low, high)]
    else:
        decades, others = LogLocator(10), LogLocator(10, (2, 5))
        values = [*decades.tick_values(low, high), *others.tick_values(low, high)]
    if sampling == "reverse_log":
        values = [low + high - value for value in values]
    return [low, high, *(float(each) for each in values if low < each < high)]


def _apart(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Leaves out ticks that are too near to an earlier one; returns the others from below."""
    kept: list[tuple[float, str]] = []
    for place, text in ticks:
        if all(abs(place - other) >= APART for other, _ in kept):
            kept.append((place, text))
    return sorted(kept)


def _score_scale(sweep: Sweep, trials: Sequence[Trial]) -> Scale:
    """Returns the axis of the score, the better ones on top."""
    scores = [trial.score for trial in trials if trial.score is not None]
    sampling = "log" if spans_magnitudes(scores, sweep.direction) else "linear"
    low, high = min(scores), max(scores)
    scale = _numeric(sweep.objective, low, high, sampling)
    ends = {0.0: f"{low:.4g}", 1.0: f"{high:.4g}"}
    ticks = [(place, ends.get(place, text)) for place, text in scale.ticks]
    if sweep.direction == "max":
        return Scale(scale.label, scale.place, ticks, note="(higher is better)")
    ticks = [(1 - place, text) for place, text in ticks]
    return Scale(scale.label, lambda value: 1 - scale.place(value), ticks, note="(lower is better)")


def _lines(
    names: Sequence[str], scales: Sequence[Scale], trials: Sequence[Trial]
) -> dict[int, list[float]]:
    """Returns each trial's places on the axes, the last of which is the score's, by its number."""
    latest = max(trial.number for trial in trials)
    return {
        trial.number: [*_places(names, scales[:-1], trial, latest), scales[-1].place(trial.score)]
        for trial in trials
    }


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
    """Returns the colour map of the scores: dark is good, and the worst can still be seen."""
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    scores = np.array([trial.score for trial in trials], np.float64)
    colours = mpl.colormaps["viridis"](np.linspace(0, PALEST, SHADES))
    if sweep.direction == "max":
        worst = float(np.percentile(scores, 100 - COLOURED_WORST))
        return ScalarMappable(Normalize(worst, float(scores.max())), ListedColormap(colours[::-1]))
    worst = float(np.percentile(scores, COLOURED_WORST))
    return ScalarMappable(Normalize(float(scores.min()), worst), ListedColormap(colours))


def _draw_lines(
    axes: Axes,
    lines: Mapping[int, Sequence[float]],
    trials: Sequence[Trial],
    compared: Sequence[Trial],
    colours: Any,
) -> None:
    """Draws all trials, the better ones later, and then those that are named."""
    for trial in reversed(trials):
        style = {"color": colours.to_rgba(trial.score), "linewidth": 1.0}
        if trial not in compared:
            style = {"color": LIGHT, "linewidth": 0.8}
        axes.plot(lines[trial.number], **style)
    for at, (place, trial) in enumerate(zip(NAMED, compared, strict=False)):
        label = f"{place}: trial {trial.number}, {trial.score:.4g}"
        look = {"linestyle": DASHES[at], "linewidth": 1.8 if at else 2.8, "zorder": 6 - at}
        axes.plot(lines[trial.number], color=DARK, label=label, **look)
    if 1 in lines:
        look = {"linestyle": DASHES[3], "linewidth": 1.8, "zorder": 7}
        axes.plot(lines[1], color=PALETTE[1], label="first trial", **look)


def _draw_scales(axes: Axes, scales: Sequence[Scale], width: int) -> None:
    for at, scale in enumerate(scales):
        axes.plot([at, at], [0, 1], color=GREY, linewidth=1, zorder=1)
        for place, text in scale.ticks:
            axes.text(
                at + 0.04, place, literal(text), fontsize=SMALL, color=DARK, va="center", zorder=9,
                bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 0.6},
            )  # fmt: skip
        name = "\n".join(filter(None, [*_broken(scale.label), scale.note]))
        axes.text(at, 1.07, literal(name), fontsize=TICK, color=DARK, ha="center", va="bottom")
    axes.set(xticks=[], yticks=[], xlim=(-0.5, width - 0.4), ylim=(-0.05, 1.05))
    axes.spines[:].set_visible(False)


def _draw_unused(axes: Axes, lines: np.ndarray) -> None:
    """Says at the foot of an axis that the lines below it don't use its parameter."""
    unused = np.flatnonzero((lines < UNUSED / 2).any(axis=0))
    for at in unused:
        axes.text(at, UNUSED - 0.08, "not used", fontsize=SMALL, color=GREY, ha="center", va="top")
    if len(unused):
        axes.set_ylim(bottom=UNUSED - 0.17)


def _broken(name: str) -> list[str]:
    """Breaks a name in the middle, at an underscore, into lines that fit between two axes."""
    cuts = [at + 1 for at, letter in enumerate(name[:-1]) if letter == "_" and at]
    if len(name) <= LETTERS or not cuts:
        return [name]
    cut = min(cuts, key=lambda at: abs(2 * at - len(name)))
    return [*_broken(name[:cut]), *_broken(name[cut:])]


def _draw_colours(canvas: FigureBase, panels: Sequence[Axes], colours: Any, sweep: Sweep) -> None:
    worst = "max" if sweep.direction == "min" else "min"
    bar = canvas.colorbar(colours, ax=panels, pad=0.01, aspect=30, extend=worst)
    bar.ax.tick_params(labelsize=SMALL, labelcolor=DARK, color=LIGHT)
    bar.outline.set_visible(False)
    unit = logged_unit(sweep.objective)
    label = f"{sweep.objective} ({unit})" if unit else sweep.objective
    bar.set_label(literal(label), fontsize=TICK, color=DARK)


def _caption(sweep: Sweep, trials: Sequence[Trial], compared: Sequence[Trial]) -> str:
    failed = sum(trial.status == "failed" for trial in sweep.trials)
    parts = [
        f"{len(trials)} completed trials, a line each through its {len(sweep.varied)} parameters.",
        "Darker lines are better, and each row ends in the score.",
    ]
    if len(compared) < len(trials):
        parts.append(
            f"Coloured are the {len(compared)} on {trials[0].budget} epochs; scores of the others, "
            "on fewer, can't be compared with theirs."
        )
    if failed:
        parts.append(f"Failed and left out: {failed}.")
    if any(each["name"] not in trial.values for trial in trials for each in sweep.varied):
        parts.append("Below an axis run the trials that don't use its parameter.")
    return " ".join(parts)


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
