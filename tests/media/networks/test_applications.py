"""The files of Keras Applications into networks: with the layers that classify, or without."""

from __future__ import annotations

import h5py
import keras
import numpy as np
import pytest

from kavc.errors import DataError
from kavc.media.networks.vgg19 import VGG19
from kavc.media.networks.vgg19 import load as load_vgg19
from kavc.media.networks.weights import load_applications, load_keras_weights

from ..published import draw, write_applications

SMALL = {"width": 1 / 32}
TOP = [(49 * 16, 20), (20, 20), (20, 7)]


@pytest.fixture(scope="module")
def network():
    network = VGG19(**SMALL)
    draw(network)
    return network


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(0, 50, (2, 224, 224, 3)).astype("float32")


def answers(network, images):
    found = network({"images": images})
    return {name: keras.ops.convert_to_numpy(x) for name, x in found.items()}


def test_vgg19_is_that_of_keras_applications():
    theirs = keras.applications.VGG19(weights=None, include_top=False, input_shape=(224, 224, 3))
    ours = VGG19()
    assert ours.count_params() == theirs.count_params() == 20_024_384
    weighty = [[layer for layer in each.layers if layer.weights] for each in (ours, theirs)]
    for mine, layer in zip(*weighty, strict=True):
        assert mine.name == layer.name and mine.kernel.shape == layer.kernel.shape
    draw(ours)
    theirs.set_weights(ours.get_weights())
    image = np.random.default_rng(0).normal(0, 50, (1, 224, 224, 3)).astype("float32")
    found = answers(ours, image)
    np.testing.assert_array_equal(found["map"], keras.ops.convert_to_numpy(theirs(image)))
    assert found["map"].shape == (1, 7, 7, 512) and found["map"].std() > 0
    np.testing.assert_allclose(found["embedding"], found["map"].mean((1, 2)), 1e-5, 1e-6)


@pytest.mark.parametrize("top", [TOP, []])
def test_there_and_back_with_the_top_and_without(network, images, tmp_path, top):
    path = write_applications(network, tmp_path / "vgg19.h5", top=top)
    for name, expected in answers(network, images).items():
        np.testing.assert_array_equal(answers(load_vgg19(path, **SMALL), images)[name], expected)


def test_within_a_whole_saved_model(network, tmp_path):
    write_applications(network, tmp_path / "inner.h5")
    with h5py.File(tmp_path / "inner.h5") as inner, h5py.File(tmp_path / "outer.h5", "w") as file:
        inner.copy(inner, file, "model_weights")
    again = load_vgg19(tmp_path / "outer.h5", **SMALL)
    np.testing.assert_array_equal(again.get_weights()[-2], network.get_weights()[-2])


def changed(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def test_other_weights_are_refused_in_a_line(network, tmp_path):
    def replaced(array, dtype=None):
        def change(file):
            group = file["block1_conv1"]
            del group["block1_conv1/bias:0"]
            group["block1_conv1/bias:0"] = array

        return change

    def renamed(file):
        file["block1_conv1"].attrs["weight_names"] = [b"kernel:0"]

    def unlisted(file):
        del file.attrs["layer_names"]

    cases = [
        (replaced(np.full(2, np.nan, "f4")), "'block1_conv1/bias:0' holds NaN or infinity"),
        (replaced(np.zeros(3, "f4")), r"has the shape \(3,\), \(2,\) is expected"),
        (replaced(np.array([b"a", b"b"])), "numbers are expected"),
        (renamed, r"no weights of vgg19 \(.*kernel:0"),
        (unlisted, "it lists no layers, as files of Keras Applications do"),
    ]
    for change, reason in cases:
        path = write_applications(network, tmp_path / "changed.h5")
        with pytest.raises(DataError, match=reason) as told:
            load_vgg19(changed(path, change), **SMALL)
        assert "\n" not in str(told.value) and "changed.h5" in str(told.value)


def test_files_of_other_networks_and_damaged_ones(network, tmp_path):
    path = write_applications(network, tmp_path / "more.h5", top=TOP[:2])
    with pytest.raises(DataError, match="18 layers with weights; 16 are expected, or 19 with"):
        load_vgg19(path, **SMALL)
    content = path.read_bytes()
    (tmp_path / "cut.h5").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.h5").write_bytes(b"")
    for name in ("cut.h5", "empty.h5", "missing.h5"):
        with pytest.raises(DataError, match=name) as told:
            load_vgg19(tmp_path / name, **SMALL)
        assert "\n" not in str(told.value)


def test_nan_among_weights_that_keras_loads(network, tmp_path):
    spoilt = VGG19(**SMALL)
    spoilt.get_layer("block5_conv4").bias.assign(np.full(16, np.nan))
    spoilt.save_weights(tmp_path / "spoilt.weights.h5")
    with pytest.raises(DataError, match=r"spoilt\.weights\.h5: its weights hold NaN or infinity"):
        load_keras_weights(VGG19(**SMALL), tmp_path / "spoilt.weights.h5")


def test_layers_go_by_their_order_whatever_their_names(network, tmp_path):
    """As in Inception's file, of a session that had counted layers before."""
    path = write_applications(network, tmp_path / "x.h5", rename=lambda name: f"conv_{name[::-1]}")
    again = VGG19(**SMALL)
    load_applications(again, path, top=3)
    for ours, theirs in zip(again.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
