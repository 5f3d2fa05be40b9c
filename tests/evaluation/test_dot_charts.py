"""Dots with intervals: all that is given is inside the axes, and what is missing is said."""

import numpy as np
import pytest

from kavc.errors import DataError
from kavc.evaluation.dot_charts import dots

VALUES, ENDS = [57.0, np.nan, 60.5], [[55, 59], [np.nan] * 2, [58.4, 62.6]]


def drawn(figure):
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=figure.size)
    figure.draw(canvas)
    return canvas.axes[0]


def test_all_lies_inside_and_the_first_is_on_top(tmp_path):
    figure = dots("d", ["network", "none", "oracle"], VALUES, ENDS, value_label="accuracy (%)",
                  chance=50)  # fmt: skip
    axes = drawn(figure)
    low, high = axes.get_xlim()
    assert 40 < low < 50 and 62.6 < high < 70
    top, bottom = (axes.transData.transform((50, at))[1] for at in (0, 2))
    assert top > bottom
    assert [label.get_text() for label in axes.get_yticklabels()] == ["network", "none", "oracle"]
    assert [text.get_text() for text in axes.texts] == ["n/a"]


def test_without_intervals_and_chance():
    assert drawn(dots("d", ["a"], [3.0], value_label="x")).get_legend() is None


@pytest.mark.parametrize("values", [[1.0], [1.0, 2.0, 3.0], [np.nan, np.nan]])
def test_what_does_not_fit_is_refused(values):
    with pytest.raises(DataError, match="for 2 groups; expected one a group"):
        dots("d", ["a", "b"], values, value_label="x")
