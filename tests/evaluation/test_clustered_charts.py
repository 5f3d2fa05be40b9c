from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from scipy.cluster.hierarchy import dendrogram

from kavc.errors import DataError
from kavc.evaluation.clustered_charts import branches, clustered_heatmap
from kavc.metrics.clustering import cluster

VALUES = np.random.default_rng(0).normal(4, 1, (6, 4))
NAMES = [f"v{i}" for i in range(6)]
GENRES = ["rock", "$jazz$", "folk", "x" * 50]


def drawn(figure):
    """The Matplotlib figure, laid out, without a file."""
    canvas = Canvas(figsize=figure.size, layout="constrained")
    FigureCanvasAgg(canvas)
    figure.draw(canvas)
    canvas.draw_without_rendering()
    return canvas


def parts(canvas):
    """The axes of the map, and the others by where they lie."""
    maps = [axes for axes in canvas.axes if axes.images]
    return maps[0], [axes for axes in canvas.axes if axes not in maps]


def test_cells_and_labels_are_in_the_clusterings_order():
    rows, columns = cluster(VALUES), cluster(VALUES.T)
    axes, _ = parts(
        drawn(clustered_heatmap("f", VALUES, NAMES, GENRES, rows=rows, columns=columns))
    )
    shown = axes.images[0].get_array()
    np.testing.assert_array_equal(shown, VALUES[rows.order][:, columns.order])
    assert [text.get_text() for text in axes.get_yticklabels()] == [NAMES[i] for i in rows.order]
    texts = [text.get_text() for text in axes.get_xticklabels()]
    expected = ["rock", r"\$jazz\$", "folk", "x" * 25 + "..."]
    assert texts == [expected[i] for i in columns.order]


def test_without_a_clustering_the_order_stays_and_there_is_no_tree():
    axes, others = parts(drawn(clustered_heatmap("f", VALUES, NAMES, None)))
    np.testing.assert_array_equal(axes.images[0].get_array(), VALUES)
    assert len(others) == 1  # the colours
    assert len(axes.get_xticks()) == 0


def test_branches_are_those_of_a_dendrogram():
    tree = cluster(np.random.default_rng(1).normal(size=(9, 5)))
    found = dendrogram(tree.linkage, no_plot=True)
    assert found["leaves"] == tree.order.tolist()
    expected = np.stack([(np.array(found["icoord"]) - 5) / 10, found["dcoord"]], axis=2)

    def plain(lines):
        ends = [tuple(map(tuple, np.round(line, 9))) for line in lines]
        return sorted(min(line, line[::-1]) for line in ends)

    assert plain(branches(tree)) == plain(expected)


def test_trees_stand_beside_the_map_leaf_by_row():
    rows, columns = cluster(VALUES), cluster(VALUES.T)
    canvas = drawn(clustered_heatmap("f", VALUES, NAMES, GENRES, rows=rows, columns=columns))
    axes, others = parts(canvas)
    left, above = (one for one in others if one.collections and one.get_label() != "<colorbar>")
    place = axes.get_position()
    assert left.get_position().x1 <= place.x0 and above.get_position().y0 >= place.y1
    for tree, low, high in ((left, "y0", "y1"), (above, "x0", "x1")):
        box = tree.get_position()
        assert getattr(box, low) == pytest.approx(getattr(place, low), abs=1e-6)
        assert getattr(box, high) == pytest.approx(getattr(place, high), abs=1e-6)
    assert left.get_ylim() == axes.get_ylim() and above.get_xlim() == axes.get_xlim()
    # Leaves, at distance 0, at the map's side.
    assert left.get_xlim()[1] == 0 and above.get_ylim()[0] == 0


def test_diverging_colours_are_white_in_the_middle():
    values = np.array([[-0.2, 0.5], [0.0, 1.0]])
    figure = clustered_heatmap("f", values, None, None, middle=0.0)
    image = parts(drawn(figure))[0].images[0]
    assert image.get_clim() == (-1.0, 1.0)
    assert min(image.cmap(image.norm(0.0))[:3]) > 0.95
    low, high = image.cmap(0.0), image.cmap(1.0)
    assert low[2] > low[0] and high[0] > high[2]  # blue and red


def test_what_is_missing_is_grey_and_equal_values_are_drawn():
    values = np.array([[3.0, np.nan], [3.0, 3.0]])
    image = parts(drawn(clustered_heatmap("f", values, None, None)))[0].images[0]
    grey = image.cmap(image.norm(image.get_array()))[0, 1]
    assert np.ptp(grey[:3]) < 0.1
    assert image.get_clim() == (2.5, 3.5)


@pytest.mark.parametrize("count, step", [(100, 1), (113, 2), (400, 4)])
def test_labels_of_many_rows_can_be_read(count, step):
    values = np.random.default_rng(2).normal(size=(count, 25))
    labels, genres = (
        [f"video_{i:04d}" for i in range(count)],
        [f"genre number {i}" for i in range(25)],
    )
    canvas = drawn(clustered_heatmap("f", values, labels, genres, rows=cluster(values)))
    axes, _ = parts(canvas)
    shown = axes.get_yticklabels()
    assert len(shown) == -(-count // step)
    boxes = sorted((text.get_window_extent() for text in shown), key=lambda box: box.y0)
    assert all(a.y1 <= b.y0 + 1.5 for a, b in itertools.pairwise(boxes))
    # Nothing is cut off.
    width, height = canvas.bbox.width, canvas.bbox.height
    for text in (*shown, *axes.get_xticklabels()):
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height


def test_a_map_of_correlations_is_square():
    values = np.corrcoef(np.random.default_rng(3).normal(size=(50, 9)))
    tree = cluster(values)
    labels = [f"a longer name {i}" for i in range(50)]
    canvas = drawn(clustered_heatmap("f", values, labels, None, rows=tree, columns=tree))
    box = parts(canvas)[0].get_window_extent()
    assert box.width == pytest.approx(box.height, rel=0.1)


def test_one_row_has_a_tree_without_branches(tmp_path):
    figure = clustered_heatmap("f", VALUES[:1], ["one"], GENRES, rows=cluster(VALUES[:1]))
    assert figure.save(tmp_path).stat().st_size > 1000


@pytest.mark.parametrize(
    "change, message",
    [
        ({"values": VALUES[0]}, r"values \(4,\)"),
        ({"values": np.full((6, 4), np.nan)}, "some of them finite"),
        ({"values": np.zeros((2001, 2))}, "2,000 of each"),
        ({"row_labels": ["a"]}, "1 row labels, expected 6"),
        ({"column_labels": ["a"]}, "1 column labels, expected 4"),
        ({"rows": cluster(VALUES.T)}, "a clustering of 4 rows, expected 6"),
        ({"columns": cluster(VALUES)}, "a clustering of 6 columns, expected 4"),
    ],
)
def test_refuses(change, message):
    given = {"values": VALUES, "row_labels": None, "column_labels": None} | change
    with pytest.raises(DataError, match=message):
        clustered_heatmap("f", **given)
