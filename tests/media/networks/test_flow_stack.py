"""ResNet-50 whose first convolution takes 20 channels of motion."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.media.networks.flow_stack import FIRST, inflated, load


def convolved(images, kernel):
    found = keras.ops.conv(images.astype("f4"), kernel, strides=2, padding="valid")
    return keras.ops.convert_to_numpy(found)


@pytest.fixture(scope="module")
def kernel():
    return np.random.default_rng(0).normal(size=(7, 7, 3, 8)).astype("f4")


@pytest.fixture(scope="module")
def grey():
    return np.random.default_rng(1).normal(size=(1, 21, 23, 1))


def test_equal_channels_answer_as_a_grey_image(kernel, grey):
    """What `rescale` is for."""
    expected = convolved(np.repeat(grey, 3, -1), kernel)
    stack = np.repeat(grey, 20, -1)
    rescaled = inflated(kernel, rescale=True)
    assert rescaled.shape == (7, 7, 20, 8) and rescaled.dtype == np.float32
    # Answers of up to 40, sums of 147 against 980 terms in float32.
    np.testing.assert_allclose(convolved(stack, rescaled), expected, 0, 1e-3)
    # Without it the answer is larger, by as much as there are more channels.
    np.testing.assert_allclose(
        convolved(stack, inflated(kernel)) * (3 / 20), expected, 0, 1e-3
    )  # fmt: skip


def test_what_the_channels_are(kernel):
    mean, tiled = inflated(kernel), inflated(kernel, how="tiled")
    for channel in range(20):
        np.testing.assert_allclose(mean[:, :, channel], kernel.mean(2), 0, 1e-6)
        np.testing.assert_array_equal(tiled[:, :, channel], kernel[:, :, channel % 3])
    np.testing.assert_allclose(inflated(kernel, how="tiled", rescale=True), tiled * 0.15, 1e-6)
    with pytest.raises(ConfigError, match="mean or tiled; not 'first'"):
        inflated(kernel, how="first")


def written_as_published(network, path):
    """Keras' former HDF5: a group a layer, whose names the file and each group list."""
    import h5py

    with h5py.File(path, "w") as file:
        for layer in network.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{each.name}:0" for each in layer.weights]
            for name, weight in zip(names, layer.weights, strict=True):
                group[name] = weight.numpy()
            group.attrs["weight_names"] = [name.encode() for name in names]
        file.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
        file.attrs.update({"backend": b"tensorflow", "keras_version": b"2.2.4"})


@pytest.mark.parametrize("top", [False, True])
def test_there_by_each_published_file(tmp_path, top):
    keras.utils.set_random_seed(1)
    images = keras.applications.ResNet50(weights=None, include_top=top)
    images.get_layer(FIRST).bias.assign(np.arange(64))
    written_as_published(images, tmp_path / "resnet50.h5")
    network = load(tmp_path / "resnet50.h5", how="tiled")
    assert network.output["embedding"].shape == (None, 2048)
    for layer in network.layers:
        ours, theirs = layer.get_weights(), []
        if layer.weights:
            theirs = images.get_layer(layer.name).get_weights()
        if layer.name == FIRST:
            theirs[0] = inflated(theirs[0], how="tiled")
        for mine, given in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(mine, given)


def test_other_files_are_refused(tmp_path):
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    written_as_published(other, tmp_path / "other.h5")
    with pytest.raises(DataError, match=r"other\.h5: no weights of resnet_50") as caught:
        load(tmp_path / "other.h5")
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"none\.h5: no such file"):
        load(tmp_path / "none.h5")
