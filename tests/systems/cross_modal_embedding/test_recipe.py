"""Options and presets of the cross-modal embedding, and the network that they build."""

from __future__ import annotations

import pytest

from kavc.errors import ConfigError
from kavc.systems.cross_modal_embedding import networks
from kavc.systems.cross_modal_embedding.config import CrossModalConfig
from kavc.systems.cross_modal_embedding.recipe import build, stages

SMALL = {"audio_dim": 4, "visual_dim": 6, "classes": 3, "units": 5, "embedding_dim": 4}

# Of the paper, which nobody may change in silence.
PAPER = {
    "audio_units_1_2": 450, "audio_units_3_4": 200, "visual_units_1_2": 2000,
    "visual_units_3_4": 700, "embedding_dim": 250, "margin": 0.2, "negatives_share": 0.6,
    "class_weight": 0.02, "switch_step": 10_000, "batch_size": 1024, "input_norm": "none",
    "embedding_activation": "linear", "scale_hinge": False, "class_kind": "sum",
    "negatives": "any", "negatives_draw": "exact", "learning_rate": 1e-4, "l2": 1e-8,
}  # fmt: skip
# Of the command for the cloud in the published README.
PUBLISHED = {
    "audio_units_1_2": 450, "audio_units_3_4": 250, "visual_units_1_2": 2000,
    "visual_units_3_4": 700, "embedding_dim": 250, "margin": 0.2, "negatives_share": 0.6,
    "class_weight": 0.0, "batch_size": 1024, "input_norm": "joint", "epochs": 5,
    "embedding_activation": "relu", "scale_hinge": True, "class_kind": "sqrt",
    "negatives": "disjoint_labels", "negatives_draw": "bernoulli", "learning_rate": 1e-4,
    "decay": 0.95, "decay_examples": 4_000_000, "clip_norm": 1.0, "l2": 1e-8,
}  # fmt: skip


@pytest.mark.parametrize(("name", "values"), [("paper", PAPER), ("published-code", PUBLISHED)])
def test_what_was_published(name, values):
    found = CrossModalConfig.preset(name).to_dict()
    assert {option: found[option] for option in values} == values


def test_the_paper_has_as_many_parameters_as_it_should():
    assert build(CrossModalConfig()).count_params() == 9_529_662


@pytest.mark.parametrize("name", CrossModalConfig.PRESETS)
def test_every_preset_builds(name):
    config = CrossModalConfig.preset(name).replace(**SMALL)
    network = build(config)
    kind = networks.CrossModalEmbedding
    if config.network == "canonical":
        kind = networks.CanonicalEmbedding
    assert isinstance(network, kind)
    parts = config.members + (config.kernel_features > 0)
    assert network.output["audio_embedding"].shape[-1] == 4 * parts
    assert network.output["visual_logits"].shape[-1] == 3
    (stage,) = stages(config)
    assert stage.name == {"pairs": "pairs", "infonce": "contrastive"}[config.objective]


def test_labels_and_coordinates_are_cut_to_what_there_is():
    config = CrossModalConfig(network="canonical", label_limit=2, coordinates=5, **SMALL)
    network = build(config)
    assert network.output["audio_logits"].shape[-1] == 2
    assert network.audio_branch.get_layer("coordinates").units == 4
    assert network.visual_branch.get_layer("coordinates").units == 5


@pytest.mark.parametrize("features", [7, 257, 100])
def test_too_few_or_an_odd_number_of_kernel_features(features):
    with pytest.raises(ConfigError, match="even number of at least the 256"):
        CrossModalConfig.preset("improved").replace(kernel_features=features)
