"""Networks as parts of larger ones: the rows of the extractors, and what of them is trained."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ConfigError, DataError
from kavc.extraction.weights import WeightFiles
from kavc.media.backbone_weights import weights_of
from kavc.media.extractors.mobilenet_v2 import MobileNetV2
from kavc.media.extractors.raw import FlowFields, LogMelPatches, Pixels
from kavc.media.extractors.resnet import ResNet50
from kavc.media.extractors.resnet_50_flow import ResNet50Flow
from kavc.media.extractors.vggish import VGGish
from kavc.media.networks import mobilenet_v2, vggish
from kavc.media.networks.backbones import backbone, load_backbone_weights, train_from
from kavc.media.networks.flow_stack import FIRST
from kavc.media.networks.kinds import KINDS, taken_by, width_of

from ..published import draw, write_applications

FLOAT32 = 1e-4  # relative to the largest: other fusions of ops


def close(found, expected):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, 0, FLOAT32 * np.abs(expected).max())


@pytest.fixture(scope="module")
def resnet_file(tmp_path_factory):
    """Random weights as Keras publishes ResNet-50, in the file that has no top."""
    network = keras.applications.ResNet50(weights=None, include_top=False)
    draw(network)
    folder = tmp_path_factory.mktemp("resnet")
    name = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    return write_applications(network, folder / name)


@pytest.fixture(scope="module")
def of_images(resnet_file):
    network = backbone("resnet-50", shape=(224, 224, 3))
    load_backbone_weights(network, "resnet-50", {"resnet-50-keras": resnet_file})
    return network


@pytest.fixture(scope="module")
def of_stacks(resnet_file):
    network = backbone("resnet-50", shape=(224, 224, 20))
    load_backbone_weights(network, "resnet-50", {"resnet-50-keras": resnet_file})
    return network


def test_mobilenet_gives_the_rows_of_its_extractor(tmp_path):
    whole = mobilenet_v2.mobilenet_v2()
    draw(whole)
    files = {"mobilenet-v2": write_applications(whole, tmp_path / "mobilenet_v2_1.0_224.h5")}
    network = backbone("mobilenet-v2", shape=(224, 224, 3))
    load_backbone_weights(network, "mobilenet-v2", files)
    images = np.random.default_rng(0).integers(0, 256, (2, 1, 224, 224, 3), dtype=np.uint8)
    close(network(Pixels().load({})(images)).numpy(), MobileNetV2().load(files)(images))
    small = backbone("mobilenet-v2", shape=(64, 48, 3))
    load_backbone_weights(small, "mobilenet-v2", files)
    assert small(images[:, 0, :64, :48]).shape == (2, 1280)
    other = {"mobilenet-v2": tmp_path / "gone.h5"}
    with pytest.raises(DataError, match="no such file"):
        load_backbone_weights(small, "mobilenet-v2", other)


def test_resnet_gives_the_rows_of_its_extractor(of_images, resnet_file):
    images = np.random.default_rng(0).integers(0, 256, (1, 1, 224, 224, 3), dtype=np.uint8)
    extractor = ResNet50(weights_of="keras").load({"resnet-50-keras": resnet_file})
    close(of_images(Pixels().load({})(images)).numpy(), extractor(images))


def test_resnet_gives_the_rows_of_flow(of_stacks, resnet_file):
    fields = np.random.default_rng(0).normal(0, 8, (1, 10, 224, 224, 2)).astype("f4")
    recipe = ResNet50Flow(rescale=True)
    extractor = recipe.load({"resnet-50-keras": resnet_file})
    close(of_stacks(FlowFields().load({})(fields)).numpy(), extractor(fields))


def test_equal_channels_answer_as_a_grey_picture(of_images, of_stacks):
    """With `rescale`, in the networks themselves: a picture less its mean, and a stack of 20."""
    grey = np.random.default_rng(1).normal(0, 60, (1, 224, 224, 1)).astype("f4")
    found = []
    for network, channels in ((of_images, 3), (of_stacks, 20)):
        before, first = (network.get_layer(name) for name in ("conv1_pad", FIRST))
        found.append(first(before(np.repeat(grey, channels, -1))).numpy())
    assert np.abs(found[0]).max() > 10
    close(found[1], found[0])


def test_vggish_gives_the_rows_of_its_extractor(tmp_path, monkeypatch):
    small = functools.partial(vggish.VGGish, width=1 / 16)
    monkeypatch.setattr(vggish, "VGGish", small)
    network = small(relu=True)
    draw(network)
    arrays = {
        f"{there}/{of}": weight.numpy()
        for layer, there in vggish.published_names().items()
        for of, weight in zip(("weights", "biases"), network.get_layer(layer).weights, strict=True)
    }
    np.savez(tmp_path / "vggish.npz", **arrays)
    network.save_weights(tmp_path / "vggish.weights.h5")
    wave = np.random.default_rng(0).normal(0, 0.1, (3, 15_600)).astype("f4")
    expected = VGGish().load({"vggish": tmp_path / "vggish.npz"})(wave)
    patches = LogMelPatches().load({})(wave)
    for name in ("vggish.npz", "vggish.weights.h5"):
        part = backbone("vggish", shape=(96, 64))
        load_backbone_weights(part, "vggish", {"vggish": tmp_path / name})
        close(part(patches).numpy(), expected)


@pytest.mark.parametrize("shape", [(16, 16, 3), (32, 32, 20), (96, 64)])
def test_tiny_takes_all_of_them(shape):
    network = backbone("tiny", shape=shape, dim=9, called="seen", dtype="mixed_bfloat16")
    rows = np.random.default_rng(0).uniform(-100, 100, (2, *shape)).astype("f4")
    found = network(rows)
    assert network.name == "seen" and found.shape == (2, 9) and found.dtype == tf.float32
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    again.set_weights(network.get_weights())
    np.testing.assert_array_equal(again(rows).numpy(), found.numpy())
    assert not weights_of("tiny")
    with pytest.raises(ConfigError, match="backbone tiny: no weights were published"):
        load_backbone_weights(network, "tiny", {})


def test_half_precision_is_of_the_network_alone():
    network = backbone("mobilenet-v2", shape=(32, 32, 3), dtype="mixed_bfloat16")
    assert network.get_layer("Conv1").compute_dtype == "bfloat16"
    assert network.get_layer("scaled").compute_dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    assert again.get_layer("Conv1").compute_dtype == "bfloat16"


def test_caffe_is_serialised(of_images):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(of_images))
    given = np.full((1, 2, 2, 3), [1.0, 2.0, 3.0], "f4")
    found = again.get_layer("scaled")(given).numpy()[0, 0, 0]
    np.testing.assert_allclose(found, [3 - 103.939, 2 - 116.779, 1 - 123.68], 0, 1e-4)


def trained(network):
    return [layer.name for layer in network.layers if layer.weights and layer.trainable]


def test_training_begins_at_a_layer():
    network = backbone("tiny", shape=(16, 16, 3))
    layers = ["conv1", "conv2", "conv3", "conv4", "embedding"]
    assert trained(network) == layers
    train_from(network, "conv3")
    assert trained(network) == layers[2:]
    train_from(network, "none")
    assert trained(network) == [] == network.trainable_weights
    train_from(network, "all")
    assert trained(network) == layers
    with pytest.raises(ConfigError, match="tiny: unknown layer 'conv33'; did you mean 'conv3'"):
        train_from(network, "conv33")
    assert trained(network) == layers


@pytest.mark.parametrize("norms", [True, False])
def test_frozen_batch_normalisation_keeps_its_statistics(norms):
    keras.utils.set_random_seed(0)
    network = backbone("mobilenet-v2", shape=(32, 32, 3))
    draw(network)
    train_from(network, "block_16_project", norms=norms)
    before = {each.path: each.numpy() for each in network.weights}
    given = keras.Input((32, 32, 3))
    whole = keras.Model(given, keras.layers.Dense(1)(network(given)))
    whole.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    rows = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype("f4")
    whole.train_on_batch(rows, np.ones((4, 1), "f4"))
    changed = {each.path.split("/")[-2] for each in network.weights
               if not np.array_equal(each.numpy(), before[each.path])}  # fmt: skip
    expected = {"block_16_project", "Conv_1"}
    assert changed == expected | ({"block_16_project_BN", "Conv_1_bn"} if norms else set())


def test_rows_that_a_network_does_not_take():
    assert [taken_by("resnet-50", (64, 64, n)) for n in (3, 20)] == ["images", "stacks"]
    assert taken_by("tiny", (96, 64)) == "patches"
    for name, shape, words in (
        ("vggish", (64, 64, 3), r"log-mel patches \(96, 64\) of `log-mel`; not rows of 64 x 64 x"),
        ("mobilenet-v2", (64, 64, 20), "of `pixels`, with sides of 32 at least; not rows of 64 x"),
        ("resnet-50", (31, 64, 3), "or stacks of flow .* of `flow-fields`, with sides of 32"),
        ("tiny", (1280,), "not rows of 1280"),
        ("tiny", (32, 64, 3), "images as wide as high"),
    ):
        with pytest.raises(ConfigError, match=f"^backbone {name} takes .*{words}"):
            backbone(name, shape=shape)
    with pytest.raises(ConfigError, match="unknown backbone 'resnet-5'; did you mean 'resnet-50'"):
        backbone("resnet-5", shape=(64, 64, 3))
    assert {name: width_of(name, 8) for name in KINDS} == {
        "mobilenet-v2": 1280, "resnet-50": 2048, "tiny": 8, "vggish": 128,
    }  # fmt: skip


def test_weights_are_found_as_those_of_extractors(resnet_file, tmp_path, monkeypatch):
    monkeypatch.setenv("KAVC_WEIGHTS", str(resnet_file.parent))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    files = WeightFiles.parse()
    found = files.needed(weights_of("resnet-50"), "resnet-50")
    assert found == {"resnet-50-keras": resnet_file}
    line = "vggish: no weights 'vggish'; give --weights vggish=PATH, or put vggish_model.ckpt"
    with pytest.raises(ConfigError, match=line):
        files.needed(weights_of("vggish"), "vggish")
    with pytest.raises(ConfigError, match="unknown backbone 'vgish'"):
        weights_of("vgish")
