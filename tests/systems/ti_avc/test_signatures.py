"""What the signatures of Ti-AVC answer; `contract/test_serving.py` asks them of a server, too."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.systems.ti_avc.config import TiAVCConfig
from kavc.systems.ti_avc.recipe import build
from kavc.systems.ti_avc.signatures import signatures

THEMES, AUDIO, VISUAL = 3, 4, 5
FLOAT32 = 2e-5  # absolute, for probabilities: other fusions of ops, other order of sums
SMALL = {
    "themes": THEMES, "audio_dim": AUDIO, "visual_dim": VISUAL,
    "embedding_dim": 6, "filters": 6, "units": 6,
}  # fmt: skip
VARIANTS = {
    "ti-avc": {},
    "joint": {"variant": "joint"},
    "baseline-1": {"variant": "baseline-1"},
    "baseline-2": {"variant": "baseline-2"},
    "improved": TiAVCConfig.PRESETS["improved"],
}


def offered(**options):
    """A network and its signatures."""
    config = TiAVCConfig(**options | SMALL)
    keras.utils.set_random_seed(1)
    network = build(config)
    return network, signatures(network, config)


@pytest.fixture(scope="module", params=VARIANTS)
def served(request):
    return offered(**VARIANTS[request.param])


def request(network, steps=4, **changes):
    rng = np.random.default_rng(steps)
    inputs = {
        "audio": rng.normal(size=(3, steps, AUDIO)).astype("float32"),
        "audio_length": rng.integers(0, steps + 1, 3).astype("int32"),
        "visual": rng.normal(size=(3, 2, VISUAL)).astype("float32"),
        "visual_length": np.array([2, 1, 2], "int32"),
        "theme": rng.integers(0, THEMES, 3).astype("int32"),
    }
    return {name: value for name, value in (inputs | changes).items() if name in network.input}


def ask(signature, inputs):
    tensors = {name: tf.constant(inputs[name]) for name in signature.inputs}
    return {name: value.numpy() for name, value in signature.function(**tensors).items()}


def test_the_score_and_the_themes_are_the_networks(served):
    network, found = served
    inputs = request(network)
    expected = network(inputs, training=False)
    answers = ask(found["serving_default"], inputs)
    score = keras.ops.sigmoid(expected["match"][:, 0])
    np.testing.assert_allclose(answers["match_score"], score, atol=FLOAT32)
    assert ("theme_probabilities" in answers) == ("theme" in expected)
    if "theme" in expected:
        probabilities = keras.ops.softmax(expected["theme"])
        np.testing.assert_allclose(answers["theme_probabilities"], probabilities, atol=FLOAT32)


def test_embeddings_are_what_the_fusion_reads(served):
    network, found = served
    inputs = request(network)
    sub = getattr(network, "theme_learner", network)
    sound = ask(found["embed_audio"], inputs)["embedding"]
    expected = sub.audio_network({name: inputs[name] for name in ("audio", "audio_length")})
    np.testing.assert_allclose(sound, expected, atol=FLOAT32)
    frames = ask(found["embed_visual"], inputs)["embedding"]
    assert not frames[1, 1:].any()
    expected = np.array(
        sub.visual_network({name: inputs[name] for name in ("visual", "visual_length")})
    )
    expected[1, 1:] = 0
    np.testing.assert_allclose(frames, expected, atol=FLOAT32)


@pytest.mark.parametrize("steps", [0, 4])
def test_no_audio_is_an_answer_like_any_other(served, steps):
    network, found = served
    silence = {
        "audio": np.zeros((3, steps, AUDIO), "float32"),
        "audio_length": np.zeros(3, "int32"),
    }
    inputs = request(network, **silence)
    assert np.isfinite(ask(found["serving_default"], inputs)["match_score"]).all()
    assert not ask(found["embed_audio"], inputs)["embedding"].any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"visual_length": np.array([1, 0, 1], "int32")}, "visual_length: expected 1 to"),
        ({"visual": np.zeros((3, 0, VISUAL), "float32")}, "visual: give at least one frame"),
        ({"theme": np.array([0, THEMES, 1], "int32")}, "theme: expected 0 to"),
    ],
)
def test_what_cannot_be_answered_is_refused(changes, message):
    network, found = offered()
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        ask(found["serving_default"], request(network, **changes))


def test_names_on_the_wire(served):
    network, found = served
    assert set(found) == {"serving_default", "embed_audio", "embed_visual"}
    wanted = {"audio", "audio_length", "visual", "visual_length"} | ({"theme"} & set(network.input))
    assert set(found["serving_default"].inputs) == wanted


def test_audio_is_cropped_as_in_training():
    network, found = offered(max_steps=3)
    inputs = request(network, steps=6, audio_length=np.array([6, 2, 4], "int32"))
    score = ask(found["serving_default"], inputs)["match_score"]
    inputs |= {"audio": inputs["audio"][:, :3], "audio_length": np.array([3, 2, 3], "int32")}
    expected = keras.ops.sigmoid(network(inputs, training=False)["match"][:, 0])
    np.testing.assert_allclose(score, expected, atol=FLOAT32)
