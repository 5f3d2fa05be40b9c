"""VGGish's network and its published formats, and the bytes that it ends in."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import DataError
from kavc.media.networks.vggish import (
    PCA,
    VGGish,
    dequantised,
    load_checkpoint,
    load_keras,
    load_npz,
    published_names,
)

SMALL = {"width": 1 / 64}


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return VGGish(**SMALL)


@pytest.fixture(scope="module")
def patches():
    return np.random.default_rng(0).normal(size=(3, 96, 64)).astype("float32")


def embedded(network, patches):
    return keras.ops.convert_to_numpy(network({"patches": patches})["embedding"])


def published_arrays(network):
    return {
        f"{there}/{of}": keras.ops.convert_to_numpy(variable)
        for layer, there in published_names().items()
        for of, variable in zip(
            ("weights", "biases"), network.get_layer(layer).weights, strict=True
        )
    }


def test_parameters_and_layers():
    network = VGGish()
    assert network.count_params() == 72_141_184
    kernels = {layer: network.get_layer(layer).kernel.shape for layer in published_names()}
    assert kernels["conv4_2"] == (3, 3, 512, 512)
    assert kernels["fc1_1"] == (6 * 4 * 512, 4096)
    assert kernels["fc2"] == (4096, 128)


def test_the_order_in_which_it_is_flattened(network):
    """Time, mel, channel: a copy of other axes would need its first dense layer turned."""
    at = [layer.name for layer in network.layers].index("flatten")
    assert network.layers[at - 1].output.shape[1:3] == (6, 4)


def test_the_last_relu_is_all_that_tells_both_outputs(network, patches):
    rectified = VGGish(relu=True, **SMALL)
    rectified.set_weights(network.get_weights())
    found = embedded(network, patches)
    assert (found < 0).any()
    np.testing.assert_allclose(embedded(rectified, patches), np.maximum(found, 0), 1e-6)


def test_round_its_config(network):
    again = VGGish.from_config(network.get_config())
    assert again.get_config() == network.get_config()


@pytest.mark.parametrize("kind", ["checkpoint", "npz", "keras"])
def test_there_and_back_by_each_format(network, patches, tmp_path, kind):
    arrays = published_arrays(network)
    if kind == "checkpoint":
        variables = {name: tf.Variable(array) for name, array in arrays.items()}
        path = tf.compat.v1.train.Saver(variables).save(None, str(tmp_path / "vggish_model.ckpt"))
        again = load_checkpoint(path, **SMALL)
    elif kind == "npz":
        np.savez(tmp_path / "vggish.npz", **arrays)
        again = load_npz(tmp_path / "vggish.npz", **SMALL)
    else:
        network.save_weights(tmp_path / "vggish.weights.h5")
        again = load_keras(tmp_path / "vggish.weights.h5", **SMALL)
    np.testing.assert_array_equal(embedded(again, patches), embedded(network, patches))


def test_other_weights_are_refused(network, tmp_path):
    arrays = published_arrays(network)
    wide = arrays | {"vggish/fc2/biases": np.zeros(3, "float32")}
    np.savez(tmp_path / "wide.npz", **wide)
    with pytest.raises(DataError, match=r"'vggish/fc2/biases' has the shape \(3,\), \(128,\)"):
        load_npz(tmp_path / "wide.npz", **SMALL)
    np.savez(tmp_path / "nan.npz", **arrays | {"vggish/fc2/biases": np.full(128, np.nan, "f4")})
    with pytest.raises(DataError, match="NaN or infinity"):
        load_npz(tmp_path / "nan.npz", **SMALL)
    del arrays["vggish/conv2/weights"]
    np.savez(tmp_path / "less.npz", **arrays)
    with pytest.raises(DataError, match="no array 'vggish/conv2/weights'"):
        load_npz(tmp_path / "less.npz", **SMALL)
    with pytest.raises(DataError, match="no checkpoint of TensorFlow"):
        load_checkpoint(tmp_path / "less.npz", **SMALL)
    with pytest.raises(DataError, match=r"less\.npz"):
        load_keras(tmp_path / "less.npz", **SMALL)


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "vggish_frontend.npz") as arrays:
        return {name: arrays[name] for name in arrays.files if name.startswith("post/")}


@pytest.fixture(scope="module")
def pca(shared):
    return PCA(shared / "data" / "weights" / "vggish_pca_params.npz")


def test_the_published_bytes(golden, pca):
    embeddings = golden["post/embeddings"]
    np.testing.assert_allclose(pca.components(embeddings), golden["post/pca_float"], 0, 1e-5)
    np.testing.assert_array_equal(pca.quantised(embeddings), golden["post/uint8"])
    rounded = pca.quantised(embeddings, rounded=True)
    np.testing.assert_array_equal(rounded, golden["post/rounded_variant"])
    found = dequantised(golden["post/uint8"])
    np.testing.assert_allclose(found, golden["post/yt8m_dequantised"], 0, 1e-6)


def test_quantisation_of_a_pca_that_is_at_hand(tmp_path):
    np.savez(tmp_path / "pca.npz", pca_eigen_vectors=np.eye(128), pca_means=np.full((128, 1), 0.5))
    pca = PCA(tmp_path / "pca.npz")
    ends = np.stack([np.full(128, x) for x in (-9.0, 0.5, 9.0)])
    np.testing.assert_array_equal(pca.quantised(ends)[:, 0], [0, 127, 255])
    np.testing.assert_allclose(dequantised(np.array([0, 127, 255])), [-1.992, 0, 2.008], 0, 1e-3)
    np.savez(tmp_path / "narrow.npz", pca_eigen_vectors=np.eye(3), pca_means=np.zeros(3))
    with pytest.raises(DataError, match=r"'pca_eigen_vectors' has the shape \(3, 3\)"):
        PCA(tmp_path / "narrow.npz")
    np.savez(tmp_path / "none.npz", x=np.zeros(3))
    with pytest.raises(DataError, match="no array 'pca_eigen_vectors'"):
        PCA(tmp_path / "none.npz")
