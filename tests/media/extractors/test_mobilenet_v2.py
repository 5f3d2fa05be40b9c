"""MobileNetV2 with real weights: what it sees in six images and in frames of clips."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from kavc.media.extractors.mobilenet_v2 import MobileNetV2
from kavc.media.frames import read_frames
from kavc.media.moments import At
from kavc.media.sizes import Crop


@pytest.fixture(scope="module")
def folder(shared):
    return shared / "data" / "weights"


@pytest.fixture(scope="module")
def files(folder):
    return {"mobilenet-v2": folder / "mobilenet_v2_1.0_224.h5"}


@pytest.fixture(scope="module")
def extractor(files):
    return MobileNetV2(frames="key:8").load(files)


@pytest.fixture(scope="module")
def reference(folder):
    with np.load(folder / "mobilenet_v2_reference.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def images(folder, reference):
    paths = [folder / "images" / str(name) for name in reference["image_names"]]
    return np.stack([tf.io.decode_png(path.read_bytes(), channels=3).numpy() for path in paths])


def test_six_images(folder, files, extractor, images, reference):
    expected = json.loads((folder / "images" / "expected_top5.json").read_text())
    scores = MobileNetV2(output="scores").load(files)(images[:, None])
    for name, found in zip(reference["image_names"], scores, strict=True):
        top = np.argsort(-found)[:5]
        assert [int(each) for each in top] == [each[0] for each in expected[str(name)]]
        # They are written with four digits.
        np.testing.assert_allclose(found[top], [each[3] for each in expected[str(name)]], 0, 1e-4)
    features = extractor(images[:, None])
    np.testing.assert_allclose(features, reference["image_features"], 0, 1e-4)


def cosine(found, expected):
    return found @ expected / np.linalg.norm(found) / np.linalg.norm(expected)


def squared(image):
    """The centre, scaled without smoothing, as the reference is and our frames are not."""
    height, width, _ = image.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image = tf.image.resize(image[top : top + side, left : left + side], (224, 224))
    return np.rint(image.numpy()).astype(np.uint8)


def test_frames_of_clips(shared, extractor, reference):
    """Colours differ a little; and scaling that smooths, as far as the frame has fine detail."""
    images = {"plain": [], "smooth": []}
    for name in reference["frame_names"]:
        file, _, second = str(name).partition("@")
        path, moments = shared / "data" / "clips" / file, At([float(second)])
        images["plain"].append(squared(read_frames(path, moments).images[0]))
        images["smooth"].append(read_frames(path, moments, size=Crop(224)).images[0])
    # Seen: 0.9982 to 0.9991, and 0.9839 to 0.9986; the frame before or after: 0.95 to 0.99.
    for kind, least in (("plain", 0.998), ("smooth", 0.98)):
        rows = extractor(np.stack(images[kind])[:, None])
        found = [cosine(*pair) for pair in zip(rows, reference["frame_features"], strict=True)]
        assert len(found) == 7 and min(found) > least


def test_a_clip_twice_to_equal_bytes(shared, extractor):
    clip = shared / "data" / "clips" / "bikes_no_audio.mp4"
    times, rows = extractor.extract(clip)
    assert rows.shape == (8, 1280) and (np.diff(times) > 0).all()
    np.testing.assert_array_equal(extractor.extract(clip)[1], rows)
