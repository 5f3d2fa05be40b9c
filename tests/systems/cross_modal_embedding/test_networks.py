"""The network and its losses against golden arrays, in float64."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ConfigError
from kavc.layers.fingerprint import weights_fingerprint
from kavc.losses.contrastive import info_nce
from kavc.losses.pairs import class_term, cosine_pair_loss, multilabel_cross_entropy
from kavc.systems.cross_modal_embedding.networks import CanonicalEmbedding, CrossModalEmbedding

# Two implementations behind the arrays agree to 2e-15; sums are ordered otherwise here. On JAX the
# losses are float32.
EXACT = 1e-10 if keras.backend.backend() == "tensorflow" else 1e-6
VERSIONS = {
    "code": {
        "network": {"input_norm": "joint", "embedding_activation": "relu"},
        "scale_hinge": True, "epsilon": 1e-5, "kind": "sqrt",
    },
    "paper": {"network": {}, "scale_hinge": False, "epsilon": 0.0, "kind": "sum"},
}  # fmt: skip


SAVED = Path(__file__).with_name("saved")
# Files of both networks, what they answered when they were written, and the word for their weights,
# in order, by which an index knows its network.
WRITTEN = {
    "paper": (
        CrossModalEmbedding, "27f0212d03fe73c4402dac4489a69ed91c50ec64c718880800ab3e5c0744d86c"
    ),
    "canonical": (
        CanonicalEmbedding, "ab7ba96ae72581de4e875212dd6b92897838735c4011b589cbf5c19009894ae7"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "cross_modal_embedding.npz", allow_pickle=False) as file:
        return dict(file)


def weights(network):
    """The variables by their names in the arrays."""
    found = {}
    for short, branch in (("v", network.visual_branch), ("a", network.audio_branch)):
        for place in (1, 2, 3, 4, "emb"):
            layer = branch.get_layer("embedding" if place == "emb" else f"dense{place}")
            found |= {f"w_{short}{place}": layer.kernel, f"b_{short}{place}": layer.bias}
    return found | {"w_cls": network.classifier.kernel, "b_cls": network.classifier.bias}


def build(golden, **options):
    network = CrossModalEmbedding(
        classes=40, audio_units=(20, 20, 12, 12), visual_units=(24, 24, 16, 16),
        embedding_dim=10, dtype="float64", **options,
    )  # fmt: skip
    for name, weight in weights(network).items():
        weight.assign(golden[name])
    return network


def pairs(golden):
    """Features and labels with the negatives put in."""
    source = golden["audio_source"]
    inputs = {"audio": golden["audio"][source], "visual": golden["rgb"]}
    return inputs, golden["labels"][source], golden["labels"]


@pytest.mark.parametrize("version", VERSIONS)
def test_golden_outputs(golden, version):
    inputs, _, _ = pairs(golden)
    outputs = build(golden, **VERSIONS[version]["network"])(inputs)
    for name in ("audio", "visual"):
        probability = keras.ops.sigmoid(outputs[f"{name}_logits"])
        for found, key in ((outputs[f"{name}_embedding"], "emb"), (probability, "prob")):
            np.testing.assert_allclose(found, golden[f"{version}_{key}_{name}"], atol=EXACT)


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("version", VERSIONS)
def test_golden_losses_and_gradients(golden, version, index):
    how = VERSIONS[version]
    network = build(golden, **how["network"])
    inputs, audio_labels, visual_labels = pairs(golden)
    with tf.GradientTape() as tape:
        outputs = network(inputs)
        cosine = keras.ops.sum(outputs["audio_embedding"] * outputs["visual_embedding"], -1)
        each = cosine_pair_loss(
            cosine, golden["is_negative"][:, 0], margin=0.2, scale_hinge=how["scale_hinge"]
        )
        entropies = [
            keras.ops.mean(multilabel_cross_entropy(outputs[name], labels, epsilon=how["epsilon"]))
            for name, labels in (("audio_logits", audio_labels), ("visual_logits", visual_labels))
        ]
        term = golden["lambdas"][index] * class_term(*entropies, kind=how["kind"])
        penalty = sum(network.losses)
        total = keras.ops.mean(each) + term + penalty
    for found, key in (
        (cosine, "cosine"), (each, "pair_loss"), (keras.ops.mean(each), "cosine_loss"),
        (entropies[0], "ce_audio"), (entropies[1], "ce_visual"), (penalty, "l2_penalty"),
        (term, f"lambda{index}_class_term"), (total, f"lambda{index}_total_loss"),
    ):  # fmt: skip
        np.testing.assert_allclose(found, golden[f"{version}_{key}"], EXACT, EXACT, err_msg=key)
    if keras.backend.backend() != "tensorflow":
        return
    variables = weights(network)
    gradients = tape.gradient(total, [weight.value for weight in variables.values()])
    for name, gradient in zip(variables, gradients, strict=True):
        expected = golden[f"{version}_lambda{index}_grad_{name}"]
        found = np.zeros_like(expected) if gradient is None else gradient
        np.testing.assert_allclose(found, expected, atol=EXACT, err_msg=name)


@pytest.mark.parametrize("activation", ["relu", "linear"])
@pytest.mark.parametrize("norm", ["joint", "per_modality", "none"])
def test_golden_options(golden, norm, activation):
    network = build(golden, input_norm=norm, embedding_activation=activation)
    outputs = network(pairs(golden)[0])
    for name in ("audio", "visual"):
        expected = golden[f"opt_{norm}_{activation}_emb_{name}"]
        np.testing.assert_allclose(outputs[f"{name}_embedding"], expected, atol=EXACT)


@pytest.mark.parametrize(("key", "scale"), [("1_over_0p07", 1 / 0.07), ("100", 100)])
def test_golden_info_nce(golden, key, scale):
    both = [golden[f"opt_per_modality_linear_emb_{name}"] for name in ("audio", "visual")]
    found = np.mean(info_nce(*both, temperature=1 / scale))
    # The loss works in float32 whatever it is given.
    np.testing.assert_allclose(found, golden[f"infonce_scale_{key}"], rtol=2e-5)


def test_parameters_at_the_papers_widths():
    network = CrossModalEmbedding(classes=4716)
    assert network.visual_branch.count_params() == 8_118_650
    assert network.audio_branch.count_params() == 441_650
    assert network.count_params() == 9_744_016


def test_a_branch_embeds_its_modality_alone(golden):
    inputs, _, _ = pairs(golden)
    network = build(golden, input_norm="per_modality")
    together = network(inputs)
    alone = network.audio_branch(inputs["audio"])
    np.testing.assert_array_equal(alone, together["audio_embedding"])
    np.testing.assert_allclose(np.linalg.norm(alone, axis=1), 1, atol=EXACT)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_from_before_is_the_same_network(name):
    kind, fingerprint = WRITTEN[name]
    network = keras.saving.load_model(SAVED / f"{name}.keras")
    with zipfile.ZipFile(SAVED / f"{name}.keras") as file:
        written = json.loads(file.read("config.json"))["config"]
    assert type(network) is kind
    assert network.get_config() == written
    assert weights_fingerprint(network) == fingerprint
    with np.load(SAVED / f"{name}.npz") as arrays:
        outputs = network({"audio": arrays["audio"], "visual": arrays["visual"]}, training=False)
        for key, value in outputs.items():
            # float32, on another release or backend.
            np.testing.assert_allclose(value, arrays[key], 1e-6, 1e-6, err_msg=key)


@pytest.mark.parametrize("option", [{"input_norm": "joined"}, {"embedding_activation": "ReLU"}])
def test_unknown_options(option):
    with pytest.raises(ConfigError, match="Known: "):
        CrossModalEmbedding(classes=3, audio_units=(2,), visual_units=(2,), **option)


def test_unknown_class_term():
    with pytest.raises(ValueError, match="kind must be one of sum, sqrt"):
        class_term(1.0, 2.0, kind="mean")
