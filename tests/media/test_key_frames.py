import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.media import Crop, read_key_frames
from kavc.media.key_frames import pick

COLOURS = np.array(
    [(220, 30, 30), (30, 220, 30), (30, 30, 220), (220, 220, 30), (30, 220, 220), (220, 30, 220)]
)


def scenes(colours, frames=10, seed=0):
    """Textured scenes with hard cuts between them: (scenes × frames, 64, 64, 3)."""
    texture = np.random.default_rng(seed).integers(-25, 25, (64, 64, 1))
    images = np.repeat(np.asarray(colours)[:, None, None] + texture, frames, axis=0)
    return images.clip(0, 255).astype(np.uint8)


def test_one_of_each_scene(film):
    path = film("scenes.mp4").picture(scenes(COLOURS)).write()
    found = read_key_frames(path, 6, size=Crop(32))
    assert found.mask.all() and found.frames.images.shape == (6, 32, 32, 3)
    assert np.floor(found.frames.times).tolist() == [0, 1, 2, 3, 4, 5]
    means = found.frames.images.mean(axis=(1, 2))
    assert np.abs(means - COLOURS).max() < 20


def test_the_sharpest_and_no_dark_one():
    looks = scenes(COLOURS[:2], 5)
    looks[[0, 1, 3, 4]] = looks[[0, 1, 3, 4]].mean(axis=(1, 2), keepdims=True).astype(np.uint8)
    black = np.zeros((3, 64, 64, 3), np.uint8)
    found = pick(np.concatenate([black, looks]), 2, np.random.default_rng(0))
    assert found[0] == 5 and found[1] in range(8, 13)
    assert pick(black, 2, np.random.default_rng(0)).tolist() == [0]


def test_more_scenes_than_are_wanted():
    """Two of three colours come again and again: one of each is kept."""
    order = np.array([0, 1, 0, 2, 1, 0, 1, 2, 0])
    looks = scenes(COLOURS[order], 4)
    for seed in range(5):
        found = pick(looks, 3, np.random.default_rng(seed))
        assert (np.diff(found) > 0).all()
        assert sorted(order[found // 4]) == [0, 1, 2]


def test_fewer_scenes_than_are_wanted(film):
    path = film("still.mp4").picture(scenes(COLOURS[:1], 30)).write()
    found = read_key_frames(path, size=Crop(16))
    assert found.frames.images.shape == (8, 16, 16, 3) and found.mask[0]
    assert (found.frames.images[~found.mask] == found.frames.images[found.mask][-1]).all()
    same = np.repeat(scenes(COLOURS[:1], 1), 30, axis=0)
    assert pick(same, 8, np.random.default_rng(0)).tolist() == [0]


def test_the_same_again(film):
    noise = np.random.default_rng(0).integers(0, 255, (60, 32, 32, 3), np.uint8)
    path = film("noise.mp4").picture(noise).write()
    first, again = (read_key_frames(path, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.frames.images, again.frames.images)
    assert (np.diff(first.frames.times) > 0).all() and first.mask.all()


def test_what_has_none(film):
    path = film("blind.wav").sound(np.zeros((1, 100), np.int16)).write()
    with pytest.raises(DataError, match="no video track"):
        read_key_frames(path)
    with pytest.raises(ConfigError, match="at least one key frame is needed; got 0"):
        read_key_frames(path, 0)
