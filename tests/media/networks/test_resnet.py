"""The two families of ResNets: torchvision's against NumPy, Keras Applications' by its format."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.errors import DataError
from kavc.media.networks.resnet import EPSILON, ResNet, load_keras, load_torchvision, published

from ..published import draw, state_dict

SMALL = {"depth": 26, "width": 1 / 16}


@pytest.fixture(scope="module")
def network():
    network = ResNet(**SMALL, classes=10)
    draw(network)
    return network


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(2, 224, 224, 3)).astype("float32")


def answers(network, images):
    found = network({"images": images}, training=False)
    return {name: keras.ops.convert_to_numpy(x) for name, x in found.items()}


@pytest.mark.parametrize(
    ("depth", "parameters"), [(50, 25_557_032), (101, 44_549_160), (152, 60_192_808)]
)
def test_parameters_as_published(depth, parameters):
    network = ResNet(depth=depth)
    assert sum(int(np.prod(each.shape)) for each in network.trainable_weights) == parameters
    blocks = {name.rpartition(".conv1")[0] for name, _ in published(network)} - {""}
    assert len(blocks) == (depth - 2) // 3


def test_stages(network):
    shapes = [network.get_layer(f"layer{stage}_1_relu3").output.shape for stage in (1, 2, 3, 4)]
    assert shapes == [(None, side, side, wide) for side, wide in
                      ((56, 16), (28, 32), (14, 64), (7, 128))]  # fmt: skip
    assert network.get_layer("maxpool").output.shape == (None, 56, 56, 4)
    names = dict(published(network))
    assert names["layer2.0.downsample.0.weight"].shape == (1, 1, 16, 32)
    assert names["layer4.1.bn3.running_var"].shape == (128,)


def test_it_strides_in_the_3_x_3(network):
    strides = [network.get_layer(f"layer2_0_conv{number}").strides for number in (1, 2, 3)]
    assert strides == [(1, 1), (2, 2), (1, 1)]


def convolved(x, kernel, stride, pad):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    size = kernel.shape[-1]
    seen = np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))
    return np.einsum("nchwij,ocij->nohw", seen[:, :, ::stride, ::stride], kernel, optimize=True)


def torch_forward(arrays, x):
    """torchvision's forward pass in float64, from its arrays alone; images are (n, 3, h, w)."""

    def normalised(x, conv, norm, stride=1, pad=0):
        x = convolved(x, np.float64(arrays[f"{conv}.weight"]), stride, pad)
        weight, bias, mean, var = (
            np.float64(arrays[f"{norm}.{kind}"])[:, None, None]
            for kind in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(var + 1e-5) * weight + bias

    x = np.maximum(normalised(x, "conv1", "bn1", 2, 3), 0)
    x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    seen = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
    x = seen[:, :, ::2, ::2].max((-1, -2))
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = np.maximum(normalised(x, f"{name}.conv1", f"{name}.bn1"), 0)
            y = np.maximum(normalised(y, f"{name}.conv2", f"{name}.bn2", stride, 1), 0)
            y = normalised(y, f"{name}.conv3", f"{name}.bn3")
            if block == 0:
                x = normalised(x, f"{name}.downsample.0", f"{name}.downsample.1", stride)
            x = np.maximum(x + y, 0)
    embedding = x.mean((2, 3))
    return embedding, embedding @ np.float64(arrays["fc.weight"]).T + arrays["fc.bias"]


def test_it_computes_what_torchvision_does(network, images):
    assert EPSILON == 1e-5
    embedding, scores = torch_forward(state_dict(published(network)), images.transpose(0, 3, 1, 2))
    found = answers(network, images)
    assert embedding.std() > 0.05 and np.abs(embedding[0] - embedding[1]).max() > 1e-3
    # float32 through 26 layers
    np.testing.assert_allclose(found["embedding"], embedding, 1e-4, 1e-4 * embedding.max())
    np.testing.assert_allclose(found["scores"], scores, 1e-3, 1e-4 * np.abs(scores).max())


def test_there_and_back_by_npz(network, images, tmp_path):
    np.savez(tmp_path / "resnet.npz", **state_dict(published(network)))
    again = load_torchvision(tmp_path / "resnet.npz", classes=10, **SMALL)
    for name, expected in answers(network, images).items():
        np.testing.assert_array_equal(answers(again, images)[name], expected)
    assert ResNet.from_config(again.get_config()).get_config() == again.get_config()


def test_half_precision(network, images):
    half = ResNet(**SMALL, classes=10, dtype="mixed_float16")
    half.set_weights(network.get_weights())
    expected, found = answers(network, images)["embedding"], answers(half, images)["embedding"]
    assert half.get_layer("layer1_0_conv1").compute_dtype == "float16"
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, 0.02, 0.02 * expected.max())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fc.bias": None}, "no array 'fc.bias', where torchvision's ResNet-26 has 147"),
        ({"layer3.2.conv1.weight": np.ones(3)}, "an odd one, 'layer3.2.conv1.weight'"),
        ({"conv1.weight": np.ones((4, 3, 3, 3))}, r"'conv1.weight' has the shape \(3, 3, 3, 4\)"),
        ({"bn1.bias": np.full(4, np.nan)}, "'bn1.bias' holds NaN or infinity"),
        ({"bn1.bias": np.full(4, "x")}, "'bn1.bias' holds <U1; numbers are expected"),
    ],
)
def test_other_arrays_are_refused(network, tmp_path, change, reason):
    arrays = {**state_dict(published(network)), **change}
    kept = {name: array for name, array in arrays.items() if array is not None}
    np.savez(tmp_path / "resnet.npz", **kept)
    with pytest.raises(DataError, match=reason) as told:
        load_torchvision(tmp_path / "resnet.npz", classes=10, **SMALL)
    assert "\n" not in str(told.value)


def test_a_deeper_networks_file_is_not_taken_for_a_shallower_one(tmp_path):
    deeper = state_dict(published(ResNet(depth=50, width=1 / 64, classes=2)))
    np.savez(tmp_path / "resnet50.npz", **deeper)
    with pytest.raises(DataError, match=r"an odd one, 'layer1\.2\.bn1\.bias'"):
        load_torchvision(tmp_path / "resnet50.npz", depth=26, width=1 / 64, classes=2)


def test_files_that_are_none(network, tmp_path):
    np.savez(tmp_path / "whole.npz", **state_dict(published(network)))
    content = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"cut\.npz"):
        load_torchvision(tmp_path / "cut.npz", depth=50)
    with pytest.raises(DataError, match=r"pickles are not; make it by np\.savez\(.*state_dict\(\)"):
        load_torchvision(tmp_path / "resnet50-0676ba61.pth", depth=50)
    with pytest.raises(DataError, match="weights_of=torchvision"):
        load_keras(tmp_path / "whole.npz", depth=50)
