"""VGG-19's recipe: seconds of 16 frames, as AVE's features."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.media.extractors.vgg19 import VGG19
from kavc.media.networks import vgg19
from kavc.media.windows import Windows, windows

from ..conftest import greys
from ..published import draw, write_applications

WIDTH = 1 / 32


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    network = vgg19.VGG19(width=WIDTH)
    draw(network)
    path = tmp_path_factory.mktemp("weights") / "vgg19.h5"
    return {"vgg-19": write_applications(network, path)}


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setattr(vgg19, "load", functools.partial(vgg19.load, width=WIDTH))


def test_ten_rows_of_ten_seconds(shared, weights):
    clip = shared / "data" / "clips" / "bikes_no_audio.mp4"
    extractor = VGG19(output="map").load(weights)
    times, maps = extractor.extract(clip)
    assert maps.shape == (10, 7, 7, 16) and extractor.shape == (7, 7, 16)
    assert np.abs(maps[0] - maps[5]).max() > 1e-3
    np.testing.assert_allclose(times, np.arange(10) + 1 / 32, 0, 0.03)
    np.testing.assert_array_equal(extractor.extract(clip)[1], maps)
    means = VGG19().load(weights).extract(clip)[1]
    assert means.shape == (10, 16) and VGG19().step == 1
    np.testing.assert_allclose(means, maps.mean((1, 2)), 1e-4, 1e-4)


def test_a_row_is_the_mean_of_its_frames_alone(weights):
    extractor = VGG19(frames=3, output="map").load(weights)
    values = np.random.default_rng(0).integers(0, 256, (2, 3, 224, 224, 3), dtype=np.uint8)
    images = values.reshape(6, 224, 224, 3)[..., ::-1] - np.array([103.939, 116.779, 123.68])
    each = extractor.network({"images": np.float32(images)})["map"]
    expected = keras.ops.convert_to_numpy(each).reshape(2, 3, 7, 7, 16).mean(1)
    np.testing.assert_allclose(extractor(values), expected, 1e-4, 1e-4 * expected.max())


def test_the_whole_frame_is_squeezed(film):
    """The left quarter is light, so a quarter of what the network takes is."""
    images = np.zeros((4, 60, 240, 3), np.uint8)
    images[:, :, :60] = 255
    made = film("wide.mkv").picture(images, rate=4).write()
    (values,) = [
        found.values
        for _, found in windows(made, [VGG19(frames=4).taken()])
        if isinstance(found, Windows)
    ]
    assert values.shape == (1, 4, 224, 224, 3)
    assert values[0, 0, :, :50].min() > 220 and values[0, 0, :, 62:].max() < 35


def test_less_than_a_second(film, weights):
    made = film("short.mkv").picture(greys(5)).write()
    with pytest.raises(DataError, match="8 frames are fewer than the 16 that a row"):
        VGG19().load(weights).extract(made)
    _, rows = VGG19(short="pad").load(weights).extract(made)
    assert rows.shape == (1, 16)
    with pytest.raises(ConfigError, match="'frames' must be at least 1"):
        VGG19(frames=0)
