"""What the networks have beyond the contract: learners alone, gradients, heads, plain fits."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.systems.ti_avc.networks import (
    Baseline1,
    Baseline2,
    CorrespondenceLearner,
    JointTiAVC,
    ThemeLearner,
    TiAVC,
)
from kavc.systems.ti_avc.subnetworks import ATTENTION

# Float64. Keras 3.15's `ops.tanh` on JAX answers in float32, whatever it is given.
EXACT = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-6
THEMES, STEPS, FRAMES = 3, 4, 3
FUSION = {"filters": 4, "units": 5}
SMALL = {
    "themes": THEMES,
    "audio_dim": 5,
    "visual_dim": 6,
    "audio": {"dense_units": 4, "embedding_dim": 4, "attention_options": {"units": 3}},
    "visual": {"embedding_dim": 4},
    "fusion": FUSION,
}
ON_VIDEOS = [ThemeLearner, TiAVC, JointTiAVC, Baseline1, Baseline2]
ALL = [*ON_VIDEOS, CorrespondenceLearner]
LEARNERS = [ThemeLearner, CorrespondenceLearner]  # parts of a system's network, and public
# The audio's and the frames' lengths, every one with every one.
LENGTHS = np.array([(t, n) for t in range(STEPS + 1) for n in range(FRAMES + 1)])


def small(kind, dtype="float32", **arguments):
    """A small network with weights that are all far from 0, the biases too."""
    keras.utils.set_random_seed(0)
    if kind is CorrespondenceLearner:
        network = kind(THEMES, 4, 4, fusion=FUSION, dtype=dtype, **arguments)
    else:
        network = kind(**SMALL | arguments, dtype=dtype)
    for weight in network.weights:
        if "bias" in weight.path:
            weight.assign(keras.random.normal(weight.shape, dtype=weight.dtype))
    return network


def batch(network, lengths=LENGTHS, steps=STEPS, frames=FRAMES, seed=0):
    """Random inputs for a network: the same valid steps whatever is padded behind them."""
    rng = np.random.default_rng(seed)
    size = len(lengths)
    inputs = {}
    for name, like in network.input.items():
        if name == "theme":
            inputs[name] = np.arange(size) % THEMES
        elif name.endswith("_length"):
            inputs[name] = lengths[:, 0 if name == "audio_length" else 1]
        elif len(like.shape) == 2:
            inputs[name] = rng.random((size, like.shape[1]))
        else:
            longest, given = (STEPS, steps) if name == "audio" else (FRAMES, frames)
            x = rng.normal(size=(size, longest, like.shape[2]))
            inputs[name] = np.pad(x, ((0, 0), (0, given - longest), (0, 0)))
    return inputs


def spoil(inputs, value):
    """Puts a value into all padding."""
    spoilt = dict(inputs)
    for name in inputs:
        if name + "_length" in inputs or name == "visual_embedding":
            x = inputs[name].copy()
            length = inputs["audio_length" if name == "audio" else "visual_length"]
            x[np.arange(x.shape[1]) >= length[:, None]] = value
            spoilt[name] = x
    return spoilt


def answers(network, inputs):
    """All answers side by side, `(batch, any)`."""
    outputs = keras.tree.flatten(network(inputs))
    return np.concatenate([ops.convert_to_numpy(ops.cast(x, "float64")) for x in outputs], 1)


def tensorflow():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with tf.GradientTape, datasets are TensorFlow's")
    import tensorflow

    return tensorflow


# === Masks ===


@pytest.mark.parametrize("value", [1e30, np.nan])
@pytest.mark.parametrize("kind", LEARNERS)
def test_what_lies_in_the_padding_changes_no_answer(kind, value):
    network = small(kind)
    inputs = batch(network)
    expected = answers(network, inputs)
    assert np.isfinite(expected).all()
    np.testing.assert_array_equal(answers(network, spoil(inputs, value)), expected)


@pytest.mark.parametrize("kind", LEARNERS)
def test_more_padding_changes_no_answer(kind):
    network = small(kind, "float64")
    longer = batch(network, steps=STEPS + 3, frames=FRAMES + 2)
    np.testing.assert_allclose(
        answers(network, longer), answers(network, batch(network)), rtol=0, atol=EXACT
    )


@pytest.mark.parametrize("value", [1e30, np.nan])
@pytest.mark.parametrize("attention", ATTENTION)
def test_what_lies_in_the_padding_changes_no_gradient(attention, value):
    tf = tensorflow()
    options = {"mha": {"heads": 2, "key_dim": 3}, "weighted": {}}.get(attention, {"units": 3})
    audio = {"attention": attention, "attention_options": options}
    network = small(JointTiAVC, audio=SMALL["audio"] | audio)
    inputs = batch(network)

    def gradients(inputs):
        with tf.GradientTape() as tape:
            outputs = network(inputs)
            loss = ops.sum(outputs["match"] ** 2) + ops.sum(outputs["theme"] ** 2)
        return tape.gradient(loss, network.trainable_variables)

    for clean, spoilt in zip(gradients(inputs), gradients(spoil(inputs, value)), strict=True):
        assert np.isfinite(clean).all()
        np.testing.assert_array_equal(clean, spoilt)


@pytest.mark.parametrize("kind", ON_VIDEOS)
def test_only_a_kernel_wider_than_one_sees_the_order_of_the_frames(kind):
    for kernel_size in (1, 3):
        network = small(kind, "float64", fusion=FUSION | {"kernel_size": kernel_size})
        inputs = batch(network, np.full((2, 2), (STEPS, FRAMES)))
        shuffled = inputs | {"visual": inputs["visual"][:, [2, 0, 1]]}
        distance = np.abs(answers(network, inputs) - answers(network, shuffled)).max()
        assert distance < 1e-12 if kernel_size == 1 else distance > 1e-3


@pytest.mark.parametrize(
    "arguments",
    [
        {"audio": {"attention": "adaptive"}},
        {"visual": {"normalize": "batch"}},
        {"fusion": {"theme_input": "pool"}},
        {"fusion": {"interaction": "sum"}},
        {"predicted_theme": "probability"},
    ],
    ids=str,
)
def test_unknown_variants_are_refused(arguments):
    ((part, value),) = arguments.items()
    name, wrong = next(iter(value.items())) if isinstance(value, dict) else (part, value)
    with pytest.raises(ValueError, match=f"unknown {name} '{wrong}'.*Known"):
        TiAVC(**SMALL | arguments)


# === Files and dtypes ===


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("kind", LEARNERS)
def test_reload_gives_the_same_network(kind, dtype, tmp_path):
    network = small(kind, dtype)
    inputs = batch(network)
    network.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(reloaded) is kind
    assert reloaded.get_config() == network.get_config()
    assert dtypes(reloaded) == dtypes(network)
    np.testing.assert_array_equal(answers(reloaded, inputs), answers(network, inputs))


def dtypes(network):
    """Dtypes of all layers that hold weights: `(name, compute dtype, variable dtype)`."""
    layers = {id(layer): layer for layer in network._flatten_layers() if layer.weights}
    return [
        (layer.name, layer.compute_dtype, layer.variable_dtype)
        for layer in layers.values()
        if not isinstance(layer, keras.Model)
    ]


@pytest.mark.parametrize("kind", ALL)
def test_mixed_precision_computes_in_bfloat16_up_to_the_logits(kind):
    network = small(kind, "mixed_bfloat16")
    head = {Baseline1: "fc4", Baseline2: "fc4"}.get(kind, "fc2")
    for name, compute, variable in dtypes(network):
        assert (compute, variable) == ("float32" if name == head else "bfloat16", "float32"), name
    outputs = keras.tree.flatten(network(batch(network)))
    assert {keras.backend.standardize_dtype(x.dtype) for x in outputs} == {"float32"}

    reference = small(kind, "float32")
    reference.set_weights(network.get_weights())
    inputs = batch(network)
    # bfloat16 keeps 8 bits: 0.4 % a step.
    np.testing.assert_allclose(answers(network, inputs), answers(reference, inputs), 3e-2, 3e-2)


def test_mixed_precision_may_also_be_the_global_policy():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = ThemeLearner(**SMALL)
    finally:
        keras.config.set_dtype_policy(before)
    assert network.dtype_policy.name == "mixed_bfloat16"
    assert dtypes(network) == dtypes(small(ThemeLearner, "mixed_bfloat16"))


# === Fits ===


def compiled(network):
    losses = {
        "match": keras.losses.BinaryCrossentropy(from_logits=True),
        "theme": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    }
    outputs = network.output
    if isinstance(outputs, dict):
        network.compile("adam", loss={name: losses[name] for name in outputs})
    else:
        network.compile("adam", loss=losses["theme"])
    return network


def targets(network, size):
    match = (np.arange(size) % 2)[:, None].astype("float32")
    theme = np.arange(size) % THEMES
    if isinstance(network.output, dict):
        return {n: x for n, x in {"match": match, "theme": theme}.items() if n in network.output}
    return theme


@pytest.mark.parametrize("kind", [ThemeLearner, JointTiAVC])
def test_fit_on_a_dataset_of_dicts_lowers_the_loss(kind):
    tf = tensorflow()
    network = compiled(small(kind))
    network.optimizer.learning_rate = 0.05
    inputs = batch(network, LENGTHS[:8]) | {"id": np.array([f"video{i}" for i in range(8)])}
    dataset = tf.data.Dataset.from_tensor_slices((inputs, targets(network, 8))).batch(4)
    losses = network.fit(dataset, epochs=8, shuffle=False, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


def test_foreign_keys_change_nothing_that_a_fit_learns():
    """Foreign keys must not shift the inputs, on a backend whose `fit` skips `__call__` either."""
    weights = []
    for foreign in ({}, {"a": np.ones((8, STEPS, 5)), "zz": np.ones(8)}):
        network = compiled(small(CorrespondenceLearner))
        inputs = batch(network, LENGTHS[:8])
        network.fit(foreign | inputs, targets(network, 8), shuffle=False, verbose=0)
        weights.append(network.get_weights())
    for without, with_ in zip(*weights, strict=True):
        np.testing.assert_array_equal(without, with_)


def test_a_trained_network_reloads_with_its_optimiser(tmp_path):
    network = compiled(small(CorrespondenceLearner))
    inputs = batch(network, LENGTHS[:8])
    network.fit(inputs, targets(network, 8), verbose=0)
    network.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    assert int(reloaded.optimizer.iterations) == 1
    for mine, theirs in zip(network.optimizer.variables, reloaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)
