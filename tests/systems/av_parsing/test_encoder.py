"""The pretrained encoder against plain NumPy in float64; its published size; parsers on top."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scipy.special import erf

from kavc.layers.token_embedding import sinusoids
from kavc.systems.av_parsing.composed import Pretrained
from kavc.systems.av_parsing.config import AVParsingConfig
from kavc.systems.av_parsing.encoder import GroundingEncoder
from kavc.systems.av_parsing.recipe import build, stages

WIDTHS = {"audio_dim": 5, "visual_dim": 6, "visual_3d_dim": 7}
SIZE = {"dim": 8, "layers": 2, "heads": 2, "units": 12}
BATCH, SEGMENTS = 3, 4
EXACT = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-6


def inputs(dtype="float64"):
    rng = np.random.default_rng(0)
    return {
        name.removesuffix("_dim"): rng.normal(size=(BATCH, SEGMENTS, width)).astype(dtype)
        for name, width in WIDTHS.items()
    }


@pytest.fixture(scope="module")
def encoder():
    keras.utils.set_random_seed(0)
    encoder = GroundingEncoder(**WIDTHS, segments=SEGMENTS, **SIZE, dtype="float64")
    for weight in encoder.weights:  # also of biases and norms, which begin with 0 and 1
        weight.assign(np.random.default_rng(len(weight.path)).normal(size=weight.shape))
    return encoder


def norm(x, layer):
    gain, bias = layer.get_weights()
    x = x - x.mean(axis=-1, keepdims=True)
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-12) * gain + bias


def dense(x, layer):
    kernel, bias = layer.get_weights()
    return x @ kernel + bias


def attention(x, layer):
    q, bq, k, bk, v, bv, o, bo = layer.get_weights()
    query, key, value = (
        np.einsum("btd,dhe->bhte", x, kernel) + bias[:, None]
        for kernel, bias in ((q, bq), (k, bk), (v, bv))
    )
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return np.einsum("bhte,hed->btd", weights @ value, o) + bo


def by_hand(encoder, given):
    """The published network over tokens of some kinds, in the order pictures, sounds, clips."""
    get = encoder.get_layer
    position = np.zeros((SEGMENTS, SIZE["dim"]))
    for place in range(SEGMENTS):
        for i in range(0, SIZE["dim"], 2):
            position[place, i] = np.sin(place / 10_000 ** (2 * i / SIZE["dim"]))
            position[place, i + 1] = np.cos(place / 10_000 ** (2 * (i + 1) / SIZE["dim"]))
    (kinds,) = get("place_and_kind").get_weights()
    tokens = []
    for kind, number in (("visual", 0), ("audio", 1), ("visual_3d", 1)):
        if kind in given:
            x = given[kind] + get(f"{kind}_offset").get_weights()[0]
            x = norm(dense(x, get(f"{kind}_projection")), get(f"{kind}_norm"))
            tokens.append(norm(x + position + kinds[number], get(f"{kind}_token_norm")))
    x = np.concatenate(tokens, axis=1)
    for at in range(SIZE["layers"]):
        name = f"layer_{at}"
        x = norm(x + attention(x, get(f"{name}_attention")), get(f"{name}_norm_1"))
        hidden = dense(x, get(f"{name}_hidden"))
        hidden = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
        x = norm(x + dense(hidden, get(f"{name}_output")), get(f"{name}_norm_2"))
    return dict(zip(given, np.split(x, len(given), axis=1), strict=True))


def ordered(given):
    return {name: given[name] for name in ("visual", "audio", "visual_3d") if name in given}


def test_outputs_are_those_of_the_published_network(encoder):
    found, wanted = encoder(inputs()), by_hand(encoder, ordered(inputs()))
    for name, x in wanted.items():
        np.testing.assert_allclose(found[name], x, rtol=EXACT, atol=EXACT, err_msg=name)


def test_clips_that_are_hidden_may_as_well_not_be_there(encoder):
    seen = {name: inputs()[name] for name in ("visual", "audio")}
    found, wanted = encoder.without_clips()(seen), by_hand(encoder, seen)
    assert found.keys() == wanted.keys()
    for name, x in wanted.items():
        np.testing.assert_allclose(found[name], x, rtol=EXACT, atol=EXACT, err_msg=name)


def test_positions_are_the_published_ones():
    found = sinusoids(3, 4)
    wanted = [
        [np.sin(t), np.cos(t / 10_000 ** (2 / 4)), np.sin(t / 10_000), np.cos(t / 10_000**1.5)]
        for t in range(3)
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-15)


def test_it_begins_as_bert():
    keras.utils.set_random_seed(0)
    encoder = GroundingEncoder(**WIDTHS, segments=SEGMENTS, dim=64, layers=1, heads=4, units=96)
    for weight in encoder.weights:
        value = np.asarray(weight)
        if "gamma" in weight.path:
            np.testing.assert_array_equal(value, 1)
        elif "bias" in weight.path or "beta" in weight.path:
            np.testing.assert_array_equal(value, 0)
        elif value.size > 100:
            assert value.std() == pytest.approx(0.02, rel=0.2), weight.path


def test_the_published_size():
    """126 million parameters in twelve layers, of which one is made here."""
    config = AVParsingConfig.preset("published-encoder")
    dim, units = config.encoder_dim, config.encoder_units
    layer = 4 * (dim * dim + dim) + 2 * dim * units + units + dim + 4 * dim
    assert config.encoder_layers * layer == 125_976_576
    one = GroundingEncoder(dim=dim, layers=1, heads=config.encoder_heads, units=units)
    inside = sum(int(np.prod(w.shape)) for w in one.weights if "layer_0" in w.path)
    assert inside == layer
    for x in one.output.values():
        assert x.shape == (None, 10, dim)


@pytest.mark.slow  # 126 million weights and their moments: 2 GB, half a minute
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the trainer is TensorFlow's")
def test_a_step_at_the_published_size(tmp_path):
    config = AVParsingConfig.preset("published-encoder")
    network = build(config)
    assert 126e6 < network.encoder.count_params() < 130e6
    stage, _ = stages(config)
    trainee = stage.trainee(network)
    trainee.compile(**stage.compile_arguments())
    draw = np.random.default_rng(0)
    features = {
        name: draw.normal(size=(2, 10, width)).astype("float32")
        for name, width in (("audio", 128), ("visual", 2048))
    }
    targets = {
        "groups": np.stack([np.eye(10, dtype="float32")] * 2),
        "anchor": np.array([3, 7], "int32"),
        "unimodal": np.ones(2, "float32"),
        "cross_modal": np.ones(2, "float32"),
    }
    kernel = trainee.get_layer("without_clips").get_layer("layer_11_hidden").kernel
    before = np.asarray(kernel)
    loss = trainee.train_on_batch(features, targets)
    assert np.isfinite(loss)
    moved = np.abs(np.asarray(kernel) - before)
    # Adam's first step is the rate, wherever there is a gradient.
    assert np.median(moved) == pytest.approx(config.grounding_learning_rate, rel=0.05)


@pytest.mark.parametrize("variant", ["pretrain-uni", "pretrain-multi"])
@pytest.mark.parametrize("clips", [7, None])
def test_a_parser_stands_on_it(variant, clips):
    small = {"encoder_dim": 8, "encoder_layers": 1, "encoder_heads": 2, "encoder_units": 8}
    config = AVParsingConfig().replace(
        **WIDTHS | {"visual_3d_dim": clips}, **small,
        variant=variant, classes=3, segments=SEGMENTS, dim=4, units=4,
    )  # fmt: skip
    for pretrained, features in (
        ("representations", {"encoded", "self_attended", "joint"}),
        ("fine-tuned", {"encoded", "joint"}),
    ):
        network = build(config.replace(pretrained=pretrained))
        assert isinstance(network, Pretrained)
        given = {k: v for k, v in inputs("float32").items() if k in network.input}
        found = network(given)
        parsed = network.parser(network.encoder(given))
        assert network.features.keys() == features
        for name, x in found.items():
            np.testing.assert_allclose(x, parsed[name], rtol=1e-6, err_msg=name)
        again = type(network).from_config(network.get_config())
        again.set_weights(network.get_weights())
        np.testing.assert_array_equal(again(given)["video_probability"], found["video_probability"])
