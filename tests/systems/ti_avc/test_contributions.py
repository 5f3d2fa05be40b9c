"""Equation (1) against golden arrays, and against its definition in loops."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.systems.ti_avc.contributions import (
    INPUTS,
    added,
    channel_groups,
    contribution,
    first_layer,
    proportions,
)
from kavc.systems.ti_avc.networks import TiAVC

SUMS = 1e-6  # relative, as golden/ti_avc.md asks for sums


def golden_groups(golden):
    visual = golden["out/visual/embedding"].shape[-1]
    audio = golden["out/audio/embedding"].shape[-1]
    themes = golden["w/tl/fc2/bias"].size
    return channel_groups(visual, audio, themes, product=False, theme_input="conv")


@pytest.mark.parametrize("pairs", ["positives", "negatives", "pooled"])
@pytest.mark.parametrize("kind", ["elementwise", "grouped"])
def test_golden(golden, kind, pairs):
    label = golden["in/pair_label"]
    chosen = {"positives": label == 1, "negatives": label == 0, "pooled": label >= 0}[pairs]
    kernel = golden["w/cl/conv1/kernel"]
    sums = contribution(golden["out/cl/input"][chosen], kernel, golden_groups(golden), kind)
    key = f"out/contribution/{kind}/{pairs}"
    np.testing.assert_allclose([sums[name] for name in INPUTS], golden[f"{key}/sum"], SUMS)
    shares = proportions(sums)
    np.testing.assert_allclose([shares[name] for name in INPUTS], golden[f"{key}/proportion"], SUMS)


def test_the_groups_stand_in_the_golden_order(golden):
    words = [name.partition(" ")[0] for name in golden_groups(golden)]
    assert words == list(golden["in/contribution_order"])


def test_first_layer_joins_what_the_golden_arrays_join(golden):
    joined, kernel = first_layer(golden.network(TiAVC))
    np.testing.assert_array_equal(kernel, golden["w/cl/conv1/kernel"])
    themes = golden["w/tl/fc2/bias"].size
    inputs = golden.embedded() | {
        "theme_0": golden["out/cl/pair_theme_probabilities"],
        "theme_1": np.eye(themes)[golden["in/theme"][golden["in/pair_visual"]]],
    }
    golden.close(joined(inputs), "out/cl/input")


def by_definition(x, kernel, channels, kind):
    """The sums of equation (1), product by product, with the taps of padding "same"."""
    taps, _, filters = kernel.shape
    frames, total = x.shape[1], 0.0
    for b in range(len(x)):
        for n in range(frames):
            for f in range(filters):
                products = [
                    kernel[j, c, f] * x[b, n + j - (taps - 1) // 2, c]
                    for j in range(taps)
                    if 0 <= n + j - (taps - 1) // 2 < frames
                    for c in channels
                ]
                total += sum(map(abs, products)) if kind == "elementwise" else abs(sum(products))
    return total


@pytest.mark.parametrize("kind", ["elementwise", "grouped"])
@pytest.mark.parametrize(("frames", "taps"), [(1, 3), (2, 5), (4, 1), (4, 2), (5, 3), (6, 4)])
def test_by_definition(frames, taps, kind):
    rng = np.random.default_rng([frames, taps])
    x, kernel = rng.normal(size=(2, frames, 3)), rng.normal(size=(taps, 3, 2))
    sums = contribution(x, kernel, {"a": slice(0, 1), "b": slice(1, 3)}, kind)
    for name, channels in (("a", [0]), ("b", [1, 2])):
        assert sums[name] == pytest.approx(by_definition(x, kernel, channels, kind), rel=1e-12)


def test_frames_at_both_ends_meet_fewer_taps():
    x, kernel = np.ones((1, 8, 1)), np.ones((3, 1, 1))
    assert contribution(x, kernel, {"all": slice(None)})["all"] == 3 * 8 - 2


def test_sums_of_batches_add():
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(6, 5, 2)), rng.normal(size=(3, 2, 4))
    groups = {"a": slice(0, 1), "b": slice(1, 2)}
    parts = [contribution(x[:2], kernel, groups), contribution(x[2:], kernel, groups)]
    assert added(parts) == pytest.approx(contribution(x, kernel, groups), rel=1e-12)


@pytest.mark.parametrize(
    ("product", "theme_input", "names", "width"),
    [
        (False, "conv", list(INPUTS), 7 + 8 + 5 + 5),
        (True, "conv", ["vision", "audio", "product", *INPUTS[2:]], 7 + 8 + 7 + 5 + 5),
        (False, "dense", ["vision", "audio"], 7 + 8),
    ],
)
def test_channels_follow_one_another(product, theme_input, names, width):
    groups = channel_groups(7, 8, 5, product=product, theme_input=theme_input)
    assert list(groups) == names
    covered = [c for channels in groups.values() for c in range(channels.start, channels.stop)]
    assert covered == list(range(width))


def test_nothing_flows_gives_no_share():
    assert np.isnan(proportions({"a": 0.0, "b": 0.0})["a"])


def test_unknown_kinds_are_refused():
    with pytest.raises(ValueError, match="kind must be one of"):
        contribution(np.ones((1, 2, 1)), np.ones((1, 1, 1)), {}, "squared")
