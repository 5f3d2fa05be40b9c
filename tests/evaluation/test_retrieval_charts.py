from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from kavc.errors import DataError
from kavc.evaluation.retrieval_charts import modality_map, occurrence_curves, recall_curves
from kavc.metrics.hubness import Hubness

DOLLARS = r"$\frac{$"
CURVE = ([1, 10, 100], [12.0, 40.0, 80.0])
AUDIO, VISUAL = np.random.default_rng(0).normal(size=(2, 30, 4)).astype(np.float32)
GROUPS = np.arange(30) % 4 - 1


def drawn(figure):
    """The Matplotlib figure, laid out, without a file."""
    canvas = Canvas(figsize=figure.size, layout="constrained")
    FigureCanvasAgg(canvas)
    figure.draw(canvas)
    canvas.draw_without_rendering()
    return canvas


def test_curves_of_each_direction_with_the_paper_and_chance():
    panels = {"A2V": {"network": CURVE, DOLLARS: CURVE}, "V2A": {"network": CURVE}}
    figure = recall_curves("f", panels, 100, published={"A2V": ([1, 5], [9.8, 30.4])})
    left, right = drawn(figure).axes
    lines = {line.get_label(): line.get_xydata() for line in left.lines}
    assert lines["network"].tolist() == np.transpose(CURVE).tolist()
    assert lines["paper"].tolist() == [[1, 9.8], [5, 30.4]]
    assert lines["chance"][0].tolist() == [1, 1] and lines["chance"][-1].tolist() == [100, 100]
    assert left.get_xscale() == "log"
    assert {line.get_label() for line in right.lines} == {"network", "chance"}


@pytest.mark.parametrize("panels", [{}, {"A2V": {}}, {"A2V": dict.fromkeys("abcdefg", CURVE)}])
def test_refused_curves(panels):
    with pytest.raises(DataError, match="expected 1 to 6"):
        recall_curves("f", panels, 100)


def test_occurrences_the_most_frequent_first_with_who_is_never_found():
    some, ties = (Hubness(np.array(x, float), 2) for x in ([0, 5, 1, 2], [0.1, 4, 2.9, 1]))
    panels = {"A2V": {"network": ties}, "V2A": {"network": some, DOLLARS: ties}}
    left, right = drawn(occurrence_curves("f", panels)).axes
    line = {each.get_label(): each.get_xydata().tolist() for each in right.lines}
    never = "network: never found 0.0 % (A2V), 25.0 % (V2A)"
    assert line[never] == [[1, 5], [2, 2], [3, 1]]
    assert left.get_ylim() == right.get_ylim()
    assert left.get_ylim()[0] < 0.1 and left.get_ylim()[1] > 5
    assert (right.get_xscale(), right.get_yscale()) == ("log", "log")


@pytest.mark.parametrize("panels", [{}, {"A2V": {}}])
def test_refused_occurrences(panels):
    with pytest.raises(DataError, match="expected 1 to 6"):
        occurrence_curves("f", panels)


def test_map_joins_ten_pairs_and_is_the_same_twice(tmp_path):
    figure = modality_map("f", AUDIO, VISUAL, GROUPS, ["a", DOLLARS, "c"], source=DOLLARS)
    axes = drawn(figure).axes[0]
    dots, triangles, names = (axes.collections[at:-2:3] for at in range(3))
    labels = [one.get_label() for one in names]
    assert labels[0] == "other" and labels[1] == "a" and len(labels) == 4
    assert len(axes.lines) == 10 and "10 of 30" in axes.lines[0].get_label()
    for group, (sound, picture) in enumerate(zip(dots, triangles, strict=True), -1):
        assert len(sound.get_offsets()) == len(picture.get_offsets()) == (group == GROUPS).sum()
        joined = np.flatnonzero(group == GROUPS[:10])
        lines = np.stack([axes.lines[video].get_xydata() for video in joined])
        np.testing.assert_array_equal(lines[:, 0], sound.get_offsets()[: len(joined)])
        np.testing.assert_array_equal(lines[:, 1], picture.get_offsets()[: len(joined)])
    assert axes.get_aspect() == 1
    assert figure.save(tmp_path).read_bytes() == figure._repr_png_()


def test_map_puts_equal_vectors_together():
    groups = np.zeros(30, int)
    axes = drawn(modality_map("f", AUDIO, AUDIO, groups, ["a"])).axes[0]
    lengths = [np.ptp(line.get_xydata(), axis=0).max() for line in axes.lines]
    spread = np.ptp(axes.collections[0].get_offsets(), axis=0).max()
    assert np.median(lengths) < 0.2 * spread


@pytest.mark.parametrize(
    ("audio", "groups", "names", "message"),
    [
        (AUDIO[:2], GROUPS, ["a"], "three videos at least"),
        (AUDIO[:, :2], GROUPS, ["a"], "expected .videos, width. twice"),
        (AUDIO, GROUPS[:3], ["a"], "three videos at least"),
        (AUDIO, GROUPS, ["a"], "groups -1 to 2 and 1 names"),
        (AUDIO, GROUPS - 1, ["a", "b", "c"], "groups -2 to 1"),
        (AUDIO, GROUPS, list("abcdefg"), "six names at most"),
    ],
)
def test_refused_maps(audio, groups, names, message):
    with pytest.raises(DataError, match=message):
        modality_map("f", audio, VISUAL, groups, names)
