"""Figures of retrieval: recall against K, and both modalities of videos on one map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.evaluation.figure import Figure
from kavc.evaluation.style import (
    DARK,
    DASHES,
    GREY,
    PALETTE,
    legend_above,
    literal,
    plain_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    from kavc.metrics.hubness import Hubness

Curve = tuple[ArrayLike, ArrayLike]  # values of K, and recall there

PERPLEXITY = 30.0  # scikit-learn's; fewer where there are few points
JOINED = 10  # pairs of a map that a line joins: more hide what they join
SMALL_GALLERY = 1000  # up to which an axis bears numbers and no powers of ten


def recall_curves(
    name: str,
    panels: Mapping[str, Mapping[str, Curve]],
    gallery: int,
    *,
    published: Mapping[str, Curve] | None = None,
    caption: str = "",
    source: str = "",
) -> Figure:
    """Recall against K on a logarithmic axis, one panel a direction, with the line of chance.

    Args:
        name: file name of the figure.
        panels: title, such as "audio to video", to {system: its curve, recall in percent}; at
            most six systems, one a colour.
        gallery: items in a gallery; chance is K out of these.
        published: title to published points, drawn as crosses.
        caption, source: see `Figure`.

    Raises:
        DataError: there is no panel, or one has no system or more than six.

    Example:
        >>> recall_curves("recall", {"audio to video": {"one": ([1, 10, 100], [5, 20, 60])}}, 1024)
        Figure('recall', ... inches, '')
    """
    published = published or {}
    _check_panels(name, panels)

    def draw(canvas: FigureBase) -> None:
        from matplotlib.ticker import NullFormatter, StrMethodFormatter

        axes_of = canvas.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axes, (title, systems) in zip(axes_of, panels.items(), strict=True):
            y_label = "recall at K (%)" if axes is axes_of[0] else ""
            plain_axes(axes, f"K (of {gallery:,} items)", y_label, literal(title))
            for at, (system, curve) in enumerate(systems.items()):
                look = {"color": PALETTE[at], "linestyle": DASHES[at], "linewidth": 1.8}
                axes.plot(*curve, label=literal(system), **look)
            if title in published:
                crosses = {"color": GREY, "markeredgewidth": 2, "clip_on": False}
                axes.plot(*published[title], "x", label="paper", zorder=3, **crosses)
            ks = np.unique(np.geomspace(1, gallery, 100).astype(int))
            axes.plot(ks, 100 * ks / gallery, ":", color=GREY, linewidth=1.2, label="chance")
            axes.set(xscale="log", xlim=(1, max(gallery, 2)), ylim=(0, 102))
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        legend_above(canvas, list(axes_of))

    return Figure(name, caption, draw, (1.0 + 4.0 * len(panels), 4.2), source)


def occurrence_curves(
    name: str,
    panels: Mapping[str, Mapping[str, Hubness]],
    *,
    caption: str = "",
    source: str = "",
) -> Figure:
    """How often items are among the first k, most frequent item first, on logarithmic axes.

    The legend has the share that is found by no query, in each panel. A dotted line is what each
    would have if queries spread evenly.

    Args:
        name: file name of the figure.
        panels: title to {system: its hubness}, all of one k and one number of items; at most six
            systems.
        caption, source: see `Figure`.

    Raises:
        DataError: there is no panel, or one has no system or more than six.

    Reference:
        Radovanović et al., 2010 (hubs: how often a point is among the k nearest of others).
    """
    _check_panels(name, panels)

    shown = [one.occurrence for systems in panels.values() for one in systems.values()]
    # Items that tie may count less than one; all panels have one axis, and end in its middle.
    lowest = min(each[each > 0].min(initial=1) for each in shown) / 2
    highest = 2 * max(each.max() for each in shown)
    labels = _never(panels)

    def draw(canvas: FigureBase) -> None:
        axes_of = canvas.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axes, (title, systems) in zip(axes_of, panels.items(), strict=True):
            k = next(iter(systems.values())).k
            y_label = f"queries that have it among their first {k}" if axes is axes_of[0] else ""
            plain_axes(axes, "items, the most frequent first", y_label, literal(title))
            for at, (system, one) in enumerate(systems.items()):
                counts = np.sort(one.occurrence)[::-1]
                places, found = np.arange(1, len(counts) + 1), counts > 0
                look = {"color": PALETTE[at], "linestyle": DASHES[at], "linewidth": 1.6}
                axes.plot(places[found], counts[found], label=literal(labels[system]), **look)
            axes.axhline(
                one.occurrence.mean(), color=GREY, linestyle=":", linewidth=1.2,
                label="if queries spread evenly",
            )  # fmt: skip
            ends = (1, max(len(counts), 2))
            axes.set(xscale="log", yscale="log", xlim=ends, ylim=(lowest, highest))
            _plain_numbers(axes, max(len(counts), highest))
        legend_above(canvas, list(axes_of))

    return Figure(name, caption, draw, (1.0 + 3.5 * len(panels), 4.4), source)


def _never(panels: Mapping[str, Mapping[str, Hubness]]) -> dict[str, str]:
    """System to its label, with the share of items that no query finds, in each panel."""
    systems = dict.fromkeys(system for each in panels.values() for system in each)
    return {
        system: f"{system}: never found "
        + ", ".join(
            f"{100 * each[system].never:.1f} % ({title})"
            for title, each in panels.items()
            if system in each
        )
        for system in systems
    }


def _plain_numbers(axes: Axes, most: float) -> None:
    """Writes 1, 10 and 100 and no powers of ten, while these are short."""
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
        if most <= SMALL_GALLERY:
            axis.set_major_formatter(StrMethodFormatter("{x:,g}"))


def _check_panels(name: str, panels: Mapping[str, Mapping[str, object]]) -> None:
    """Raises unless there is a panel, and one to six systems, one a colour, in each."""
    counts = [len(systems) for systems in panels.values()]
    if not counts or not 1 <= min(counts) <= max(counts) <= len(PALETTE):
        raise DataError(f"figure {name!r} has {counts} systems a panel, expected 1 to 6 in each")


def modality_map(
    name: str,
    audio: ArrayLike,
    visual: ArrayLike,
    groups: ArrayLike,
    group_names: Sequence[str],
    *,
    seed: int = 0,
    caption: str = "",
    source: str = "",
) -> Figure:
    """Sound (dots) and picture (triangles) of videos on one map by t-SNE, a colour a group.

    A line joins the first ten pairs, and no others: hundreds would hide what they join. Distances
    across such a map mean little; that a pair is close, and what is near it, do.

    Args:
        name: file name of the figure.
        audio, visual: `(videos, width)` unit vectors, in one space; three videos at least.
        groups: `(videos,)` integers: each video's number in `group_names`, or -1 for none.
        group_names: at most six, one a colour.
        seed: of the map.
        caption, source: see `Figure`.

    Raises:
        DataError: the shapes do not fit, or there are too few videos or too many groups.

    Reference:
        van der Maaten and Hinton, 2008 (t-SNE).

    Example:
        >>> modality_map("map", np.eye(4), np.eye(4), [0, 0, 1, -1], ["Music", "Sport"])
        Figure('map', ... inches, '')
    """
    audio, visual, groups = np.asarray(audio), np.asarray(visual), np.asarray(groups)
    if audio.shape != visual.shape or audio.ndim != 2 or not 2 < len(audio) == len(groups):
        raise DataError(
            f"figure {name!r}: audio {audio.shape}, visual {visual.shape} and groups "
            f"{groups.shape}; expected (videos, width) twice and (videos,), three videos at least"
        )
    if not -1 <= groups.min() <= groups.max() < len(group_names) <= len(PALETTE):
        raise DataError(
            f"figure {name!r}: groups {groups.min()} to {groups.max()} and {len(group_names)} "
            "names; expected six names at most, and -1 or the number of a name for each video"
        )

    def draw(canvas: FigureBase) -> None:
        points = _map(np.concatenate([audio, visual]).astype(np.float32), seed)
        sound, picture = points[: len(audio)], points[len(audio) :]
        axes = canvas.subplots()
        axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
        axes.spines[:].set_color(GREY)
        pairs = np.stack([sound, picture])[:, :JOINED]
        lines = axes.plot(pairs[..., 0], pairs[..., 1], color=DARK, linewidth=0.9, zorder=3)
        lines[0].set_label(f"a video's two ({len(lines)} of {len(audio):,} shown)")
        for group in range(-1, len(group_names)):
            colour = GREY if group < 0 else PALETTE[group]
            label = "other" if group < 0 else literal(group_names[group])
            _scatter(axes, sound[groups == group], picture[groups == group], colour, label)
        axes.scatter([], [], marker="o", color=GREY, s=20, label="sound")
        axes.scatter([], [], marker="^", edgecolors=GREY, facecolors="none", s=26, label="picture")
        legend_above(canvas, [axes])

    return Figure(name, caption, draw, (7.0, 6.8), source)


def _scatter(axes: Axes, sound: np.ndarray, picture: np.ndarray, colour: str, label: str) -> None:
    """Sounds filled and pictures hollow, so that either can be told without colours."""
    if len(sound):
        axes.scatter(*sound.T, marker="o", color=colour, s=16, linewidths=0, zorder=2)
        axes.scatter(
            *picture.T, marker="^", edgecolors=colour, facecolors="none", s=20, linewidths=0.9,
            zorder=2,
        )  # fmt: skip
        axes.scatter([], [], marker="s", color=colour, s=24, label=label)


def _map(points: np.ndarray, seed: int) -> np.ndarray:
    """`(n, 2)` coordinates by t-SNE of cosine distances."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # scikit-learn's own

    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    model = TSNE(metric="cosine", init="random", perplexity=perplexity, random_state=seed)
    with threadpool_limits(1):  # on so few points, threads wait more than they work
        return model.fit_transform(points)
