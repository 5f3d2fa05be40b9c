from __future__ import annotations

import io

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
from kavc.evaluation.figure import DPI, Figure
from kavc.evaluation.proportions import wilson_interval
from kavc.evaluation.style import literal
from kavc.metrics.auc import roc_auc

LABELS = np.arange(60) % 2
SCORES = np.random.default_rng(0).normal(size=60) + LABELS
# No mathematics: Matplotlib would raise on it.
DOLLARS = r"$\frac{$"
THEMES = [f"theme number {number}, {DOLLARS}" for number in range(19)]
HEIGHTS = np.linspace(40, 90, 19)
ENDS = np.column_stack([HEIGHTS - 5, HEIGHTS + 5])
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
        "f", THEMES, HEIGHTS, ENDS, line=55, line_label=DOLLARS, chance=50, source=SOURCE
    ),
    "bars without intervals": lambda: charts.bars("f", ["a"], [np.nan], source=SOURCE),
    "bars at the ends": lambda: charts.bars("f", ["a", "b"], [0, 100], source=SOURCE),
    "bars of one long name": lambda: charts.bars("f", ["x" * 130], [50], source=SOURCE),
    "bars of many long names": lambda: charts.bars("f", ["x" * 90] * 25, [50] * 25),
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
    assert width == int(DPI * figure.size[0] + 1e-6) and height >= int(DPI * figure.size[1])
    assert dict(matplotlib.rcParams) == before
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["f.png"]


def dots(axes):
    return axes.lines[0].get_xydata()


def whiskers(axes):
    """Those that are drawn, as place, lower and upper end."""
    lines = axes.collections[0].get_segments()
    return [(line[0, 1], *line[:, 0]) for line in lines if len(line)]


def test_bars_and_whiskers_are_drawn_to_scale_on_one_axis():
    figure = charts.bars(
        "f", ["a", "b"], [60, 40], [[50, 72], [np.nan, np.nan]],
        value_label="match AUC (%)", line=70, line_label="baseline", chance=50,
    )  # fmt: skip
    (axes,) = drawn(figure).axes
    assert axes.get_xlim() == (0, 100)
    assert axes.get_xlabel() == "match AUC (%)"
    assert [bar.get_width() for bar in axes.patches] == [60, 40]
    assert dots(axes).tolist() == [[60, 0], [40, 1]]
    assert whiskers(axes) == [(0, 50, 72)]
    levels = {line.get_label(): line.get_xdata()[0] for line in axes.lines[1:]}
    assert levels == {"chance: 50 %": 50, "baseline: 70.00 %": 70}


@pytest.mark.parametrize("end", [0, 100])
def test_a_group_at_an_end_of_the_axis_is_seen_whole(end):
    axes = drawn(charts.bars("f", ["a"], [end])).axes[0]
    assert dots(axes).tolist() == [[end, 0]]
    assert not axes.lines[0].get_clip_on()


def test_names_are_whole_and_inside_the_picture():
    canvas = drawn(charts.bars("f", THEMES, HEIGHTS))
    labels = canvas.axes[0].get_yticklabels()
    assert len(labels) == 19
    boxes = [label.get_window_extent() for label in labels]
    assert min(min(box.x0, box.y0) for box in boxes) >= 0


def test_missing_group_says_so():
    axes = drawn(charts.bars("f", ["a", "b"], [np.nan, 70], [[0, 100], [60, 80]])).axes[0]
    assert [text.get_text() for text in axes.texts] == ["n/a"]
    assert whiskers(axes) == [(1, 60, 80)]


def test_every_bin_has_its_interval():
    probabilities = np.repeat([0.25, 0.75], 30)
    upper = drawn(charts.reliability("f", LABELS, probabilities)).axes[0]
    ends = [tuple(line[:, 1]) for line in upper.collections[0].get_segments()]
    assert ends == [pytest.approx(wilson_interval(15, 30).interval)] * 2
    assert upper.lines[1].get_xydata().tolist() == [[0.25, 0.5], [0.75, 0.5]]
    assert upper.lines[1].get_label() == "model, calibration error 0.250 (60 examples)"


def test_a_caption_and_a_source_are_in_the_picture():
    caption = "A title. What must be known, $5."
    figure = Figure("f", caption, lambda canvas: canvas.subplots(), (4, 2), "a corpus")
    canvas = figure.drawn()
    said = [text.get_text() for text in canvas.texts]
    assert said == ["A title", literal("What must be known, $5."), "Source: a corpus"]
    sizes = [text.get_fontsize() for text in canvas.texts]
    assert sizes == sorted(sizes, reverse=True)
    assert canvas.get_size_inches()[0] == 4 and canvas.get_size_inches()[1] > 2
    (drawn_on,) = canvas.axes
    canvas.draw_without_rendering()
    assert drawn_on.get_window_extent().height < 2 * DPI


def test_a_figure_of_many_colours_is_light_and_white(monkeypatch):
    monkeypatch.setattr("kavc.evaluation.figure.LIGHT_BYTES", 10_000)
    noise = np.random.default_rng(0).random((40, 40, 3))
    figure = Figure("f", "", lambda canvas: canvas.subplots().imshow(noise))
    with_all = io.BytesIO()
    figure.drawn().savefig(with_all)
    assert len(figure._repr_png_()) < 0.9 * len(with_all.getvalue())
    picture = imread(io.BytesIO(figure._repr_png_()))
    assert len(np.unique(picture.reshape(-1, picture.shape[-1]), axis=0)) <= 128
    assert (picture[0, 0] == 1).all()


def test_roc_states_auc_and_interval_in_per_cent():
    axes = drawn(charts.roc("f", LABELS, {"a": SCORES})).axes[0]
    found = auc_interval(LABELS, SCORES)
    value, low, high = (f"{100 * one:.2f}" for one in (found.value, found.low, found.high))
    assert axes.lines[0].get_label() == f"a: AUC {value} % [{low}, {high}]"
    assert axes.lines[-1].get_label() == "chance: AUC 50 %"
    assert (
        axes.get_xlim()[1] == 100
        and axes.get_xlabel() == "false positive rate (% of 30 labelled 0)"
    )
    assert auc(*(line / 100 for line in axes.lines[0].get_data())) == pytest.approx(found.value)


@pytest.mark.parametrize("labels, scores", [(LABELS, LABELS), (LABELS[:12], SCORES[:12])])
def test_roc_leaves_an_interval_out_that_is_none(labels, scores):
    """Separated classes, and a handful."""
    label = drawn(charts.roc("f", labels, {"a": scores})).axes[0].lines[0].get_label()
    assert label == f"a: AUC {100 * roc_auc(labels, scores):.2f} %"


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: charts.bars("../f", ["a"], [0.5]), "figure name '../f'"),
        (lambda: charts.bars("f", ["a"], [0.5, 0.6]), "values have shape"),
        (lambda: charts.bars("f", ["a"], [0.5], [1, 2]), "intervals have shape"),
        (lambda: charts.bars("f", ["a"], [101]), "values span 101 to 101; expected 0 to 100"),
        (lambda: charts.bars("f", ["a"], [5], [[-1, 9]]), "intervals span -1 to 9"),
        (lambda: charts.bars("f", [], []), "0 groups"),
        (lambda: charts.roc("f", [1, 1], {"a": [0.0, 1.0]}), "needs both classes"),
        (lambda: charts.roc("f", [0, 1], {}), "has 0 systems"),
        (lambda: charts.reliability("f", [0, 1], [-1.0, 2.0]), "take the sigmoid"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(DataError, match=message):
        make()
