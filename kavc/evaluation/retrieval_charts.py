"""Figures of retrieval: recall against K, and both modalities of videos on one map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.evaluation.figure import Figure
from kavc.evaluation.style import GREY, LIGHT, PALETTE, legend_above, literal, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from kavc.metrics.hubness import Hubness

Curve = tuple[ArrayLike, ArrayLike]  # values of K, and recall there

PERPLEXITY = 30.0  # scikit-learn's; fewer where there are few points


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
    """
    published = published or {}
    _check_panels(name, panels)

    def draw(canvas: Canvas) -> None:
        from matplotlib.ticker import StrMethodFormatter

        axes_of = canvas.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axes, (title, systems) in zip(axes_of, panels.items(), strict=True):
            y_label = f"recall at K, gallery of {gallery:,} (%)" if axes is axes_of[0] else ""
            plain_axes(axes, "K", y_label, literal(title))
            for (system, curve), colour in zip(systems.items(), PALETTE, strict=False):
                axes.plot(*curve, color=colour, linewidth=1.8, label=literal(system))
            if title in published:
                crosses = {"color": GREY, "markeredgewidth": 2, "clip_on": False}
                axes.plot(*published[title], "x", label="paper", zorder=3, **crosses)
            ks = np.unique(np.geomspace(1, gallery, 100).astype(int))
            axes.plot(ks, 100 * ks / gallery, "--", color=GREY, linewidth=1, label="chance")
            axes.set(xscale="log", xlim=(1, max(gallery, 2)), ylim=(0, 102))
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
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

    The legend has the share that is found by no query. A dashed line is what each would have if
    queries spread evenly.

    Args:
        name: file name of the figure.
        panels: title to {system: its hubness}, all of one k and one number of items; at most six
            systems.
        caption, source: see `Figure`.

    Raises:
        DataError: there is no panel, or one has no system or more than six.
    """
    _check_panels(name, panels)

    shown = [one.occurrence for systems in panels.values() for one in systems.values()]
    # Items that tie may count less than one; all panels have one axis.
    lowest = min(each[each > 0].min(initial=1) for each in shown) / 2

    def draw(canvas: Canvas) -> None:
        axes_of = canvas.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axes, (title, systems) in zip(axes_of, panels.items(), strict=True):
            k = next(iter(systems.values())).k
            y_label = f"queries that have it among their first {k}" if axes is axes_of[0] else ""
            plain_axes(axes, "items, the most frequent first", y_label, literal(title))
            for (system, one), colour in zip(systems.items(), PALETTE, strict=False):
                counts = np.sort(one.occurrence)[::-1]
                label = f"{system} ({100 * one.never:.1f} % never)"
                places = np.arange(1, len(counts) + 1)
                found = counts > 0
                axes.plot(places[found], counts[found], color=colour, label=literal(label))
            axes.axhline(one.occurrence.mean(), color=GREY, linestyle="--", linewidth=1)
            axes.set(xscale="log", yscale="log", xlim=(1, max(len(counts), 2)), ylim=(lowest, None))
            axes.legend(frameon=False, fontsize="small", loc="lower left")

    return Figure(name, caption, draw, (1.0 + 4.0 * len(panels), 4.2), source)


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
    """Sound (dots) and picture (triangles) of videos on one map by t-SNE, a line between a pair.

    Distances across such a map mean little; that a pair is close, and what is near it, do.

    Args:
        name: file name of the figure.
        audio, visual: `(videos, width)` unit vectors, in one space; three videos at least.
        groups: `(videos,)` integers: each video's number in `group_names`, or -1 for none.
        group_names: at most six, one a colour.
        seed: of the map.
        caption, source: see `Figure`.

    Raises:
        DataError: the shapes do not fit, or there are too few videos or too many groups.
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

    def draw(canvas: Canvas) -> None:
        points = _map(np.concatenate([audio, visual]).astype(np.float32), seed)
        sound, picture = points[: len(audio)], points[len(audio) :]
        axes = plain_axes(canvas.subplots(), "", "")
        axes.set(xticks=[], yticks=[])
        axes.spines[["left", "bottom"]].set_visible(False)
        pairs = np.stack([sound, picture])
        axes.plot(pairs[..., 0], pairs[..., 1], color=LIGHT, linewidth=0.4, zorder=1)
        for group in range(-1, len(group_names)):
            chosen = groups == group
            colour = GREY if group < 0 else PALETTE[group]
            label = "other" if group < 0 else literal(group_names[group])
            _scatter(axes, sound[chosen], picture[chosen], colour, label)
        axes.scatter([], [], marker="o", color=GREY, s=12, label="sound")
        axes.scatter([], [], marker="^", color=GREY, s=12, label="picture")
        legend_above(canvas, [axes])

    return Figure(name, caption, draw, (7.0, 6.6), source)


def _scatter(axes: Axes, sound: np.ndarray, picture: np.ndarray, colour: str, label: str) -> None:
    if len(sound):
        look: dict[str, Any] = {"color": colour, "s": 12, "linewidths": 0, "zorder": 2}
        axes.scatter(sound[:, 0], sound[:, 1], marker="o", label=label, **look)
        axes.scatter(picture[:, 0], picture[:, 1], marker="^", **look)


def _map(points: np.ndarray, seed: int) -> np.ndarray:
    """`(n, 2)` coordinates by t-SNE of cosine distances."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # scikit-learn's own

    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    model = TSNE(metric="cosine", init="random", perplexity=perplexity, random_state=seed)
    with threadpool_limits(1):  # on so few points, threads wait more than they work
        return model.fit_transform(points)
