"""I3D: its sizes, its published formats, and its answers by TensorFlow's ops on these."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ConfigError, DataError
from kavc.media.networks.i3d import BLOCKS, I3D, load, load_checkpoint, units

SMALL = {"width": 1 / 16}
# Of the paper's figure and the published code: branch 0 | branch 1 | branch 2 | pool's branch.
MIXED = {
    "3b": "64|96,128|16,32|32", "3c": "128|128,192|32,96|64",
    "4b": "192|96,208|16,48|64", "4c": "160|112,224|24,64|64", "4d": "128|128,256|24,64|64",
    "4e": "112|144,288|32,64|64", "4f": "256|160,320|32,128|128",
    "5b": "256|160,320|32,128|128", "5c": "384|192,384|48,128|128",
}  # fmt: skip


def spread(network, seed=0):
    draw = np.random.default_rng(seed)
    for variable in network.variables:
        kernel = len(variable.shape) > 1
        deviation = 1.4 / np.sqrt(np.prod(variable.shape[:-1])) if kernel else 0.1
        values = draw.normal(0, deviation, variable.shape)
        if variable.name == "moving_variance":
            values = 0.5 + np.abs(values)
        variable.assign(values.astype("float32"))
    return network


@pytest.fixture(scope="module", params=["rgb", "flow"])
def network(request):
    return spread(I3D(kind=request.param, **SMALL))


def frames_of(network, count=10):
    channels = network.input["frames"].shape[-1]
    return np.random.default_rng(1).uniform(-1, 1, (1, count, 224, 224, channels)).astype("f4")


def arrays_of(network):
    """What the published checkpoint would hold: Sonnet's shifts have five axes."""
    found = {name: keras.ops.convert_to_numpy(each) for each, name in network.published()}
    ones = lambda x: x.reshape(1, 1, 1, 1, -1)  # noqa: E731
    found = {name: ones(x) if "batch_norm" in name else x for name, x in found.items()}
    last = next(name for name in found if name.endswith("Logits/Conv3d_0c_1x1/conv_3d/w"))
    return found | {last: found[last][None, None, None]}


def answers(network, frames):
    found = network({"frames": frames}, training=False)
    return {name: keras.ops.convert_to_numpy(x) for name, x in found.items()}


def published(arrays, scope, frames):
    """The forward pass of the published code, by TensorFlow's ops and the published names."""

    def unit(x, name, stride=1):
        x = tf.nn.conv3d(x, arrays[f"{scope}/{name}/conv_3d/w"], [1, *[stride] * 3, 1], "SAME")
        beta, mean, variance = (
            arrays[f"{scope}/{name}/batch_norm/{each}"]
            for each in ("beta", "moving_mean", "moving_variance")
        )
        return tf.nn.relu((x - mean) / tf.sqrt(variance + 1e-3) + beta)

    def pool(x, size, strides):
        return tf.nn.max_pool3d(x, [1, *size, 1], [1, *strides, 1], "SAME")

    x = unit(frames, "Conv3d_1a_7x7", 2)
    x = pool(x, (1, 3, 3), (1, 2, 2))
    x = unit(unit(x, "Conv3d_2b_1x1"), "Conv3d_2c_3x3")
    x = pool(x, (1, 3, 3), (1, 2, 2))
    for block in MIXED:
        if block == "4b":
            x = pool(x, (3, 3, 3), (2, 2, 2))
        if block == "5b":
            x = pool(x, (2, 2, 2), (2, 2, 2))
        at = f"Mixed_{block}/Branch_"
        odd = "0a" if block == "5b" else "0b"
        branches = [
            unit(x, f"{at}0/Conv3d_0a_1x1"),
            unit(unit(x, f"{at}1/Conv3d_0a_1x1"), f"{at}1/Conv3d_0b_3x3"),
            unit(unit(x, f"{at}2/Conv3d_0a_1x1"), f"{at}2/Conv3d_{odd}_3x3"),
            unit(pool(x, (3, 3, 3), (1, 1, 1)), f"{at}3/Conv3d_0b_1x1"),
        ]
        x = tf.concat(branches, 4)
    x = tf.nn.avg_pool3d(x, [1, 2, 7, 7, 1], [1] * 5, "VALID")
    last = f"{scope}/Logits/Conv3d_0c_1x1/conv_3d"
    logits = tf.nn.conv3d(x, arrays[f"{last}/w"], [1] * 5, "VALID") + arrays[f"{last}/b"]
    return tf.reduce_mean(x, (1, 2, 3)).numpy(), tf.reduce_mean(logits, (1, 2, 3)).numpy()


