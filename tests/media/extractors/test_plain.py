"""Extractors that need no network: statistics of bands and of colours."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import ConfigError
from kavc.media.extractors.plain import CELL, ColourGrid, MelStatistics
from kavc.media.extractors.raw import LogMelPatches
from kavc.media.extractors.registry import names, recipe_of

FLOAT32 = 1e-5


@pytest.fixture(scope="module")
def extractor():
    return ColourGrid(grid=2).load({})


@pytest.fixture
def clip(film):
    """2 s of four colours, one a quarter, and of noise."""
    rng = np.random.default_rng(0)
    frame = np.zeros((32, 64, 3), np.uint8)
    frame[:16, :32, 0], frame[:16, 32:, 1], frame[16:, :32, 2] = 200, 200, 200
    noise = rng.normal(0, 3000, (1, 32_000)).astype(np.int16)
    return film("colours.mkv").picture(np.stack([frame] * 20), rate=10).sound(noise).write()


def test_bands_are_those_of_log_mel_patches(clip):
    times, rows = MelStatistics(hop=0.5).load({}).extract(clip)
    expected_times, patches = LogMelPatches(hop=0.5).load({}).extract(clip)
    expected = np.concatenate([patches.mean(1), patches.std(1)], axis=1)
    assert rows.shape == (3, 128)
    np.testing.assert_allclose(rows, expected, 0, FLOAT32)
    np.testing.assert_array_equal(times, expected_times)


def test_cells_are_those_of_the_image(extractor):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 1, 2 * CELL, 2 * CELL, 3)).astype(np.uint8)
    cells = [
        images[:, 0, top : top + CELL, left : left + CELL] / 255
        for top in (0, CELL)
        for left in (0, CELL)
    ]
    means = np.concatenate([cell.mean((1, 2)) for cell in cells], axis=1)
    deviations = np.concatenate([cell.std((1, 2)) for cell in cells], axis=1)
    expected = np.concatenate([means, deviations], axis=1)
    np.testing.assert_allclose(extractor(images), expected, 0, FLOAT32)


def test_the_colours_of_a_clip(extractor, clip):
    """The whole frame, whatever its shape: what is above is blue-less, what is below red-less."""
    times, rows = extractor.extract(clip)
    assert rows.shape == (2, 24)
    means = rows[0, :12].reshape(2, 2, 3) * 255
    quarters = [(0, 0, 0), (0, 1, 1), (1, 0, 2)]  # row, column, colour
    for row, column, colour in quarters:
        assert means[row, column, colour] == pytest.approx(200, abs=30)  # edges are smoothed
    assert means[1, 1].max() < 30
    np.testing.assert_array_equal(times, [0.5, 1.5])  # the middle of each second


def test_nothing_is_needed_and_all_is_said():
    for recipe, modality in ((MelStatistics(), "audio"), (ColourGrid(), "visual")):
        extractor = recipe.load({})
        assert not recipe.needs() and extractor.provenance["weights"] == {}
        assert "no weights" in extractor.provenance["seen"]
        assert recipe_of(recipe.NAME) is type(recipe) and recipe.NAME in names(modality)
    assert extractor.shape == (96,)


@pytest.mark.parametrize(
    ("recipe", "options", "words"),
    [
        (ColourGrid, {"grid": 0}, "at least 1"),
        (ColourGrid, {"frames": "often"}, "often"),
        (MelStatistics, {"short": "long"}, "must be one of drop, pad"),
    ],
)
def test_options_that_do_not_fit(recipe, options, words):
    with pytest.raises(ConfigError, match=words):
        recipe(**options)
