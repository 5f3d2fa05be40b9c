"""Options of parsing: the paper's, HAN's and the published code's, and what they make."""

from __future__ import annotations

import pytest

from kavc.errors import ConfigError
from kavc.systems.av_parsing import networks
from kavc.systems.av_parsing.config import (
    ADVERSARIAL,
    GROUNDED,
    HAN_TRAINING,
    REFINED_TRAINING,
    VARIANTS,
    AVParsingConfig,
)
from kavc.systems.av_parsing.recipe import build
from kavc.systems.av_parsing.system import AVParsingSystem

SMALL = {"classes": 4, "audio_dim": 5, "visual_dim": 6, "visual_3d_dim": 7, "dim": 8, "units": 6}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        # Section 4 and equation 3 of the paper.
        (
            AVParsingConfig(),
            (3e-4, 0.5, 5, 40, 64, 0.6, 0.4, 1.0, 0.9, 512, 512, 1, 0.1),
        ),
        # Its code, where that differs.
        (
            AVParsingConfig.preset("published-code"),
            (6e-4, 0.5, 6, 40, 64, 0.3, 0.3, 1.0, 0.9, 512, 512, 1, 0.1),
        ),
        # HAN's own code.
        (
            AVParsingConfig().replace(**HAN_TRAINING),
            (3e-4, 0.1, 10, 40, 16, 1.0, 0.4, 1.0, 0.9, 512, 512, 1, 0.1),
        ),
    ],
    ids=["paper", "published code", "HAN"],
)
def test_published_numbers(config, expected):
    names = (
        "learning_rate", "decay", "decay_epochs", "epochs", "batch_size", "guided_weight",
        "adversarial_weight", "audio_keep", "visual_keep", "dim", "units", "heads", "dropout",
    )  # fmt: skip
    assert tuple(getattr(config, name) for name in names) == expected
    assert (config.optimizer, config.schedule, config.clip_norm) == ("adam", "step", 0)
    assert (config.gate, config.threshold, config.dtype) == ("video", "half", "float32")


@pytest.mark.parametrize(
    ("variant", "kind"),
    [
        ("han", networks.HAN),
        ("refined", networks.HAN),
        ("base", networks.Base),
        ("base-gcaa", networks.BaseGCAA),
        ("base-adv-skip", networks.BaseAdvSkip),
        ("base-adv-skip-gcaa", networks.BaseAdvSkipGCAA),
    ],
)
def test_variants_are_networks_of_the_configs_sizes(variant, kind):
    options = SMALL | {"variant": variant, "segments": 3, "heads": 2, "dropout": 0.3}
    network = build(AVParsingConfig().replace(**options))
    assert type(network) is kind
    made = network.get_config()
    wanted = {name: value for name, value in options.items() if name != "variant"}
    assert wanted.items() <= made.items()
    assert {name: each.shape for name, each in network.input.items()} == {
        "audio": (None, 3, 5), "visual": (None, 3, 6), "visual_3d": (None, 3, 7),
    }  # fmt: skip
    assert variant in VARIANTS and len(VARIANTS) == 6 + len(GROUNDED)


@pytest.mark.parametrize("variant", ["base-gcaa", "base-adv-skip-gcaa"])
@pytest.mark.parametrize("first", [False, True])
def test_the_codes_fault_is_an_option(variant, first):
    options = SMALL | {"variant": variant, "gcaa_first_segment": first}
    network = build(AVParsingConfig().replace(**options))
    blocks = [network.get_layer(name) for name in ("audio_san", "visual_san", "cman")]
    assert [block.attention.first_segment for block in blocks] == [first] * 3


def test_rows_of_the_paper_are_trained_as_they_were():
    config = AVParsingConfig()
    rows = {row.label: config.replace(**row.overrides) for row in AVParsingSystem().rows(config)}
    assert rows["HAN"] == config.replace(**HAN_TRAINING)
    assert rows["Wu et al."] == config.replace(**REFINED_TRAINING)
    for label, variant in {
        "Base": "base",
        "Base + GCAA": "base-gcaa",
        "Base + Adv+Skip": "base-adv-skip",
        "Base + Adv+Skip+GCAA": "base-adv-skip-gcaa",
        "Pretrain (uni)": "pretrain-uni",
        "Pretrain (cross)": "pretrain-cross",
        "Pretrain (multi)": "pretrain-multi",
    }.items():
        assert rows[label] == config.replace(variant=variant)
    assert {row.variant for row in rows.values() if "Adv" in row.variant.title()} == set(
        ADVERSARIAL
    )


def test_heads_that_do_not_divide():
    with pytest.raises(ConfigError, match="'heads' must divide option 'dim'; not heads=3, dim=512"):
        AVParsingConfig().replace(heads=3)


@pytest.mark.parametrize("preset", ["paper", "published-code"])
def test_han_and_ours_are_trained_alike_beside_whatever_preset(preset):
    """What the rest of the table is trained with tells nothing of them."""
    base = AVParsingConfig.preset(preset)
    rows = {row.label: base.replace(**row.overrides) for row in AVParsingSystem().rows(base)}
    unused = {
        name: getattr(base, name)
        for name in (
            "adversarial_weight",
            "reversal_from",
            "gcaa_first_segment",
            "pretrained",
            "grounding_rule",
            "visual_alike",
            "audio_alike",
            "grounding_alternates",
        )
    }
    assert rows["HAN"] == AVParsingConfig(**HAN_TRAINING).replace(**unused)
    ours = AVParsingConfig.preset("improved").replace(decay_epochs=base.decay_epochs, **unused)
    assert rows["improved (ours)"] == ours
