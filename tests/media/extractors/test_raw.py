"""Extractors that keep what a network takes: frames, stacks of motion, log-mel patches."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from kavc.errors import ConfigError, DataError
from kavc.media.extractors.raw import FlowFields, LogMelPatches, Pixels
from kavc.media.extractors.registry import names, recipe_of
from kavc.media.extractors.resnet_50_flow import ResNet50Flow
from kavc.media.extractors.stacks import stacked
from kavc.media.flow import flow_of
from kavc.media.front_ends import VGGISH, LogMel
from kavc.media.moments import Bursts, Rate, Uniform
from kavc.media.sizes import Crop
from kavc.media.sound import read_sound
from kavc.media.windows import frames_of


@pytest.fixture
def clip(film):
    """1 s of a texture that moves to the right, 64 x 48 pixels, and of noise."""
    rng = np.random.default_rng(0)
    texture = gaussian_filter(rng.normal(size=(48, 128)), 2)
    texture = (128 + 50 * texture / texture.std()).clip(0, 255).astype(np.uint8)
    frames = np.stack([texture[:, 60 - 2 * step :][:, :64] for step in range(25)])
    noise = rng.normal(0, 3000, (1, 40_000)).astype(np.int16)
    pictures = np.repeat(frames[..., None], 3, 3)
    return film("moves.mkv").picture(pictures, rate=25).sound(noise).write()


RECIPES = [
    Pixels(side=32, frames="uniform:3"), FlowFields(side=32, method="dis-fast"),
    FlowFields(side=16, method="dis-fast", frames="rate:25", hop=5), LogMelPatches(hop=0.5),
]  # fmt: skip


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.NAME)
def test_a_clip_twice_to_equal_bytes_without_any_weights(recipe, clip):
    assert not recipe.needs()
    extractor = recipe.load({})
    times, rows = extractor.extract(clip)
    again, same = extractor.extract(clip)
    assert rows.shape[1:] == extractor.shape and rows.dtype == np.float32 and rows.std() > 0
    assert rows.tobytes() == same.tobytes() and times.tobytes() == again.tobytes()
    said = extractor.provenance
    assert said["weights"] == {} and said["options"] == recipe.to_dict()
    assert said["seen"] == "keeps what is there; it has no weights"


def test_frames_are_kept_as_they_are(clip):
    recipe = Pixels(side=32, frames="uniform:3")
    _, rows = recipe.load({}).extract(clip)
    np.testing.assert_array_equal(rows, frames_of(clip, recipe.taken()))
    assert rows.shape == (3, 32, 32, 3) and rows.max() > 150


def test_stacks_are_those_of_the_flow_network(clip):
    recipe = FlowFields(side=32, method="dis-fast")
    _, rows = recipe.load({}).extract(clip)
    images = frames_of(clip, recipe.taken())
    expected = stacked(tf.constant(flow_of(images, "dis-fast")[None])).numpy()
    np.testing.assert_allclose(rows, expected, 0, 1e-4)
    assert rows.shape == (1, 32, 32, 20)
    # The texture moves to the right by 2 pixels of 48, and the shorter side has 37 now.
    right = np.median(rows[..., ::2]) / 128 * 20
    np.testing.assert_allclose(right, 2 * 37 / 48, 0, 0.3)
    assert FlowFields().taken() == ResNet50Flow().taken()


def test_log_mel_is_that_of_the_front_end(clip):
    times, rows = LogMelPatches().load({}).extract(clip)
    expected = LogMel(VGGISH)(tf.constant(read_sound(clip).samples)[None])[0]
    np.testing.assert_allclose(rows, expected, 1e-4, 1e-5)
    np.testing.assert_allclose(times, [0, 0.96], 0, 1e-6)
    assert LogMelPatches().step == 0.96


def test_what_is_taken_of_a_file():
    assert Pixels().taken().size == Crop(256, 224) and Pixels().taken().moments == Rate(1.0)
    assert Pixels(side=64).taken().size == Crop(74, 64)  # as much of the picture
    assert Pixels(side=64, resize=64, frames="uniform:2").taken().moments == Uniform(2)
    assert Pixels(seconds=2.0).taken().moments == Rate(1.0, seconds=2.0)
    assert FlowFields().taken().moments == Bursts(1, 11, 25)


@pytest.mark.parametrize(
    ("recipe", "options", "words"),
    [
        (Pixels, {"side": 15}, "'side' must be at least 16"),
        (Pixels, {"side": 1024}, "'side' must be at most 512"),
        (Pixels, {"side": 64, "resize": 63}, "'resize' of pixels must be at least side, 64"),
        (FlowFields, {"resize": 100}, "of flow-fields must be at least side, 224; not 100"),
        (FlowFields, {"window": 10}, "at least 11"),
        (FlowFields, {"method": "raft"}, "must be one of farneback"),
        (LogMelPatches, {"hop": 0}, "at least 0.01"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit(recipe, options, words):
    with pytest.raises(ConfigError, match=words):
        recipe(**options)


def test_they_are_registered():
    for name, modality in (("pixels", "visual"), ("flow-fields", "visual"), ("log-mel", "audio")):
        assert name == recipe_of(name).NAME and name in names(modality)


def test_a_still_picture_is_too_short_for_a_stack(film):
    still = film("still.mkv").picture(np.full((1, 32, 48, 3), 90, np.uint8)).write()
    with pytest.raises(DataError, match="frames are fewer than the 11"):
        FlowFields(side=16, frames="rate:25").load({}).extract(still)
