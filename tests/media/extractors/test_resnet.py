"""ResNets' recipes: what they take and make, and published features where real weights are."""

from __future__ import annotations

import functools
import os

import keras
import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.media.extractors.registry import recipe_of
from kavc.media.extractors.resnet import ResNet50, ResNet101, ResNet152
from kavc.media.frames import read_frames
from kavc.media.moments import At, Rate
from kavc.media.networks import resnet
from kavc.media.sizes import Crop

from ..conftest import greys
from ..published import draw, state_dict, write_applications


@pytest.fixture(scope="module")
def clip(shared):
    return shared / "data" / "clips" / "bikes_no_audio.mp4"


@pytest.fixture
def narrow(monkeypatch):
    """Has networks of torchvision's built a sixteenth as wide."""
    load = functools.partial(resnet.load_torchvision, width=1 / 16)
    monkeypatch.setattr(resnet, "load_torchvision", load)


@pytest.fixture(scope="module")
def torchvision(tmp_path_factory):
    network = resnet.ResNet(depth=50, width=1 / 16)
    draw(network)
    path = tmp_path_factory.mktemp("weights") / "resnet50.npz"
    np.savez(path, **state_dict(resnet.published(network)))
    return {"resnet-50": path}


def test_recipes():
    assert [recipe_of(f"resnet-{depth}").DEPTH for depth in (50, 101, 152)] == [50, 101, 152]
    assert ResNet50().taken().moments == Rate(1) and ResNet50().step == 1
    assert ResNet152().taken().moments == Rate(8)  # LLP's
    assert ResNet101(resize=300, frames="rate:2", seconds=5).taken().size == Crop(300, 224)
    (need,) = ResNet152().needs()
    assert need.files == ("resnet152.npz",) and need.licence.startswith("BSD")
    (need,) = ResNet152(weights_of="keras").needs()
    assert need.files[0] == "resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5"
    with pytest.raises(ConfigError, match="'weights_of' must be one of torchvision, keras"):
        ResNet50(weights_of="timm")
    with pytest.raises(ConfigError, match="frames 'often'"):
        ResNet50(frames="often")


def test_a_clip_twice_to_equal_bytes(clip, torchvision, narrow):
    extractor = ResNet50(frames="uniform:4").load(torchvision)
    times, rows = extractor.extract(clip)
    np.testing.assert_allclose(times, [1.25, 3.75, 6.25, 8.75], 0, 0.03)
    assert rows.shape == (4, 128) and rows.dtype == np.float32 and extractor.shape == (128,)
    assert np.abs(rows[0] - rows[1]).max() > 1e-3
    np.testing.assert_array_equal(extractor.extract(clip)[1], rows)
    provenance = extractor.provenance
    assert provenance["options"]["weights_of"] == "torchvision"
    assert "never with real weights" in provenance["seen"]


def test_images_become_what_torchvision_takes(torchvision, narrow):
    extractor = ResNet50().load(torchvision)
    values = np.random.default_rng(0).integers(0, 256, (2, 1, 224, 224, 3), dtype=np.uint8)
    expected = (values[:, 0] / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    given = keras.ops.convert_to_numpy(extractor.preprocess(values)["images"])
    np.testing.assert_allclose(given, expected, 0, 1e-5)


def test_keras_applications_there_and_back_with_its_top(film, tmp_path):
    whole = keras.applications.ResNet50(weights=None)
    draw(whole)
    path = write_applications(whole, tmp_path / "resnet50.h5")
    extractor = ResNet50(weights_of="keras").load({"resnet-50-keras": path})
    theirs = whole.get_weights()[:-2]
    for ours, expected in zip(extractor.network.get_weights(), theirs, strict=True):
        np.testing.assert_array_equal(ours, expected)
    made = film("film.mkv").picture(greys(10)).write()
    times, rows = extractor.extract(made)
    assert rows.shape == (1, 2048) and rows.std() > 0 and len(times) == 1
    np.testing.assert_array_equal(extractor.extract(made)[1], rows)
    values = np.random.default_rng(0).integers(0, 256, (1, 1, 224, 224, 3), dtype=np.uint8)
    given = keras.ops.convert_to_numpy(extractor.preprocess(values))
    expected = values[:, 0, :, :, ::-1] - np.array([103.939, 116.779, 123.68])
    np.testing.assert_allclose(given, expected, 0, 1e-4)


def test_a_pickle_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"resnet50-0676ba61\.pth: .* pickles are not; make it by"):
        ResNet50().load({"resnet-50": tmp_path / "resnet50-0676ba61.pth"})


def real(variable, recipe):
    """An extractor with torchvision's weights, IMAGENET1K_V1, where the environment names them."""
    if variable not in os.environ:
        pytest.skip(f"{variable} names no .npz of torchvision's weights")
    return recipe.load({recipe.NAME: os.environ[variable]})


def cosines(extractor, path, times, expected):
    frames = read_frames(path, At(times), size=Crop(256, 224))
    # A few at once, as they come from files.
    parts = np.array_split(frames.images[:, None], 4)
    found, expected = np.concatenate([extractor(part) for part in parts]), np.float64(expected)
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    return (found * expected).sum(1) / norms


@pytest.mark.parametrize("name", ["dog_02677", "drum_02542", "bird_0nib7bMm8BA"])
def test_features_of_specvqgan(shared, name):
    """Whose clips were made 21.5 frames a second first; a frame may be its neighbour there."""
    extractor = real("KAVC_TEST_RESNET50", ResNet50())
    folder = shared / "data" / "clips"
    with np.load(folder / "reference" / f"{name}.npz") as arrays:
        index, expected = arrays["frame_index_at_21_5_fps"], arrays["resnet50"]
    once = index < (125 if name == "dog_02677" else 213)  # then the dog begins again
    found = cosines(extractor, folder / f"{name}.mp4", index[once] / 21.5, expected[once])
    assert found.mean() > 0.97 and found.min() > 0.85


def test_features_of_video_features(shared):
    extractor = real("KAVC_TEST_RESNET101", ResNet101())
    folder = shared / "data" / "clips"
    with np.load(folder / "reference" / "v_GGSY1Qvo990.npz") as arrays:
        times, expected = arrays["resnet101_timestamps_ms"] / 1000, arrays["resnet101"]
    found = cosines(extractor, folder / "v_GGSY1Qvo990.mp4", times, expected)
    assert found.mean() > 0.97 and found.min() > 0.85
