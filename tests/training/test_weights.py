"""Weights on disk: written from memory, and loaded as they were written or not at all."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.errors import DataError
from kavc.files import DIGEST
from kavc.training.weights import load_network, load_weights, save_network, save_weights

SPOILT = 64


def make():
    network = keras.Sequential([keras.Input((16,)), keras.layers.Dense(32, name="dense")])
    network.compile("adam", "mse")
    network.optimizer.build(network.trainable_variables)
    return network


@pytest.fixture
def network():
    made = make()
    made.get_layer("dense").kernel.assign(np.random.default_rng(0).normal(size=(16, 32)))
    made.optimizer.iterations.assign(7)
    return made


def spoil(path, network):
    """Changes bytes in the middle of the data, which HDF5 doesn't notice."""
    content = bytearray(path.read_bytes())
    start = content.find(network.get_layer("dense").kernel.numpy().tobytes())
    assert start > 0
    content[start : start + SPOILT] = bytes(SPOILT)
    path.write_bytes(content)


def test_weights_and_optimizer_come_back(network, tmp_path):
    save_weights(network, tmp_path / "a.weights.h5")
    other = make()
    load_weights(other, tmp_path / "a.weights.h5")
    for a, b in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(other.optimizer.iterations.numpy()) == 7


def test_keras_itself_reads_what_is_written(network, tmp_path):
    save_weights(network, tmp_path / "a.weights.h5")
    save_network(network, tmp_path / "a.keras")
    other = make()
    other.load_weights(tmp_path / "a.weights.h5")
    whole = keras.models.load_model(tmp_path / "a.keras")
    for weights in (other.get_weights(), whole.get_weights()):
        np.testing.assert_array_equal(weights[0], network.get_weights()[0])


def test_spoilt_weights_are_not_loaded_as_others(network, tmp_path):
    path = tmp_path / "a.weights.h5"
    save_weights(network, path)
    spoil(path, network)
    make().load_weights(path)  # Keras takes them
    with pytest.raises(DataError, match=r"weights of this model \(its SHA-256 is not the one in"):
        load_weights(make(), path)


def test_a_spoilt_network_is_not_loaded_as_another(network, tmp_path):
    path = tmp_path / "a.keras"
    save_network(network, path)
    spoil(path, network)
    with pytest.raises(
        DataError, match=r"a.keras: not readable as a network of Keras \(its SHA-256 is not"
    ):
        load_network(path)


def test_files_of_an_earlier_version_have_no_digest(network, tmp_path):
    network.save_weights(tmp_path / "a.weights.h5")
    network.save(tmp_path / "a.keras")
    load_weights(make(), tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(
        load_network(tmp_path / "a.keras").get_weights()[0], network.get_weights()[0]
    )


def test_a_file_that_is_replaced_has_the_new_digest(network, tmp_path):
    path = tmp_path / "a.weights.h5"
    for _ in range(2):
        save_weights(network, path)
        load_weights(make(), path)
        network.get_layer("dense").bias.assign_add(np.ones(32))
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, f"{path.name}{DIGEST}"]


def test_what_is_missing(tmp_path):
    with pytest.raises(DataError, match=r"a.weights.h5: no such file"):
        load_weights(make(), tmp_path / "a.weights.h5")
    with pytest.raises(DataError, match=r"a.keras: no such file"):
        load_network(tmp_path / "a.keras")
