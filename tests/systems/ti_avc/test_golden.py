"""The networks' answers against golden arrays of two independent implementations."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.systems.ti_avc.networks import (
    Baseline1,
    Baseline2,
    JointTiAVC,
    ThemeLearner,
    TiAVC,
)
from kavc.systems.ti_avc.subnetworks import audio_network
from kavc.systems.ti_avc.trainees import on_frozen_embeddings

MHA = 1e-7  # Keras' MultiHeadAttention rounds its scale and mask, and reaches 6e-9.

# The attentions that are not the default: names of our weights to those of the arrays.
ATTENTIONS = {
    "seq_additive": {
        "query": "Wt", "key": "Wx", "bias": "bh", "score": "Wa", "score_bias": "ba",
    },
    "weighted": {"score": "W", "bias": "b"},
    "mha": {
        f"{ours}/{weight}": f"{ours.removeprefix('attention_')}/{weight}"
        for ours in ("query", "key", "value", "attention_output")
        for weight in ("kernel", "bias")
    },
}  # fmt: skip


def inside(network, inputs, *names):
    """Answers of layers within a functional graph, by name."""
    outputs = {name: network.get_layer(name).output for name in names}
    return keras.Model(network.input, outputs)(inputs)


def audio_inputs(golden, audio="in/audio"):
    return {"audio": golden[audio], "audio_length": golden["in/audio_length"]}


def with_attention(golden, kind):
    """The audio network with another attention."""
    _, heads, key_dim = golden["w/opt/mha/query/kernel"].shape
    options = {
        "seq_additive": {"units": golden["w/opt/seq_additive/bh"].size},
        "mha": {"heads": heads, "key_dim": key_dim},
    }.get(kind)
    widths = golden.widths()
    arguments = widths["audio"] | {"attention_options": options, "attention": kind}
    network = audio_network(widths["audio_dim"], **arguments, dtype="float64")
    for layer in ("dense", "lstm"):
        for weight in network.get_layer(layer).weights:
            weight.assign(golden[f"w/audio/{layer}/{weight.name}"])
    for weight in network.get_layer("attention").weights:
        name = weight.path.rpartition("attention/")[2]
        weight.assign(golden[f"w/opt/{kind}/{ATTENTIONS[kind][name]}"])
    return network


def test_audio_network(golden):
    network = golden.network(ThemeLearner).audio_network
    mask = golden["in/audio_mask"]
    answers = inside(network, audio_inputs(golden), "dense", "lstm", "attention")
    golden.close(answers["dense"], "out/audio/dense", where=mask[..., None])
    golden.close(answers["lstm"], "out/audio/lstm", where=mask[..., None])
    golden.close(answers["attention"], "out/audio/embedding")
    weights = network.get_layer("attention").weights_over_time(answers["lstm"], mask)
    golden.close(weights, "out/audio/attention_weights")


@pytest.mark.parametrize("audio", ["in/audio", "in/audio_garbage"])
@pytest.mark.parametrize("kind", ATTENTIONS)
def test_audio_network_with_another_attention(golden, kind, audio):
    network = with_attention(golden, kind)
    answers = inside(network, audio_inputs(golden, audio), "lstm", "attention")
    tolerance = max(MHA, golden.exact) if kind == "mha" else golden.exact
    golden.close(answers["attention"], f"out/audio/{kind}/embedding", tolerance)

    layer, lstm, mask = network.get_layer("attention"), answers["lstm"], golden["in/audio_mask"]
    if kind == "mha":
        _, weights = layer.attention(
            lstm, lstm, attention_mask=mask[:, None], return_attention_scores=True
        )
    else:
        weights = layer.weights_over_time(lstm, mask)
    # Weights that padded steps give to others mean nothing.
    queries = {"seq_additive": mask[..., None], "mha": mask[:, None, :, None]}.get(kind)
    golden.close(weights, f"out/audio/{kind}/weights", tolerance, where=queries)


@pytest.mark.parametrize("audio", ["in/audio", "in/audio_garbage"])
def test_theme_learner(golden, audio):
    logits = golden.network(ThemeLearner)(golden.videos(audio))
    golden.close(logits, "out/tl/theme_logits")
    golden.close(ops.softmax(logits), "out/tl/theme_probabilities")


def test_theme_learner_layer_by_layer(golden):
    network = golden.network(ThemeLearner)
    visual = {"visual": golden["in/visual"], "visual_length": np.full(6, 8)}
    golden.close(network.visual_network(visual), "out/visual/embedding")
    names = {
        "concatenate": "fused", "conv1": "conv1", "conv2": "conv2", "max_pool": "pool",
        "fc1": "fc1", "fc2": "theme_logits",
    }  # fmt: skip
    answers = inside(network.fusion_network, golden.embedded(pairs=False), *names)
    for ours, theirs in names.items():
        golden.close(answers[ours], f"out/tl/{theirs}")


def test_theme_learner_with_kernel_size_1(golden):
    fusion = golden.widths()["fusion"] | {"kernel_size": 1}
    network = golden.network(ThemeLearner, fusion=fusion)
    golden.close(network(golden.videos()), "out/tl/theme_logits_kernel1")


def test_theme_learner_with_fewer_frames(golden):
    inputs = golden.videos(visual_length=golden["in/visual_length"])
    golden.close(golden.network(ThemeLearner)(inputs), "out/tl/theme_logits_visual_mask")


@pytest.mark.parametrize("kind", [TiAVC, JointTiAVC])
def test_ti_avc(golden, kind):
    answers = golden.network(kind)(golden.pairs())
    golden.close(answers["theme"], "out/cl/pair_theme_logits")
    golden.close(answers["match"][:, 0], "out/cl/match_logit")
    golden.close(ops.sigmoid(answers["match"][:, 0]), "out/cl/match_score")


def test_correspondence_learner_layer_by_layer(golden):
    network = golden.network(TiAVC).correspondence_learner.fusion_network
    probabilities = golden["out/cl/pair_theme_probabilities"]
    themes = np.eye(probabilities.shape[1])[golden.pairs()["theme"]]
    inputs = golden.embedded() | {"theme_0": probabilities, "theme_1": themes}
    names = {
        "concatenate": "input", "conv1": "conv1", "conv2": "conv2", "max_pool": "pool",
        "fc1": "fc1",
    }  # fmt: skip
    answers = inside(network, inputs, *names)
    for ours, theirs in names.items():
        golden.close(answers[ours], f"out/cl/{theirs}")


def test_correspondence_learner_on_frozen_embeddings(golden):
    inputs = golden.embedded() | {"theme": golden.pairs()["theme"]}
    answers = on_frozen_embeddings(golden.network(TiAVC))(inputs)
    golden.close(answers["match"][:, 0], "out/cl/match_logit")


@pytest.mark.parametrize(("kind", "part"), [(Baseline1, "b1"), (Baseline2, "b2")])
def test_baselines(golden, kind, part):
    network = golden.network(kind)
    answers = network(golden.pairs())
    golden.close(answers["match"][:, 0], f"out/{part}/match_logit")
    golden.close(ops.sigmoid(answers["match"][:, 0]), f"out/{part}/match_score")
