"""Figures of localisation: they are drawn, and what can't be drawn is refused."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import DataError
from kavc.evaluation.localization_charts import Search, searches, two_clouds

PNG = b"\x89PNG"


def test_searches_are_drawn(tmp_path):
    shown = [
        Search("found: a$b", np.array([3.0, 1.0, 2.0, np.inf]), 1, 2),
        Search("missed", np.array([1.0, 1.0, 1.0, np.inf]), 2, 2),
    ]
    assert searches("searches", shown).save(tmp_path).read_bytes()[:4] == PNG


def test_clouds_are_drawn(tmp_path):
    points = np.random.default_rng(0).normal(size=(2, 7, 2))
    figure = two_clouds("latents", {"one": tuple(points), "other": tuple(points[::-1])})
    assert figure.save(tmp_path).read_bytes()[:4] == PNG


def test_nothing_to_draw_is_refused():
    with pytest.raises(DataError, match="expected a query"):
        searches("searches", [])
    with pytest.raises(DataError, match="expected a panel"):
        two_clouds("latents", {})
    with pytest.raises(DataError, match=r"points of 'x' must be \(n, 2\)"):
        two_clouds("latents", {"x": (np.zeros((3, 2)), np.zeros((3, 3)))})
