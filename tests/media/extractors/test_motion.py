"""Extractors of motion: what they give their networks, and rows of a real clip, twice."""

from __future__ import annotations

import functools
import os

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from kavc.errors import ConfigError, DataError
from kavc.media import flow
from kavc.media.extractors.i3d import I3DRGB, I3DFlow
from kavc.media.extractors.r2plus1d import R2Plus1D
from kavc.media.extractors.registry import names, recipe_of
from kavc.media.extractors.resnet_50_flow import ResNet50Flow
from kavc.media.extractors.stacks import stacked
from kavc.media.moments import Bursts, Rate
from kavc.media.networks import flow_stack, i3d, r2plus1d

SMALL = 1 / 16


@pytest.fixture
def clip(film):
    """1 s of a texture that moves to the right, 64 x 48 pixels, 25 frames a second."""
    texture = gaussian_filter(np.random.default_rng(0).normal(size=(48, 128)), 2)
    texture = (128 + 50 * texture / texture.std()).clip(0, 255).astype(np.uint8)
    frames = np.stack([texture[:, 60 - 2 * step :][:, :64] for step in range(25)])
    return film("moves.mkv").picture(np.repeat(frames[..., None], 3, 3), rate=25).write()


def npz_of(network, path, transposed=False):
    arrays = {}
    for variable, name, *axes in network.published():
        array = variable.numpy()
        arrays[name] = np.transpose(array, np.argsort(axes[0])) if transposed else array
    np.savez(path, **arrays)
    return path


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Makes small weights of a network, and has its loader take these."""

    def made(kind):
        if kind == "r2plus1d-18":
            monkeypatch.setattr(r2plus1d, "load", functools.partial(r2plus1d.load, width=SMALL))
            network = r2plus1d.R2Plus1D(width=SMALL)
            return {kind: npz_of(network, tmp_path / "r2plus1d_18.npz", transposed=True)}
        monkeypatch.setattr(i3d, "load", functools.partial(i3d.load, width=SMALL))
        network = i3d.I3D(kind=kind.removeprefix("i3d-"), width=SMALL)
        return {kind: npz_of(network, tmp_path / "i3d.npz")}

    return made


RECIPES = [
    R2Plus1D(),
    R2Plus1D(scaled="128x171", window=16, hop=4, frames="rate:25", output="logits"),
    I3DRGB(window=10, hop=8, resize=224),
    I3DFlow(window=10, hop=10, method="dis-fast"),
    I3DFlow(window=10, hop=15, method="dis-fast", quantised=True, output="logits"),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.NAME}-{recipe.output}")
def test_a_clip_twice_to_equal_bytes(recipe, small, clip):
    extractor = recipe.load(small(recipe.NAME))
    times, rows = extractor.extract(clip)
    again, same = extractor.extract(clip)
    width = {"r2plus1d-18": 32, "i3d-rgb": 64, "i3d-flow": 64}[recipe.NAME]
    assert rows.shape[1:] == extractor.shape == ((400,) if recipe.output == "logits" else (width,))
    assert len(rows) == (3 if recipe.hop == 4 else 2 if recipe.window == 10 else 1)
    assert rows.tobytes() == same.tobytes() and times.tobytes() == again.tobytes()
    np.testing.assert_allclose(np.diff(times), recipe.step, 0, 1e-6)
    assert extractor.provenance["weights"][recipe.NAME]["sha256"]


def test_real_clips_twice(shared, small):
    clip = shared / "data" / "clips" / "drum_02542.mp4"
    extractor = R2Plus1D().load(small("r2plus1d-18"))
    times, rows = extractor.extract(clip)
    assert rows.shape == (10, 32)
    np.testing.assert_allclose(times, np.arange(10) + 0.0625, 0, 0.02)
    assert extractor.extract(clip)[1].tobytes() == rows.tobytes()


def test_what_the_networks_see():
    values = tf.constant(np.full((1, 8, 112, 112, 3), 51, np.uint8))
    seen = R2Plus1D().inputs(values)["frames"].numpy()
    expected = (0.2 - np.array([0.43216, 0.394666, 0.37645])) / [0.22803, 0.22145, 0.216989]
    np.testing.assert_allclose(seen[0, 0, 0, 0], expected, 1e-5)
    ends = I3DRGB().inputs(tf.constant([0, 255, 51], tf.uint8))["frames"].numpy()
    np.testing.assert_allclose(ends, [-1, 1, -0.6], 0, 1e-6)


def test_what_becomes_of_motion():
    fields = tf.constant([-30.0, -20, -1, 0, 10, 20, 30])
    plain = I3DFlow().inputs(fields)["frames"].numpy()
    np.testing.assert_allclose(plain, [-1, -1, -0.05, 0, 0.5, 1, 1], 0, 1e-6)
    steps = I3DFlow(quantised=True).inputs(fields)["frames"].numpy()
    bytes_ = (steps + 1) * 255 / 2
    np.testing.assert_allclose(bytes_, [0, 0, 122, 128, 192, 255, 255], 0, 1e-4)
    assert 0.0039 < steps[3] < 0.004  # no motion is no zero


def test_a_stack_has_its_channels_in_turn():
    fields = np.zeros((2, 10, 4, 6, 2), np.float32)
    fields += np.arange(10)[:, None, None, None] + np.array([0, 0.5])
    fields[0, 0, 1, 2] = [25, -25]
    channels = stacked(tf.constant(fields)).numpy()
    assert channels.shape == (2, 4, 6, 20)
    np.testing.assert_allclose(channels[1, 0, 0] / 6.4, np.arange(20) / 2, 0, 1e-5)
    np.testing.assert_allclose(channels[0, 1, 2, :2], [128, -128])  # clipped


def test_the_flow_network_of_music_for_video(clip, monkeypatch, tmp_path):
    taken = ResNet50Flow().taken()
    assert taken.moments == Bursts(1, 11, 25) and taken.flow == "farneback"
    monkeypatch.setattr(flow_stack, "load", lambda path, **_: flow_stack.resnet_50_flow())
    (tmp_path / "resnet.h5").write_bytes(b"weights")
    extractor = ResNet50Flow(method="dis-fast").load({"resnet-50-keras": tmp_path / "resnet.h5"})
    times, rows = extractor.extract(clip)
    assert rows.shape == (1, 2048) and rows.any()
    np.testing.assert_allclose(times, 0.5 - 5 / 25, 0, 0.021)
    assert extractor.extract(clip)[1].tobytes() == rows.tobytes()


@pytest.mark.parametrize(
    ("recipe", "options", "words"),
    [
        (I3DRGB, {"window": 8}, "'window' of i3d-rgb must be at least 9; not 8"),
        (I3DFlow, {"window": 9}, "'window' of i3d-flow must be at least 10; not 9"),
        (I3DRGB, {"frames": "key:64"}, "frames of i3d-rgb follow each other"),
        (R2Plus1D, {"frames": "burst:2x9@25"}, "window=8 and hop=8 must be its 9 frames"),
        (ResNet50Flow, {"window": 12}, "at most 11"),
        (ResNet50Flow, {"method": "raft"}, "must be one of farneback, dis, dis-fast, tvl1"),
        (I3DFlow, {"frames": "often"}, "expected uniform:COUNT"),
    ],
)
def test_options_that_do_not_fit(recipe, options, words):
    with pytest.raises(ConfigError, match=words):
        recipe(**options)


def test_too_few_frames(small, clip):
    files = small("r2plus1d-18")
    with pytest.raises(DataError, match="25 frames are fewer than the 32"):
        R2Plus1D(frames="rate:25", window=32).load(files).extract(clip)
    extractor = R2Plus1D(frames="rate:25", window=32, short="pad").load(files)
    assert extractor.extract(clip)[1].shape == (1, 32)


def test_a_method_that_is_not_there(monkeypatch):
    monkeypatch.setattr(flow, "_library", object)
    for recipe in (I3DFlow(method="tvl1"), ResNet50Flow(method="tvl1")):
        with pytest.raises(ConfigError, match="contributed modules"):
            recipe.check()


def test_they_are_registered():
    for name in ("r2plus1d-18", "i3d-rgb", "i3d-flow", "resnet-50-flow"):
        recipe = recipe_of(name)
        assert name == recipe.NAME and name in names("visual") and recipe().needs()
    assert R2Plus1D().step == 1 and I3DFlow().step == 2.56
    assert I3DRGB(seconds=3.0).taken().moments == Rate(25.0, seconds=3.0)


REAL = {
    "r2plus1d-18": ("KAVC_TEST_R2PLUS1D", "r2plus1d_18", 0.98),
    "i3d-rgb": ("KAVC_TEST_I3D_RGB", "i3d_rgb", 0.98),
    # The published rows are of another flow, RAFT's.
    "i3d-flow": ("KAVC_TEST_I3D_FLOW", "i3d_flow_raft", 0.6),
}


@pytest.mark.parametrize("name", REAL)
def test_the_published_rows_with_the_real_weights(name, shared):
    variable, array, least = REAL[name]
    if variable not in os.environ:
        pytest.skip(f"{variable} names no file of real weights")
    clips = shared / "data" / "clips"
    with np.load(clips / "reference" / "v_GGSY1Qvo990.npz") as arrays:
        expected = arrays[array]
    options = {"frames": "rate:19.62"}  # that of the file
    if name == "r2plus1d-18":
        options |= {"scaled": "128x171", "window": 16, "hop": 16}
    extractor = recipe_of(name)(**options).load({name: os.environ[variable]})
    _, rows = extractor.extract(clips / "v_GGSY1Qvo990.mp4")
    assert len(rows) == len(expected)
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(expected, axis=1)
    assert ((rows * expected).sum(1) / lengths).min() > least
