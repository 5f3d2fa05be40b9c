from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Canvas

from kavc.errors import DataError
from kavc.evaluation.parsing_charts import (
    Seeds,
    events_of_classes,
    scores_of_classes,
    systems_over_seeds,
    timeline,
)
from kavc.evaluation.style import GREY, PALETTE

DOLLARS = r"$\frac{$"
CLASSES = ["Speech", DOLLARS, "Frying_(food)"]


def drawn(figure):
    """The Matplotlib figure, laid out, without a file."""
    canvas = Canvas(figsize=figure.size, layout="constrained")
    FigureCanvasAgg(canvas)
    figure.draw(canvas)
    canvas.draw_without_rendering()
    return canvas


def labelled(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


def test_events_of_classes_are_three_marks_and_none_is_shown_as_none():
    counts = [[900, 20, 3], [200, 0, 4], [150, 0, 1]]
    (axes,) = drawn(events_of_classes("f", CLASSES, counts)).axes
    lines = labelled(axes)
    assert list(lines) == [
        "audio (923 events)", "visual (204 events)", "audio-visual (151 events)",
    ]  # fmt: skip
    for line, row in zip(lines.values(), counts, strict=True):
        assert line[:, 0].tolist() == row
    assert len({line.get_marker() for line in axes.lines}) == 3
    assert axes.get_xscale() == "symlog"
    assert axes.get_xlim()[0] == 0 and axes.get_xlim()[1] > 900
    assert axes.get_yticklabels()[0].get_text() == "Speech"


def test_names_of_25_classes_stay_inside_and_apart():
    names = [f"A_class_of_long_name_{c}" for c in range(25)]
    canvas = drawn(events_of_classes("f", names, np.ones((3, 25))))
    boxes = [text.get_window_extent() for text in canvas.axes[0].get_yticklabels()]
    assert min(box.x0 for box in boxes) >= 0
    assert all(below.y1 <= above.y0 for above, below in itertools.pairwise(boxes))


def test_scores_of_classes_have_a_panel_a_modality_and_say_what_has_none():
    values = np.array([[90.0, 10.0, 0.0], [40.0, np.nan, 20.0]])
    audio, visual = drawn(scores_of_classes("f", CLASSES, {"HAN": values, "b": values / 2})).axes
    assert audio.get_title("left") == "audio" and visual.get_title("left") == "visual"
    for axes, row in zip((audio, visual), values, strict=True):
        np.testing.assert_array_equal(labelled(axes)["HAN"][:, 0], row)
        np.testing.assert_array_equal(labelled(axes)["b"][:, 0], row / 2)
    assert not np.isin(labelled(audio)["HAN"][:, 1], labelled(audio)["b"][:, 1]).any()
    assert [text.get_text() for text in visual.texts] == ["n/a"]
    widths = [bar.get_width() for bar in audio.patches]
    assert widths == [90, 10, 0]
    assert audio.get_ylim()[0] > audio.get_ylim()[1]  # the first class is above


def test_timeline_has_the_runs_of_truth_and_prediction_of_classes_that_occur():
    truth, predicted = np.zeros((2, 10, 2, 4), bool)
    truth[[0, 1, 4], 0, 1] = True
    predicted[3:10, 1, 3] = True
    audio, visual = drawn(timeline("f", [*CLASSES, "Dog"], truth, predicted)).axes
    assert [text.get_text() for text in audio.get_yticklabels()] == [r"\$\frac{\$", "Dog"]
    assert runs(audio) == {("truth", 0): [(0, 2), (4, 5)]}
    assert runs(visual) == {("predicted", 1): [(3, 10)]}
    assert to_hex(audio.collections[0].get_facecolor()[0]) == GREY.lower()
    assert to_hex(visual.collections[0].get_facecolor()[0]) == PALETTE[0].lower()
    assert audio.get_xlim() == (0, 10)


def runs(axes):
    """Label and row to spans in seconds."""
    found = {}
    for collection in axes.collections:
        corners = [path.vertices for path in collection.get_paths()]
        row = round(float(np.mean(corners[0][:4, 1])))
        found[collection.get_label(), row] = [(c[:, 0].min(), c[:, 0].max()) for c in corners]
    return found


def test_timeline_of_a_silent_black_video(tmp_path):
    nothing = np.zeros((10, 2, 3))
    assert timeline("f", CLASSES, nothing, nothing, source="s").save(tmp_path).exists()


def test_systems_over_seeds_show_means_seeds_paper_and_lines():
    systems = {"HAN": Seeds([50, 54], 54.0), "improved": Seeds([60])}
    figure = systems_over_seeds(
        "f", {"segment": systems, "event": systems}, {"segment": {DOLLARS: 8.4}},
        published_label="paper, LLP",
    )  # fmt: skip
    segment, event = drawn(figure).axes
    assert [bar.get_width() for bar in segment.patches] == [52, 60]
    points = [line.get_xydata().tolist() for line in segment.lines]
    assert points[:3] == [[[50, 0], [54, 0]], [[54, 0]], [[60, 1]]]
    assert labelled(segment)[r"\$\frac{\$"][0, 0] == 8.4
    assert len(event.lines) == len(segment.lines) - 1
    (legend,) = drawn(figure).legends
    assert "paper, LLP" in [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: events_of_classes("f", CLASSES, np.ones((2, 3))), r"\(2, 3\): expected \(3, 3\)"),
        (lambda: events_of_classes("f", [], np.ones((3, 0))), "one of each at least"),
        (lambda: scores_of_classes("f", CLASSES, {}), "0 colours; expected 1 to 6"),
        (
            lambda: scores_of_classes("f", CLASSES, dict.fromkeys("abcdefg", np.ones((2, 3)))),
            "7 colours",
        ),
        (lambda: scores_of_classes("f", CLASSES, {"a": np.full((2, 3), 101)}), "a: expected per c"),
        (lambda: timeline("f", CLASSES, np.ones((9, 2, 3)), np.ones((10, 2, 3))), "truth .9, 2, 3"),
        (lambda: timeline("f", CLASSES, np.ones((0, 2, 3)), np.ones((0, 2, 3))), "truth .0, 2, 3"),
        (lambda: systems_over_seeds("f", {}), "a panel with a system"),
        (lambda: systems_over_seeds("f", {"a": {"b": Seeds([])}}), "a seed of each"),
        (lambda: systems_over_seeds("f", {"a": {"b": Seeds([-1.0])}}), "from 0 to 100"),
        (
            lambda: systems_over_seeds(
                "f", {"a": {"b": Seeds([1.0])}}, {"a": dict.fromkeys("abcdef", 1.0)}
            ),
            "7 colours",
        ),
    ],
)
def test_refused(make, message):
    with pytest.raises(DataError, match=message):
        make()
