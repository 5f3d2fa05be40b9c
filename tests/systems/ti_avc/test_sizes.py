"""Numbers of parameters: those of the reference page, and the networks' own count."""

from __future__ import annotations

import itertools

import pytest

from kavc.errors import ConfigError
from kavc.systems.ti_avc.networks import (
    Baseline1,
    Baseline2,
    JointTiAVC,
    TiAVC,
)
from kavc.systems.ti_avc.sizes import doubled_fusion, fusion_parameters
from kavc.systems.ti_avc.subnetworks import fusion_network

# Themes, width of the frames, kernel size, parameters of Ti-AVC; then for both baselines the
# filters, and how many per cent larger they are.
TABLE = [
    (19, 1280, 3, 674_324, (143, 0.06), (141, 0.23)),
    (10, 1280, 3, 666_251, (141, 0.24), (139, -0.17)),
    (24, 1280, 3, 678_809, (144, -0.09), (141, -0.12)),
    (25, 1280, 3, 679_706, (144, -0.22), (141, -0.19)),
    (19, 1280, 1, 467_988, (134, -0.03), (132, 0.00)),
    (24, 1024, 3, 646_041, (144, -0.09), (141, -0.13)),
]
MOST = 0.26  # Per cent: about half of what one filter adds.


@pytest.mark.parametrize(("themes", "visual_dim", "kernel_size", "size", "first", "second"), TABLE)
def test_all_systems_are_equally_large(themes, visual_dim, kernel_size, size, first, second):
    arguments, fusion = (themes, 128, visual_dim), {"kernel_size": kernel_size}
    print(f"\n{themes} themes, frames of {visual_dim}, kernel size {kernel_size}")
    for kind in (TiAVC, JointTiAVC):
        network = kind(*arguments, fusion=fusion)
        print(f"{network.name:12}             {network.count_params():,}")
        assert network.count_params() == size
    for kind, (filters, percent) in {Baseline1: first, Baseline2: second}.items():
        network = kind(*arguments, fusion=fusion)
        error = 100 * (network.count_params() / size - 1)
        print(f"{network.name:12} {filters} filters {network.count_params():,} ({error:+.2f} %)")
        assert network.fusion_network.get_layer("conv4").filters == filters
        assert error == pytest.approx(percent, abs=0.01)
        assert abs(error) <= MOST


def test_every_layer_of_the_paper_has_the_parameters_of_the_reference():
    network = TiAVC()
    learner = network.theme_learner
    expected = {
        learner.audio_network: {"dense": 16_512, "lstm": 131_584, "attention": 16_640},
        learner.visual_network: {"dense": 163_968},
        learner.fusion_network: {"conv1": 98_432, "conv2": 49_280, "fc1": 16_512, "fc2": 2_451},
        network.correspondence_learner.fusion_network: {
            "conv1": 113_024, "conv2": 49_280, "fc1": 16_512, "fc2": 129,
        },
    }  # fmt: skip
    for part, layers in expected.items():
        assert {x.name: x.count_params() for x in part.layers if x.weights} == layers
    assert [part.count_params() for part in expected] == [164_736, 163_968, 166_675, 178_945]
    assert learner.count_params() == 164_736 + 163_968 + 166_675


@pytest.mark.parametrize(
    ("kind", "doubling", "size"),
    [
        (Baseline1, "matched", 674_726),
        (Baseline2, "matched", 675_851),
        (Baseline1, "depth", 624_641),
        (Baseline2, "depth", 631_937),
        (Baseline1, "parallel", 657_409),
    ],
)
def test_ways_of_doubling(kind, doubling, size):
    assert kind(doubling=doubling).count_params() == size


def test_unknown_ways_of_doubling_are_refused():
    with pytest.raises(ConfigError, match="unknown doubling 'width'"):
        Baseline1(doubling="width")


VARIANTS = [
    dict(zip(("depth", "theme_input", "interaction", "kernel_size"), values, strict=True))
    for values in itertools.product((2, 3, 4), ("conv", "dense"), ("none", "product"), (1, 3))
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_the_count_of_a_fusion_is_that_of_its_network(variant):
    network = fusion_network(2, 6, 6, theme_widths=(3, 4), filters=5, units=7, **variant)
    width = 18 if variant.pop("interaction") == "product" else 12
    count = fusion_parameters(width, 2, themes=7, filters=5, units=7, **variant)
    assert count == network.count_params()


@pytest.mark.parametrize("variant", VARIANTS[::5], ids=str)
@pytest.mark.parametrize("theme_widths", [(), (5,)], ids=["baseline-1", "baseline-2"])
def test_no_other_number_of_filters_comes_nearer(theme_widths, variant):
    def size(outputs, theme_widths, **changes):
        arguments = variant | {"filters": 16, "units": 8} | changes
        return fusion_network(outputs, 6, 6, theme_widths=theme_widths, **arguments).count_params()

    target = size(5, ()) + size(1, (5, 5))
    doubled = doubled_fusion(12, 5, theme_widths, **variant, filters=16, units=8)
    distances = [
        abs(size(1, theme_widths, **doubled | {"filters": doubled["filters"] + more}) - target)
        for more in (-1, 0, 1)
    ]
    assert distances[1] == min(distances)
