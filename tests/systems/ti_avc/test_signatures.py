"""The functions of an exported Ti-AVC: of the network as it is loaded from a run folder."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.export.savedmodel import export
from kavc.systems.ti_avc.config import TiAVCConfig
from kavc.systems.ti_avc.recipe import build
from kavc.systems.ti_avc.signatures import signatures

THEMES, AUDIO, VISUAL = 3, 4, 5
SIGNATURES = ("serving_default", "embed_audio", "embed_visual")
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
    "improved": TiAVCConfig.PRESETS["improved"] | {"variant": "joint"},
}


@pytest.fixture(scope="module", params=VARIANTS)
def exported(request, tmp_path_factory):
    """A network, saved, loaded, exported; and what TensorFlow loads of it."""
    folder = tmp_path_factory.mktemp("exported")
    config = TiAVCConfig(**VARIANTS[request.param] | SMALL)
    keras.utils.set_random_seed(1)
    build(config).save(folder / "model.keras")
    network = keras.models.load_model(folder / "model.keras", compile=False)
    version = export(network, signatures(network, config), folder, name="ti-avc", card="")
    return network, tf.saved_model.load(str(version)), str(version)


def request(network, size=3, steps=4, frames=2, **changes):
    rng = np.random.default_rng([size, steps, frames])
    inputs = {
        "audio": rng.normal(size=(size, steps, AUDIO)).astype("float32"),
        "audio_length": rng.integers(0, steps + 1, size).astype("int32"),
        "visual": rng.normal(size=(size, frames, VISUAL)).astype("float32"),
        "visual_length": rng.integers(1, frames + 1, size).astype("int32"),
    }
    if "theme" in network.input:
        inputs["theme"] = rng.integers(0, THEMES, size).astype("int32")
    return inputs | changes


def call(loaded, inputs, signature="serving_default"):
    answers = loaded.signatures[signature](**{k: tf.constant(v) for k, v in inputs.items()})
    return {name: value.numpy() for name, value in answers.items()}


@pytest.mark.parametrize(("size", "steps", "frames"), [(1, 1, 1), (3, 4, 2), (5, 9, 8)])
def test_answers_are_the_networks(exported, size, steps, frames):
    network, loaded, _ = exported
    inputs = request(network, size, steps, frames)
    expected = network(inputs, training=False)
    answers = call(loaded, inputs)
    score = keras.ops.sigmoid(expected["match"][:, 0])
    np.testing.assert_allclose(answers["match_score"], score, atol=FLOAT32)
    assert ("theme_probabilities" in answers) == ("theme" in expected)
    if "theme" in expected:
        probabilities = keras.ops.softmax(expected["theme"])
        np.testing.assert_allclose(answers["theme_probabilities"], probabilities, atol=FLOAT32)


def test_embeddings_are_what_the_fusion_reads(exported):
    network, loaded, _ = exported
    inputs = request(network)
    sub = getattr(network, "theme_learner", network)
    sound = {name: inputs[name] for name in ("audio", "audio_length")}
    found = call(loaded, sound, "embed_audio")["embedding"]
    np.testing.assert_allclose(found, sub.audio_network(sound), atol=FLOAT32)
    frames = {"visual": inputs["visual"], "visual_length": np.array([2, 1, 2], "int32")}
    found = call(loaded, frames, "embed_visual")["embedding"]
    assert not found[1, 1:].any()
    expected = np.array(sub.visual_network(frames))
    expected[1, 1:] = 0
    np.testing.assert_allclose(found, expected, atol=FLOAT32)


def test_no_audio_is_an_answer_like_any_other(exported):
    network, loaded, _ = exported
    inputs = request(network, audio_length=np.zeros(3, "int32"))
    assert np.isfinite(call(loaded, inputs)["match_score"]).all()
    sound = {name: inputs[name] for name in ("audio", "audio_length")}
    assert not call(loaded, sound, "embed_audio")["embedding"].any()


@pytest.mark.parametrize("filler", [np.nan, np.inf, 1e30])
def test_what_lies_in_the_padding_is_nobodys_business(exported, filler):
    network, loaded, _ = exported
    lengths = {
        "audio_length": np.array([4, 2, 0], "int32"),
        "visual_length": np.array([2, 1, 2], "int32"),
    }
    inputs = request(network, **lengths)
    filled = {name: inputs[name].copy() for name in ("audio", "visual")}
    filled["audio"][1, 2:] = filled["audio"][2] = filled["visual"][1, 1:] = filler
    for name in SIGNATURES:
        taken = loaded.signatures[name].structured_input_signature[1]
        plain = {key: inputs[key] for key in taken}
        spoilt = plain | {key: filled[key] for key in filled if key in taken}
        answers = call(loaded, plain, name), call(loaded, spoilt, name)
        for key in answers[0]:
            np.testing.assert_array_equal(answers[0][key], answers[1][key])


def test_a_request_answers_the_same_when_it_is_padded_into_a_batch(exported):
    """As TensorFlow Serving pads: with the first value of the tensor, up to the longest."""
    network, loaded, _ = exported
    inputs = request(network, 2, 4, 2)
    longer = {"audio": 9, "visual": 5}
    padded = inputs | {
        name: np.pad(
            inputs[name],
            ((0, 0), (0, size - inputs[name].shape[1]), (0, 0)),
            constant_values=inputs[name].flat[0],
        )
        for name, size in longer.items()
    }
    for name in SIGNATURES:
        taken = loaded.signatures[name].structured_input_signature[1]
        alone = call(loaded, {key: inputs[key] for key in taken}, name)
        batched = call(loaded, {key: padded[key] for key in taken}, name)
        for key, value in alone.items():
            found = batched[key][:, : value.shape[1]] if value.ndim == 3 else batched[key]
            np.testing.assert_allclose(found, value, atol=1e-6, rtol=0)


def test_the_examples_are_taken(exported):
    network, loaded, _ = exported
    for name, signature in signatures(network, TiAVCConfig(**SMALL)).items():
        taken = set(loaded.signatures[name].structured_input_signature[1])
        assert taken == set(signature.example)
        for value in call(loaded, signature.example, name).values():
            assert np.isfinite(value).all()


def with_nan(network, name):
    values = request(network)[name].copy()
    values[1, 0, 0] = np.nan
    return values


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda n: {"audio": with_nan(n, "audio"), "audio_length": np.full(3, 4, "int32")},
         "audio: holds NaN or infinite values"),
        (lambda n: {"visual": with_nan(n, "visual")}, "visual: holds NaN or infinite values"),
        (lambda n: {"visual_length": np.array([1, 3, 1], "int32")}, "visual_length: expected 1 to"),
        (lambda n: {"visual_length": np.array([1, 0, 1], "int32")}, "visual_length: expected 1 to"),
        (lambda n: {"visual_length": np.ones(1, "int32")}, "expected one batch size"),
        (lambda n: {"audio_length": np.zeros(1, "int32")}, "expected one batch size"),
        (lambda n: {"audio_length": np.array([1, 5, 1], "int32")}, "audio_length: expected 0 to"),
        (lambda n: {"audio_length": np.array([1, -1, 1], "int32")}, "audio_length: expected 0 to"),
        (lambda n: {"visual": np.zeros((3, 0, VISUAL), "float32")}, "visual: give at least one"),
        (lambda n: {"theme": np.array([0, THEMES, 1], "int32")}, "theme: expected 0 to"),
        (lambda n: {"theme": np.array([0, -1, 1], "int32")}, "theme: expected 0 to"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused(exported, changes, message):
    network, loaded, _ = exported
    spoilt = changes(network)
    if not set(spoilt) <= set(network.input):
        pytest.skip("baseline-1 takes no theme")
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call(loaded, request(network, **spoilt))


def test_signatures_say_what_they_take_and_give(exported):
    network, loaded, _ = exported
    assert set(loaded.signatures) == set(SIGNATURES)
    taken = loaded.signatures["serving_default"].structured_input_signature[1]
    wanted = {"audio", "audio_length", "visual", "visual_length"} | ({"theme"} & set(network.input))
    assert set(taken) == wanted
    assert taken["audio"].shape.as_list() == [None, None, AUDIO]


def test_audio_is_cropped_as_in_training():
    config = TiAVCConfig(**SMALL, max_steps=3)
    network = build(config)
    offered = signatures(network, config)
    inputs = request(network, steps=6, audio_length=np.array([6, 2, 4], "int32"))
    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    found = offered["serving_default"].function(**tensors)["match_score"]
    inputs |= {"audio": inputs["audio"][:, :3], "audio_length": np.array([3, 2, 3], "int32")}
    expected = keras.ops.sigmoid(network(inputs, training=False)["match"][:, 0])
    np.testing.assert_allclose(found, expected, atol=FLOAT32)