def test_the_layers_are_those_of_the_paper():
    filters = {block[-2:]: sizes for block, sizes in BLOCKS if not isinstance(sizes, int)}
    listed = {}
    for block, text in MIXED.items():
        listed[block] = tuple(int(each) for each in text.replace("|", ",").split(","))
    assert filters == listed
    assert [size for _, size in BLOCKS if isinstance(size, int)] == [3, 2]
    assert len(units()) == 57
    odd = [name for name in units() if name.endswith("Branch_2/Conv3d_0a_3x3")]
    assert odd == ["Mixed_5b/Branch_2/Conv3d_0a_3x3"]


def counted(channels):
    """Kernels and shifts, summed by hand from the list above."""
    total = 7**3 * channels * 64 + 64 + 64 * 64 + 64 + 27 * 64 * 192 + 192
    before = 192
    for text in MIXED.values():
        b0, (r1, b1), (r2, b2), b3 = (
            each[0] if len(each) == 1 else each
            for each in [list(map(int, part.split(","))) for part in text.split("|")]
        )
        total += before * (b0 + r1 + r2 + b3) + 27 * (r1 * b1 + r2 * b2)
        total += b0 + r1 + b1 + r2 + b2 + b3
        before = b0 + b1 + b2 + b3
    return total + before * 400 + 400


@pytest.mark.parametrize(("kind", "expected"), [("rgb", 12_689_984), ("flow", 12_668_032)])
def test_parameters(kind, expected):
    network = I3D(kind=kind)
    trained = sum(int(np.prod(each.shape)) for each in network.trainable_variables)
    assert trained == expected == counted(3 if kind == "rgb" else 2)
    assert len(list(network.published())) == len(network.variables)
    assert network.output["embedding"].shape == (None, 1024)
    assert network.output["logits"].shape == (None, 400)


def test_it_answers_as_the_published_code(network):
    frames = frames_of(network)
    scope = {"rgb": "RGB", "flow": "Flow"}[network.config["kind"]] + "/inception_i3d"
    embedding, logits = published(arrays_of(network), scope, frames)
    found = answers(network, frames)
    assert embedding.max() > 0.05
    # Sums in another order: float32 errors go with the largest numbers.
    for name, expected in {"embedding": embedding, "logits": logits}.items():
        np.testing.assert_allclose(found[name], expected, 0, 1e-5 * np.abs(expected).max())


def test_nine_frames_are_enough_and_eight_are_not(network):
    assert np.isfinite(answers(network, frames_of(network, 9))["embedding"]).all()
    assert not np.isfinite(answers(network, frames_of(network, 8))["embedding"]).all()


def test_round_its_config(network):
    assert I3D.from_config(network.get_config()).get_config() == network.get_config()


@pytest.mark.parametrize("kind", ["checkpoint", "npz"])
def test_there_and_back_by_each_format(network, tmp_path, kind):
    arrays = arrays_of(network)
    if kind == "checkpoint":
        variables = {name: tf.Variable(array) for name, array in arrays.items()}
        path = tf.compat.v1.train.Saver(variables).save(None, str(tmp_path / "model.ckpt"))
    else:
        path = tmp_path / "i3d.npz"
        np.savez(path, **arrays)
    again = load(path, kind=network.config["kind"], **SMALL)
    for ours, theirs in zip(network.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_other_weights_are_refused(tmp_path):
    network = I3D(kind="rgb", **SMALL)
    arrays = arrays_of(network)
    np.savez(tmp_path / "rgb.npz", **arrays)
    with pytest.raises(DataError, match="no array 'Flow/inception_i3d/Conv3d_1a_7x7/conv_3d/w'"):
        load(tmp_path / "rgb.npz", kind="flow", **SMALL)
    name = "RGB/inception_i3d/Conv3d_2b_1x1/batch_norm/beta"
    np.savez(tmp_path / "wide.npz", **arrays | {name: np.zeros((1, 1, 1, 1, 9), "f4")})
    with pytest.raises(DataError, match=rf"'{name}' has the shape \(9,\), \(4,\) is expected"):
        load(tmp_path / "wide.npz", kind="rgb", **SMALL)
    with pytest.raises(DataError, match="no checkpoint of TensorFlow"):
        load_checkpoint(tmp_path / "rgb_imagenet" / "model.ckpt", kind="rgb", **SMALL)
    with pytest.raises(ConfigError, match="rgb, flow; not 'depth'"):
        I3D(kind="depth")


def test_a_damaged_checkpoint_is_one_line(tmp_path):
    network = I3D(kind="rgb", **SMALL)
    variables = {name: tf.Variable(array) for name, array in arrays_of(network).items()}
    path = tf.compat.v1.train.Saver(variables).save(None, str(tmp_path / "model.ckpt"))
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(DataError, match=r"model\.ckpt: 'RGB/.*' can't be read") as caught:
        load(path, kind="rgb", **SMALL)
    assert "\n" not in str(caught.value)
