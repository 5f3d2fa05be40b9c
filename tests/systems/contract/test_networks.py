"""What holds for every network that a system builds: files, masks, dtypes, backends."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from contract.inputs import (
    LENGTH,
    answers,
    assert_close,
    assert_equal,
    draw,
    fields_of,
    longer,
    sequences,
    spoilt,
)
from contract.systems import FOLDER, NETWORKS

from kavc.layers.network import Network

ROWS = 6
FLOAT32 = 1e-5  # of the largest entry: sums in another order
POLICIES = {
    # Of the largest entry: 8 bits and 11 are kept at each step.
    "mixed_bfloat16": ("float32", 0.1),
    "mixed_float16": ("float32", 0.02),
    "float64": ("float64", FLOAT32),
}


@pytest.fixture(scope="module")
def network(variant):
    return variant.network()


@pytest.fixture(scope="module")
def inputs(network):
    return draw(fields_of(network), ROWS, {})


@pytest.fixture(scope="module")
def expected(network, inputs):
    return answers(network, inputs)


def test_it_answers_with_numbers_that_differ_from_row_to_row(expected):
    for name, value in expected.items():
        assert value.shape[0] == ROWS and value.dtype == np.float32, name
        assert np.isfinite(value).all(), name
        assert len(np.unique(value.reshape(ROWS, -1), axis=0)) == ROWS, name


def test_inputs_are_taken_by_name_and_foreign_ones_left(network, inputs, expected):
    foreign = {"a": np.ones((ROWS, 2)), "zz": np.ones(ROWS)}
    assert_equal(answers(network, foreign | inputs), expected)
    for name in {name for name in inputs if not name.endswith(LENGTH)}:
        rest = {other: value for other, value in inputs.items() if other != name}
        with pytest.raises(ValueError, match=f"input '{name}' is missing"):
            network(rest)


# === Files ===


def as_json(layer):
    return json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))


def test_it_and_its_layers_are_made_again_from_their_configs(network):
    assert isinstance(network, Network)
    layers = {id(layer): layer for layer in network._flatten_layers()}.values()
    for layer in layers:
        config = as_json(layer)
        again = keras.saving.deserialize_keras_object(config)
        assert type(again) is type(layer) and again.name == layer.name
        assert [each.shape for each in again.weights] == [each.shape for each in layer.weights]
        if not isinstance(layer, keras.Model):  # Keras lists a graph's inputs in other brackets
            assert as_json(again) == config


def test_a_reloaded_network_gives_the_same_bits(network, inputs, expected, tmp_path):
    network.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(reloaded) is type(network)
    assert reloaded.get_config() == network.get_config()
    assert_equal(answers(reloaded, inputs), expected)


# === Masks ===


@pytest.mark.parametrize("value", [np.nan, 1e30])
def test_what_lies_in_the_padding_changes_no_answer(network, inputs, expected, value):
    assert_equal(answers(network, spoilt(inputs, value)), expected)


def test_more_padding_changes_no_answer(network, inputs, expected):
    padded = longer(inputs, fields_of(network))
    assert_close(answers(network, padded), expected, FLOAT32)


def test_a_row_alone_gets_the_answer_that_it_gets_in_a_batch(network, inputs, expected):
    for row in range(ROWS):
        alone = {name: value[row : row + 1] for name, value in inputs.items()}
        found = {name: value[row : row + 1] for name, value in expected.items()}
        assert_close(answers(network, alone), found, FLOAT32)


def test_nothing_valid_is_an_answer_like_any_other(network, inputs):
    for name in sequences(inputs):
        none = inputs | {name + LENGTH: np.zeros(ROWS, "int32")}
        for value in answers(network, spoilt(none, np.nan)).values():
            assert np.isfinite(value).all(), name


# === Dtypes and backends ===


@pytest.mark.parametrize("policy", POLICIES)
def test_other_dtypes(network, inputs, expected, policy):
    dtype, tolerance = POLICIES[policy]
    other = type(network).from_config(network.get_config() | {"dtype": policy})
    other.set_weights(network.get_weights())
    assert other.dtype_policy.name == policy
    computed = {layer.compute_dtype for layer in other._flatten_layers() if layer.weights}
    assert other.compute_dtype in computed
    found = answers(other, inputs)
    assert {value.dtype.name for value in found.values()} == {dtype}
    assert_close(found, expected, tolerance)


@pytest.mark.slow  # Half a minute: XLA compiles every shape.
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_jax_answers_as_tensorflow_does(case_of, tmp_path):
    """All in one process, which reads the files that TensorFlow wrote."""
    expected, modules = {}, set()
    for number, key in enumerate(NETWORKS):
        network = case_of(*key).network()
        inputs = draw(fields_of(network), ROWS, {})
        network.save(tmp_path / f"{number}.keras")
        np.savez(tmp_path / f"{number}.npz", **inputs)
        expected[f"{number}-answers.npz"] = answers(network, inputs)
        modules.add(type(network).__module__)
    run_on_jax(tmp_path, modules)
    for file, value in expected.items():
        with np.load(tmp_path / file, allow_pickle=False) as found:
            assert_close(dict(found), value, FLOAT32)


def run_on_jax(folder, modules):
    script = Path(__file__).with_name("on_jax.py")
    paths = os.pathsep.join(filter(None, [str(FOLDER), os.environ.get("PYTHONPATH")]))
    settings = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, script, folder, *modules],
        env=os.environ | settings,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
