from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.data.store import VideoStore
from kavc.systems.av_parsing import probes
from kavc.systems.av_parsing.networks import HAN, Base
from kavc.systems.av_parsing.probes import accuracies, probe_table, some_videos


def features(videos, seed, width=6):
    """Noise that tells nothing, `(videos, 2, 10, width)`."""
    return np.random.default_rng(seed).normal(size=(videos, 2, 10, width)).astype(np.float32)


def test_what_tells_nothing_is_told_at_chance_and_a_shift_always():
    fitted, asked = features(60, 0), features(100, 1)
    for accuracy in accuracies(fitted, asked):
        assert accuracy == pytest.approx(0.5, abs=0.06)  # 2,000 rows: 2.7 standard errors
    for part in (fitted, asked):
        part[:, 1] += 4
    assert min(accuracies(fitted, asked)) > 0.99


def test_a_sign_is_seen_by_two_layers_alone():
    fitted, asked = features(100, 0), features(100, 1)
    for part in (fitted, asked):  # audio has the signs of its first two features alike
        first = np.abs(part[..., 0]) * np.sign(part[..., 1])
        part[:, 0, :, 0], part[:, 1, :, 0] = first[:, 0], -first[:, 1]
    linear, two_layers = accuracies(fitted, asked)
    assert linear < 0.6
    assert two_layers > 0.8


def test_scale_and_constants_do_not_matter():
    fitted, asked = features(40, 0), features(40, 1)
    for part in (fitted, asked):
        part[:, 1, :, 0] += 1
    scale = np.array([1e-3, 1e3, 1, 1, 1, 1])
    shift = np.array([5, 0, 0, 0, 0, 0])
    other = (features_ * scale + shift for features_ in (fitted, asked))
    assert accuracies(*other) == pytest.approx(accuracies(fitted, asked), abs=0.01)
    constant = np.zeros_like(fitted)
    assert accuracies(constant, constant) == [0.5, 0.5]


def test_videos_are_drawn_once_and_for_all():
    drawn = some_videos(1000, 20)
    np.testing.assert_array_equal(drawn, some_videos(1000, 20))
    assert len(set(drawn.tolist())) == 20 and drawn.max() > 500
    np.testing.assert_array_equal(some_videos(7, 20), np.arange(7))


def store(videos, seed):
    draw = np.random.default_rng(seed)
    widths = {"audio": 6, "visual": 8, "visual_3d": 6}
    lengths = np.full(videos, 10)
    return VideoStore(
        np.arange(videos).astype(bytes).astype(object),
        {
            name: (draw.normal(size=(videos * 10, width)).astype(np.float32), lengths)
            for name, width in widths.items()
        },
    )


@pytest.mark.parametrize(
    ("kind", "names"),
    [(HAN, ["encoded", "joint"]), (Base, ["encoded", "self_attended", "joint"])],
)
def test_rows_are_what_a_network_has_on_the_way(kind, names, monkeypatch):
    monkeypatch.setattr(probes, "VIDEOS", {"validation": 20, "test": 30})
    keras.utils.set_random_seed(0)
    network = kind(3, 6, 8, 6, dim=8, units=8)
    table = probe_table(network, store(24, 1), store(40, 2), "made up")
    assert [row[0] for row in table.rows] == names
    assert "fitted on 20 validation videos, asked about 30 of test" in table.caption
    again = probe_table(network, store(24, 1), store(40, 2), "made up")
    assert again.rows == table.rows
    # Two layers of weights of their own: encoded features lie in two subspaces.
    assert table.rows[0][3] > 60
