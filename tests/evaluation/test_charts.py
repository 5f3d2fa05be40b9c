from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.image import imread
from sklearn.metrics import auc

from kavc.errors import DataError
from kavc.evaluation import charts
from kavc.evaluation.delong import auc_interval
from kavc.evaluation.style import literal

LABELS = np.arange(60) % 2
SCORES = np.random.default_rng(0).normal(size=60) + LABELS
# No mathematics: Matplotlib would raise on it.
DOLLARS = r"$\frac{$"
THEMES = [f"theme number {number}, {DOLLARS}" for number in range(19)]
SOURCE = f"synthetic corpus, world seed 0, {DOLLARS}"


def drawn(figure):
    """The Matplotlib figure, laid out, without a file."""
    canvas = Canvas(figsize=figure.size, layout="constrained")
    FigureCanvasAgg(canvas)
    figure.draw(canvas)
    canvas.draw_without_rendering()
    return canvas


FIGURES = {
    "bars": lambda: charts.bars(
        "f", THEMES, np.linspace(0.4, 0.9, 19), np.arange(19), line=0.55, source=SOURCE
    ),
    "bars without counts": lambda: charts.bars("f", ["a"], [np.nan], source=SOURCE),
    "bars of nothing": lambda: charts.bars("f", ["a", "b"], [0.5, 0.6], [0, 0], source=SOURCE),
    "curves": lambda: charts.curves(
        "f",
        {"theme learner": {"loss": [2.0, 1.0], "val_loss": [2.1, 1.5]}, DOLLARS: {"loss": [1.0]}},
        best={"theme learner": 2},
        source=SOURCE,
    ),
    "curves of no epoch": lambda: charts.curves("f", {"only": {}}, source=SOURCE),
    "reliability": lambda: charts.reliability(
        "f", LABELS, 1 / (1 + np.exp(-SCORES)), source=SOURCE
    ),
    "roc": lambda: charts.roc("f", LABELS, {"a": SCORES, DOLLARS: -SCORES}, source=SOURCE),
}


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_saves_the_same_picture_twice(make, tmp_path):
    before = dict(matplotlib.rcParams)
    figure = make()
    paths = [figure.save(tmp_path / folder) for folder in ("one", "two")]
    assert paths[0] == tmp_path / "one" / "f.png"
    assert paths[0].read_bytes() == paths[1].read_bytes() == figure._repr_png_()
    height, width, _ = imread(paths[0]).shape
    assert (width, height) == tuple(int(150 * side + 1e-6) for side in figure.size)
    assert dict(matplotlib.rcParams) == before
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["f.png"]


def test_bars_are_drawn_to_scale():
    figure = charts.bars("f", ["a", "b"], [0.6, 0.4], [10, 40], line=0.7, limits=(0.5, 1.0))
    left, right = drawn(figure).axes
    # 0.4 lies below the limits: the axis goes a tenth of its length below it, and says so.
    low = 0.35
    assert left.get_ylim() == pytest.approx((low, 1.0))
    assert left.get_ylabel() == "AUC (axis begins at 0.35)"
    tops = [bar.get_y() + bar.get_height() for bar in left.patches]
    assert tops[:2] == pytest.approx([0.6, 0.4])
    counts = [right.get_ylim()[1] * (top - low) / (1.0 - low) for top in tops[2:]]
    assert counts == pytest.approx([10, 40])
    assert left.lines[0].get_ydata()[0] == 0.7


def test_names_are_whole_and_inside_the_picture():
    canvas = drawn(charts.bars("f", THEMES, np.full(19, 0.7), np.arange(19)))
    labels = canvas.axes[0].get_xticklabels()
    assert len(labels) == 19
    boxes = [label.get_window_extent() for label in labels]
    assert min(min(box.x0, box.y0) for box in boxes) >= 0


def test_missing_group_says_so():
    axes = drawn(charts.bars("f", ["a", "b"], [np.nan, 0.7])).axes[0]
    assert [text.get_text() for text in axes.texts] == ["n/a"]


def test_curves_have_a_panel_a_stage():
    canvas = drawn(FIGURES["curves"]())
    assert [axes.get_title("left") for axes in canvas.axes] == ["theme learner", literal(DOLLARS)]
    assert [len(axes.lines) for axes in canvas.axes] == [3, 1]
    assert canvas.axes[0].lines[0].get_xdata().tolist() == [1, 2]


def test_roc_states_auc_and_interval():
    axes = drawn(charts.roc("f", LABELS, {"a": SCORES})).axes[0]
    found = auc_interval(LABELS, SCORES)
    expected = f"a: AUC {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
    assert axes.lines[0].get_label() == expected
    assert auc(*axes.lines[0].get_data()) == pytest.approx(found.value)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: charts.bars("../f", ["a"], [0.5]), "figure name '../f'"),
        (lambda: charts.bars("f", ["a"], [0.5, 0.6]), "values have shape"),
        (lambda: charts.bars("f", ["a"], [0.5], [1, 2]), "counts have shape"),
        (lambda: charts.bars("f", [], []), "0 groups"),
        (lambda: charts.curves("f", {}), "no stage"),
        (lambda: charts.roc("f", [1, 1], {"a": [0.0, 1.0]}), "needs both classes"),
        (lambda: charts.roc("f", [0, 1], {}), "has 0 systems"),
        (lambda: charts.reliability("f", [0, 1], [-1.0, 2.0]), "take the sigmoid"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(DataError, match=message):
        make()
