"""R(2+1)D-18: its sizes, its format, and its answers by the published code's steps in NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.errors import DataError
from kavc.media.networks.r2plus1d import R2Plus1D, load

SMALL = 1 / 16


def spread(network, seed=0):
    """Weights as after a training: no scale is 1, no mean 0."""
    draw = np.random.default_rng(seed)
    for variable in network.variables:
        kernel = len(variable.shape) > 1
        deviation = 1 / np.sqrt(np.prod(variable.shape[:-1])) if kernel else 0.2
        values = draw.normal(0 if kernel else 0.8, deviation, variable.shape)
        variable.assign(values.astype("float32") if kernel else np.abs(values).astype("float32"))
    return network


@pytest.fixture(scope="module")
def network():
    return spread(R2Plus1D(width=SMALL, classes=400))


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(1).normal(size=(2, 5, 22, 18, 3)).astype("float32")


def state(network):
    """What torchvision's state would hold: kernels with their outputs first."""
    found = {}
    for variable, name, axes in network.published():
        inverse = np.argsort(axes)
        found[name] = np.transpose(keras.ops.convert_to_numpy(variable), inverse)
        if name.endswith("running_var"):
            found[name.replace("running_var", "num_batches_tracked")] = np.int64(7)
    return found


def answers(network, frames):
    found = network({"frames": frames}, training=False)
    return {name: keras.ops.convert_to_numpy(x) for name, x in found.items()}


def convolved(x, kernel, stride, padding):
    """PyTorch's 3-D convolution: x (channels, T, H, W), kernel (outputs, channels, t, h, w)."""
    x = np.pad(x, [(0, 0), *((each, each) for each in padding)])
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[2:], (1, 2, 3))
    windows = windows[:, :: stride[0], :: stride[1], :: stride[2]]
    return np.einsum("ithwabc,oiabc->othw", windows, kernel, optimize=True)


class Published:
    """The forward pass of torchvision's code, for one clip, on the arrays of its state."""

    def __init__(self, arrays):
        self.arrays = arrays

    def norm(self, x, name):
        weight, bias, mean, variance = (
            self.arrays[f"{name}.{each}"][:, None, None, None]
            for each in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias

    def conv(self, x, name, stride, padding):
        return convolved(x, self.arrays[f"{name}.weight"], stride, padding)

    def two_plus_one(self, x, name, stride):
        x = self.conv(x, f"{name}.0", (1, stride, stride), (0, 1, 1))
        x = np.maximum(self.norm(x, f"{name}.1"), 0)
        return self.conv(x, f"{name}.3", (stride, 1, 1), (1, 0, 0))

    def block(self, x, name, stride):
        rest = x
        if f"{name}.downsample.0.weight" in self.arrays:
            rest = self.conv(x, f"{name}.downsample.0", (stride,) * 3, (0, 0, 0))
            rest = self.norm(rest, f"{name}.downsample.1")
        x = self.two_plus_one(x, f"{name}.conv1.0", stride)
        x = np.maximum(self.norm(x, f"{name}.conv1.1"), 0)
        x = self.norm(self.two_plus_one(x, f"{name}.conv2.0", 1), f"{name}.conv2.1")
        return np.maximum(x + rest, 0)

    def __call__(self, clip):
        x = self.conv(clip.transpose(3, 0, 1, 2).astype(float), "stem.0", (1, 2, 2), (0, 3, 3))
        x = self.conv(np.maximum(self.norm(x, "stem.1"), 0), "stem.3", (1, 1, 1), (1, 0, 0))
        x = np.maximum(self.norm(x, "stem.4"), 0)
        for layer in range(1, 5):
            for block in range(2):
                x = self.block(x, f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1)
        pooled = x.mean((1, 2, 3))
        return pooled, self.arrays["fc.weight"] @ pooled + self.arrays["fc.bias"]


def test_parameters_and_names():
    network = R2Plus1D()
    trained = sum(int(np.prod(each.shape)) for each in network.trainable_variables)
    assert trained == 31_505_325
    names = {name: variable.shape for variable, name, _ in network.published()}
    assert len(names) == len(network.variables) == 37 + 37 * 4 + 2
    assert names["stem.0.weight"] == (1, 7, 7, 3, 45)
    # Between the convolutions are as many channels for both of a block.
    assert names["layer2.0.conv1.0.0.weight"] == (1, 3, 3, 64, 230)
    assert names["layer2.0.conv2.0.0.weight"] == (1, 3, 3, 128, 230)
    assert names["layer2.1.conv2.0.3.weight"] == (3, 1, 1, 288, 128)
    assert names["layer4.0.downsample.1.running_var"] == (512,)
    assert names["fc.weight"] == (512, 400)


def test_it_answers_as_the_published_code(network, frames):
    published = Published(state(network))
    found = answers(network, frames)
    for clip, embedding, logits in zip(frames, found["embedding"], found["logits"], strict=True):
        expected, scores = published(clip)
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(embedding, expected, 1e-4, 1e-4)
        np.testing.assert_allclose(logits, scores, 1e-4, 1e-4)


def test_round_its_config(network):
    assert R2Plus1D.from_config(network.get_config()).get_config() == network.get_config()


def test_there_and_back_by_its_format(network, frames, tmp_path):
    np.savez(tmp_path / "r2plus1d_18.npz", **state(network))
    again = load(tmp_path / "r2plus1d_18.npz", width=SMALL)
    for name, expected in answers(network, frames).items():
        np.testing.assert_array_equal(answers(again, frames)[name], expected)


def test_other_weights_are_refused(network, tmp_path):
    arrays = state(network)
    np.savez(tmp_path / "wide.npz", **arrays | {"fc.bias": np.zeros(3, "float32")})
    with pytest.raises(DataError, match=r"'fc.bias' has the shape \(3,\), \(400,\) is expected"):
        load(tmp_path / "wide.npz", width=SMALL)
    del arrays["layer3.1.conv2.1.running_mean"]
    np.savez(tmp_path / "less.npz", **arrays)
    with pytest.raises(DataError, match=r"no array 'layer3\.1\.conv2\.1\.running_mean'.*torch"):
        load(tmp_path / "less.npz", width=SMALL)
    (tmp_path / "r2plus1d_18-91a641e6.pth").write_bytes(b"PK\3\4")
    with pytest.raises(DataError, match=r"never read; make an \.npz of it.*weights_only=True"):
        load(tmp_path / "r2plus1d_18-91a641e6.pth")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(DataError, match=r"text\.npz"):
        load(tmp_path / "text.npz")
