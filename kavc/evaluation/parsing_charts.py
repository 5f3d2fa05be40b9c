"""Figures of audio-visual video parsing: classes, one video in time, and systems over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.evaluation.figure import Figure
from kavc.evaluation.style import (
    DARK,
    DASHES,
    GREY,
    LIGHT,
    MARKERS,
    PALETTE,
    SMALL,
    legend_above,
    literal,
    plain_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

STREAMS = ("audio", "visual", "audio-visual")
MODALITIES = STREAMS[:2]
RIGHT = 105  # end of an axis of per cent, so that two panels' ticks keep apart


def events_of_classes(
    name: str, classes: Sequence[str], counts: ArrayLike, *, caption: str = "", source: str = ""
) -> Figure:
    """Number of events of each class that are heard, seen, and both, on a logarithmic axis.

    Figure 1 of Lamba et al., 2021.

    Args:
        name: file name of the figure.
        classes: names, from above to below.
        counts: `(3, classes)`: audio, visual, audio-visual.
        caption, source: see `Figure`.

    Raises:
        DataError: `counts` have another shape, or there is no class.

    Example:
        >>> events_of_classes("events", ["Speech", "Dog"], [[9, 2], [4, 3], [4, 0]])
        Figure('events', ... inches, '')
    """
    counts = _shaped("counts", counts, (len(STREAMS), len(classes)))

    def draw(canvas: FigureBase) -> None:
        from matplotlib.ticker import StrMethodFormatter

        axes = plain_axes(canvas.subplots(), "events (linear up to 1, then logarithmic)", "")
        places = np.arange(len(classes))
        for at, (stream, row) in enumerate(zip(STREAMS, counts, strict=True)):
            axes.plot(
                row, places + 0.22 * (at - 1), MARKERS[at], color=PALETTE[at], markersize=4.5,
                clip_on=False, zorder=3, label=f"{stream} ({int(row.sum()):,} events)",
            )  # fmt: skip
        # Linear up to 1: a class can be without an event.
        axes.set_xscale("symlog", linthresh=1, linscale=0.4)
        axes.set_xlim(0, 1.3 * max(counts.max(), 1))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.set_ylim(len(classes) - 0.4, -0.6)
        axes.set_yticks(places, list(map(literal, classes)))
        legend_above(canvas, [axes])

    return Figure(name, caption, draw, (7.0, min(1.4 + 0.26 * len(classes), 40.0)), source)


def scores_of_classes(
    name: str,
    classes: Sequence[str],
    systems: Mapping[str, ArrayLike],
    *,
    value_label: str = "F-score (%)",
    caption: str = "",
    source: str = "",
) -> Figure:
    """A score of each class, one panel for audio and one for visual, and a colour for each system.

    Figure 4 of Lamba et al., 2021.

    Args:
        name: file name of the figure.
        classes: names, from above to below.
        systems: name to `(2, classes)`, in per cent; "n/a" where all are NaN. At most six.
        value_label: name of the value axes.
        caption, source: see `Figure`.

    Raises:
        DataError: there is no system, or more than six, or one has another shape, or values
            outside 0 to 100; or there is no class.

    Example:
        >>> scores = {"one": [[60.0, 50.0], [55.0, np.nan]]}  # audio, then visual
        >>> scores_of_classes("scores", ["Speech", "Dog"], scores)
        Figure('scores', ... inches, '')
    """
    _check_colours(name, len(systems))
    values = {
        system: _shares(system, found, (2, len(classes))) for system, found in systems.items()
    }

    def draw(canvas: FigureBase) -> None:
        panels = canvas.subplots(1, 2, sharey=True)
        for m, axes in enumerate(panels):
            plain_axes(axes, value_label, "", MODALITIES[m])
            _best_scores(axes, np.stack([found[m] for found in values.values()]))
            for at, (system, found) in enumerate(values.items()):
                # Side by side, so that none hides another.
                places = np.arange(len(classes)) + 0.2 * (at - (len(values) - 1) / 2)
                axes.plot(
                    found[m], places, MARKERS[at], color=PALETTE[at], markersize=4.5,
                    clip_on=False, zorder=3, label=literal(system),
                )  # fmt: skip
        panels[0].set_yticks(range(len(classes)), list(map(literal, classes)))
        panels[0].set_ylim(len(classes) - 0.4, -0.6)
        legend_above(canvas, list(panels))

    return Figure(name, caption, draw, (8.0, min(1.6 + 0.24 * len(classes), 40.0)), source)


def _best_scores(axes: Axes, scores: np.ndarray) -> None:
    """A pale bar of each class, as long as its best score."""
    known = ~np.isnan(scores).all(axis=0)
    places = np.arange(scores.shape[1])
    best = np.where(known, np.nanmax(np.where(np.isnan(scores), -1, scores), axis=0), np.nan)
    axes.barh(places, best, 0.6, color=LIGHT)
    for place in places[~known]:
        axes.text(1, place, "n/a", va="center", fontsize=SMALL, color=GREY)
    axes.set_xlim(0, RIGHT)
    axes.grid(False, axis="y")


def timeline(
    name: str,
    classes: Sequence[str],
    truth: ArrayLike,
    predicted: ArrayLike,
    *,
    caption: str = "",
    source: str = "",
) -> Figure:
    """One video in time: what is heard and seen, above what was predicted, a row a class.

    Args:
        name: file name of the figure.
        classes: names; those that neither occur nor are predicted are left out.
        truth, predicted: `(segments, 2, classes)` bool, audio first; a segment is a second.
        caption, source: see `Figure`.

    Raises:
        DataError: the shapes don't fit.

    Example:
        >>> truth, predicted = np.zeros((2, 10, 2, 1))
        >>> truth[2:5, 0] = 1  # heard from second 2 to 5
        >>> timeline("clip", ["Dog"], truth, predicted)
        Figure('clip', ... inches, '')
    """
    true, found = np.asarray(truth) == 1, np.asarray(predicted) == 1
    if not true.size or not true.shape == found.shape == (len(true), 2, len(classes)):
        raise DataError(
            f"figure {name!r}: truth {true.shape} and predicted {found.shape}; expected "
            f"(segments, 2, {len(classes)}) twice"
        )
    seconds = len(true)
    rows = np.flatnonzero((true | found).any(axis=(0, 1)))

    def draw(canvas: FigureBase) -> None:
        panels = canvas.subplots(2, 1, sharex=True, sharey=True)
        for m, axes in enumerate(panels):
            plain_axes(axes, "time (s)" if m else "", "", MODALITIES[m])
            for place, c in enumerate(rows):
                _runs(axes, true[:, m, c], place - 0.36, GREY, "truth")
                _runs(axes, found[:, m, c], place + 0.02, PALETTE[0], "predicted")
            axes.grid(False, axis="y")
        axes.set(xlim=(0, seconds), xticks=range(seconds + 1))
        axes.set_yticks(range(len(rows)), [literal(classes[c]) for c in rows])
        axes.set_ylim(max(len(rows), 1) - 0.4, -0.6)
        if len(rows):
            legend_above(canvas, list(panels))

    return Figure(name, caption, draw, (7.0, min(2.2 + 0.6 * max(len(rows), 1), 40.0)), source)


def _runs(axes: Axes, mask: np.ndarray, below: float, colour: str, label: str) -> None:
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    spans = [(first, last - first) for first, last in edges.reshape(-1, 2)]
    if spans:
        axes.broken_barh(spans, (below, 0.34), facecolor=colour, linewidth=0, label=label)


@dataclass(frozen=True)
class Seeds:
    """A system's score over seeds, for `systems_over_seeds`.

    Args:
        values: `(seeds,)`, in per cent.
        published: the paper's, in per cent; None where it has none.
    """

    values: Sequence[float]
    published: float | None = None


def systems_over_seeds(
    name: str,
    panels: Mapping[str, Mapping[str, Seeds]],
    lines: Mapping[str, Mapping[str, float]] | None = None,
    *,
    published_label: str = "paper",
    value_label: str = "Type@AV (%)",
    caption: str = "",
    source: str = "",
) -> Figure:
    """A score of systems over seeds: bars to the mean, a dot each seed, and lines to compare with.

    Args:
        name: file name of the figure.
        panels: title to system to its seeds; the same systems in each.
        lines: title to reference line to its score, in per cent; at most five.
        published_label: what the published values are, in the legend.
        value_label: name of the value axes.
        caption, source: see `Figure`.

    Raises:
        DataError: there is no panel or system, a system has no seed, or a value is outside 0 to
            100; or there are more than five lines.

    Example:
        >>> seeds = {"one": Seeds([50.0, 52.0], published=51.0), "other": Seeds([48.0])}
        >>> systems_over_seeds("seeds", {"segments": seeds})
        Figure('seeds', ... inches, '')
    """
    lines = lines or {}
    every = [one for systems in panels.values() for one in systems.values()]
    if not every or not all(len(one.values) for one in every):
        raise DataError(f"figure {name!r}: expected a panel with a system, and a seed of each")
    for one in every:
        _shares("values", one.values, (len(one.values),))
    _check_colours(name, 1 + max(map(len, lines.values()), default=0))

    def draw(canvas: FigureBase) -> None:
        axes_of = canvas.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axes, (title, systems) in zip(axes_of, panels.items(), strict=True):
            plain_axes(axes, value_label, "", literal(title))
            _seeds(axes, list(systems.values()), published_label)
            for at, (label, value) in enumerate(lines.get(title, {}).items()):
                axes.axvline(value, color=PALETTE[1 + at], linestyle=DASHES[1 + at],
                             linewidth=1.4, label=literal(label))  # fmt: skip
            axes.set_xlim(0, RIGHT)
            axes.grid(False, axis="y")
        names = list(next(iter(panels.values())))
        axes_of[0].set_yticks(range(len(names)), list(map(literal, names)))
        axes_of[0].set_ylim(len(names) - 0.4, -0.6)
        legend_above(canvas, list(axes_of))

    systems = max(map(len, panels.values()))
    size = 2.4 + 3.2 * len(panels), 2.0 + 0.36 * systems
    return Figure(name, caption, draw, (min(size[0], 40.0), min(size[1], 40.0)), source)


def _seeds(axes: Axes, systems: Sequence[Seeds], published_label: str) -> None:
    places = range(len(systems))
    axes.barh(places, [np.mean(one.values) for one in systems], 0.6, color=LIGHT, label="mean")
    for place, one in zip(places, systems, strict=True):
        axes.plot(one.values, np.full(len(one.values), place), "o", color=DARK, markersize=4,
                  alpha=0.8, label="a seed")  # fmt: skip
        if one.published is not None:
            axes.plot(one.published, place, "x", color=PALETTE[0], markeredgewidth=2,
                      label=literal(published_label))  # fmt: skip


def _check_colours(name: str, count: int) -> None:
    if not 1 <= count <= len(PALETTE):
        raise DataError(f"figure {name!r}: {count} colours; expected 1 to {len(PALETTE)} of them")


def _shares(what: str, values: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    found = _shaped(what, values, shape)
    if (found < 0).any() or (found > 100).any():
        raise DataError(f"{what}: expected per cent, from 0 to 100")
    return found


def _shaped(what: str, values: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    found = np.asarray(values, np.float64)
    if found.shape != shape or not found.size:
        raise DataError(f"{what} {found.shape}: expected {shape}, and one of each at least")
    return found
