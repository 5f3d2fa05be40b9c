from __future__ import annotations

import pytest

from kavc.errors import DataError
from kavc.evaluation.style import literal
from kavc.evaluation.training_charts import StageCurves, curves

# No mathematics: Matplotlib would raise on it.
DOLLARS = r"$\frac{$"
BY_LOSS = StageCurves({"loss": [2.0, 1.0, 0.9], "val_loss": [2.1, 1.5, 1.6]}, best=2)
BY_AUC = StageCurves(
    {"loss": [2.0, 1.0, 0.9], "val_loss": [2.1, 1.5, 1.6], "val_auc": [0.6, 0.9, 0.8]},
    deciding="val_auc", direction="max", best=2, kept=3,
)  # fmt: skip


def panels(stages):
    return curves("f", stages, caption="Training.", source=DOLLARS).drawn().axes


def labelled(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_what_decides_has_a_panel_below_that_says_which_way_is_better():
    above, below = panels({"matching": BY_AUC})
    assert above.get_title("left") == "matching"
    assert below.get_title("left") == "val_auc\nhigher is better; epoch 3 of 3 kept"
    assert below.get_ylabel() == "fraction" and below.get_xlabel() == "epoch"
    assert above.get_shared_x_axes().joined(above, below)
    lines = labelled(below)
    assert lines["the value that decides (validation)"] == [[1, 0.6], [2, 0.9], [3, 0.8]]
    assert lines["best epoch"] == [[2, 0.9]]
    assert lines["epoch kept"][0][0] == 3
    assert set(labelled(above)) == {"loss (training)", "val_loss (validation)", "epoch kept"}


def test_a_loss_that_decides_is_marked_where_it_is():
    (axes,) = panels({"matching": BY_LOSS})
    assert axes.get_title("left") == "matching\nval_loss\nlower is better; epoch 2 of 3 kept"
    assert labelled(axes)["best epoch"] == [[2, 1.5]]
    assert labelled(axes)["epoch kept"][0][0] == 2


def test_stages_stand_side_by_side_three_to_a_row():
    stages = {f"{name} {DOLLARS}": BY_LOSS for name in range(4)} | {"auc": BY_AUC}
    axes = panels(stages)
    assert len(axes) == 6
    assert axes[0].get_title("left").startswith(literal(f"0 {DOLLARS}"))
    edges = [(round(each.get_position().x0, 2), each.get_position().y0) for each in axes]
    assert edges[0][0] == edges[3][0] < edges[1][0] == edges[4][0] < edges[2][0]
    assert min(y for _, y in edges[:3]) > max(y for _, y in edges[3:])


def test_a_stage_without_an_epoch_is_drawn_empty():
    (axes,) = panels({"only": StageCurves({})})
    assert axes.get_title("left") == "only\n0 epochs" and not axes.lines


def test_refuses_no_stage():
    with pytest.raises(DataError, match="no stage"):
        curves("f", {})
