"""Every ready-made figure, with what is hard to place: long names, many classes, no values."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.evaluation import charts
from kavc.evaluation.clustered_charts import clustered_heatmap
from kavc.evaluation.dot_charts import dots
from kavc.evaluation.figure import Figure
from kavc.evaluation.localization_charts import Search, searches, two_clouds
from kavc.evaluation.parsing_charts import (
    Seeds,
    events_of_classes,
    scores_of_classes,
    systems_over_seeds,
    timeline,
)
from kavc.evaluation.retrieval_charts import modality_map, occurrence_curves, recall_curves
from kavc.evaluation.training_charts import StageCurves, curves
from kavc.metrics.clustering import cluster
from kavc.metrics.hubness import Hubness

from ..legible import HEAVIEST, faults

RANDOM = np.random.default_rng(0)
LABELS = np.arange(60) % 2
SCORES = RANDOM.normal(size=60) + LABELS
THEMES = [f"a theme with a long name, number {number} ({number})" for number in range(25)]
CLASSES = [f"Telephone_bell_ringing_{number}" for number in range(25)]
SYSTEMS = ["this network", "this network, less hubs", "this network, each modality alone", "CCA"]
SAID = {
    "caption": "A title that is so long that it does not fit on the one line that most of them "
    "take (Figure 2). Whiskers: 95 % interval; n/a: fewer than 10 videos, and so on to the end.",
    "source": "synthetic corpus of a long name, world seed 0, sample seed 0",
}
CURVE = ([1, 10, 100, 1000], [12.0, 40.0, 80.0, 100.0])
PANELS = {heading: dict.fromkeys(SYSTEMS, CURVE) for heading in ("A2V", "V2A")}
VECTORS = RANDOM.normal(size=(2, 400, 8)).astype(np.float32)
TREE = cluster(RANDOM.normal(size=(30, 9)))


def stages(count, monitor):
    long = RANDOM.random(200)
    history = {"loss": long, "val_loss": long + 1, monitor: long}
    of = StageCurves(history, deciding=monitor, direction="max", best=120, kept=200)
    return {f"stage of a name {number}": of for number in range(count)}


def searched(number):
    costs = RANDOM.random(10)
    return Search(f"missed: {'identifier' * 4}{number}", costs, number, 3)


FIGURES = {
    "bars": lambda: charts.bars(
        "f", THEMES, np.linspace(0, 100, 25), line=78.2, line_label="baseline-1, all pairs",
        chance=50, **SAID,
    ),
    "no bars": lambda: charts.bars("f", THEMES[:12], np.full(12, np.nan), chance=50, **SAID),
    "roc": lambda: charts.roc("f", LABELS, dict.fromkeys(SYSTEMS, SCORES), **SAID),
    "reliability": lambda: charts.reliability("f", LABELS, 1 / (1 + np.exp(-SCORES)), **SAID),
    "one stage": lambda: curves("f", stages(1, "val_segment_type_at_av"), **SAID),
    "five stages": lambda: curves("f", stages(5, "val_segment_type_at_av"), **SAID),
    "stages by loss": lambda: curves("f", stages(3, "val_loss"), **SAID),
    "dots": lambda: dots("f", THEMES, np.arange(25), value_label="AUC (%)", chance=50, **SAID),
    "recall": lambda: recall_curves("f", PANELS, 1024, **SAID),
    "hubs": lambda: occurrence_curves(
        "f",
        {title: {name: Hubness(np.arange(2000.0), 10) for name in SYSTEMS} for title in PANELS},
        **SAID,
    ),
    "map": lambda: modality_map(
        "f", *VECTORS[:, :60], np.arange(60) % 6 - 1, THEMES[:5], **SAID
    ),
    "searches": lambda: searches("f", [searched(1), searched(2)], **SAID),
    "clouds": lambda: two_clouds("f", dict.fromkeys(SYSTEMS, VECTORS[..., :2]), **SAID),
    "one cloud": lambda: two_clouds("f", {"this network": VECTORS[..., :2]}, **SAID),
    "events": lambda: events_of_classes("f", CLASSES, RANDOM.integers(0, 900, (3, 25)), **SAID),
    "classes": lambda: scores_of_classes(
        "f", CLASSES, {name: 100 * RANDOM.random((2, 25)) for name in SYSTEMS}, **SAID
    ),
    "timeline": lambda: timeline(
        "f", CLASSES, RANDOM.random((10, 2, 25)) < 0.1, RANDOM.random((10, 2, 25)) < 0.1, **SAID
    ),
    "seeds": lambda: systems_over_seeds(
        "f",
        {title: {name: Seeds([40, 50, 60], 55) for name in THEMES[:12]} for title in PANELS},
        {title: dict.fromkeys(THEMES[:5], 30.0) for title in PANELS},
        **SAID,
    ),
    "heat map": lambda: clustered_heatmap(
        "f", RANDOM.random((30, 9)), [f"video {name}" for name in range(30)], CLASSES[:9],
        rows=TREE, row_name="30 videos", column_name="genre", **SAID,
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_every_text_is_inside_apart_and_large_enough(make):
    assert faults(make()) == []


def test_a_picture_of_many_points_is_light():
    assert len(FIGURES["clouds"]()._repr_png_()) < HEAVIEST


@pytest.mark.parametrize(
    ("draw", "fault"),
    [
        (lambda canvas: [canvas.text(0.5, 0.5, "same place") for _ in "ab"], "overlap"),
        (lambda canvas: canvas.text(0.95, 0.5, "too far to the right"), "leaves the picture"),
        (lambda canvas: canvas.text(0.5, 0.5, "small", fontsize=6), "6.0 points"),
    ],
)
def test_what_is_not_legible_is_found(draw, fault):
    (found,) = faults(Figure("f", "A title", draw))
    assert fault in found


def test_a_picture_without_a_title_or_too_heavy_is_found(monkeypatch):
    figure = Figure("f", "", lambda canvas: None)
    monkeypatch.setattr(Figure, "_repr_png_", lambda self: b"x" * 300_000)
    assert faults(figure, weighed=True) == ["300,000 bytes", "it has no title"]
