"""Extractors of sound: VGGish, YAMNet and musicnn, against front end and network by themselves."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ConfigError, DataError
from kavc.media.extractors.musicnn import Musicnn
from kavc.media.extractors.registry import EXTRACTORS, names, recipe_of
from kavc.media.extractors.vggish import VGGish
from kavc.media.extractors.yamnet import YAMNet
from kavc.media.front_ends import VGGISH, YAMNET, LogMel
from kavc.media.networks import musicnn, vggish, yamnet
from kavc.media.sound import read_sound

SECONDS = 7.3
RAW = ("colour-grid", "flow-fields", "log-mel", "mel-statistics", "pixels")  # have no network
HOPS = {"vggish": 96, "yamnet": 96}  # frames of 10 ms


@pytest.fixture(scope="module")
def networks():
    """Networks with random weights, small where they can be."""
    tf.keras.utils.set_random_seed(0)
    return {
        "vggish": vggish.VGGish(width=0.05, relu=True),
        "yamnet": yamnet.YAMNet(width=0.1),
        "musicnn": musicnn.Musicnn(),
    }


@pytest.fixture
def extractor(networks, monkeypatch, tmp_path):
    """Makes an extractor whose loader returns a network of `networks`."""
    monkeypatch.setattr(vggish, "load", lambda path, **options: networks["vggish"])
    monkeypatch.setattr(yamnet, "load", lambda path: networks["yamnet"])
    monkeypatch.setattr(musicnn, "load_npz", lambda path: networks["musicnn"])
    weights = tmp_path / "weights"
    weights.write_bytes(b"random")
    return lambda recipe: recipe.load({need.name: weights for need in recipe.needs()})


@pytest.fixture
def clip(film):
    """A file of some seconds of noise."""
    noise = np.random.default_rng(0).normal(0, 3000, (1, round(SECONDS * 16000)))
    return film("noise.wav").sound(noise.astype(np.int16)).write()


@pytest.mark.parametrize("recipe", [VGGish(), YAMNet(), Musicnn()], ids=lambda each: each.NAME)
def test_rows_are_those_of_front_end_and_network(recipe, extractor, networks, clip):
    made = extractor(recipe)
    times, rows = made.extract(clip)
    waveform = tf.constant(read_sound(clip).samples)[None]
    mel = {"vggish": LogMel(VGGISH), "yamnet": LogMel(YAMNET), "musicnn": musicnn.MusicMel()}
    patches = mel[recipe.NAME](waveform)[0]
    expected = networks[recipe.NAME]({"patches": patches}, training=False)["embedding"]
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(times, recipe.step * np.arange(len(rows)), atol=1e-9)
    assert made.shape == rows.shape[1:]


@pytest.mark.parametrize("recipe", [VGGish(), YAMNet(hop=0.48), Musicnn()], ids=lambda r: r.NAME)
def test_a_clip_gives_the_same_bytes_twice(recipe, extractor, clip):
    made = extractor(recipe)
    first, again = made.extract(clip), made.extract(clip)
    assert first[1].tobytes() == again[1].tobytes()
    assert first[0].tobytes() == again[0].tobytes()


@pytest.mark.parametrize("recipe", [VGGish, YAMNet, Musicnn])
def test_sound_shorter_than_a_row(recipe, extractor, film):
    short = film("short.wav").sound(np.zeros((1, 8000), np.int16)).write()
    with pytest.raises(DataError, match=r"shorter than .* short=pad"):
        extractor(recipe()).extract(short)
    assert len(extractor(recipe(short="pad")).extract(short)[1]) == 1


def test_components_and_bytes_of_vggish(extractor, monkeypatch, tmp_path, clip):
    """In graph as `PCA` has them in float64, and its bytes mapped back."""
    draw = np.random.default_rng(1)
    file = tmp_path / "pca.npz"
    np.savez(file, pca_eigen_vectors=draw.normal(0, 0.3, (128, 128)),
             pca_means=draw.normal(size=(128, 1)))  # fmt: skip
    pca = vggish.PCA(file)
    embeddings = extractor(VGGish(relu=False)).extract(clip)[1]
    weights = tmp_path / "weights"
    files = {"vggish": weights, "vggish-pca": file}
    rows = VGGish(relu=False, pca=True).load(files).extract(clip)[1]
    np.testing.assert_allclose(rows, pca.components(embeddings), atol=1e-5)
    rows = VGGish(relu=False, pca=True, quantised=True).load(files).extract(clip)[1]
    np.testing.assert_allclose(rows, vggish.dequantised(pca.quantised(embeddings)), atol=1e-6)


def test_bytes_want_components():
    with pytest.raises(ConfigError, match="wants pca"):
        VGGish(quantised=True)


def test_provenance_says_what_decides(extractor, tmp_path):
    made = extractor(VGGish(hop=1.0))
    said = made.provenance
    assert said["extractor"] == "vggish"
    assert said["options"]["hop"] == 1.0
    before = said["weights"]["vggish"]["sha256"]
    (tmp_path / "weights").write_bytes(b"others")
    assert extractor(VGGish()).provenance["weights"]["vggish"]["sha256"] != before
    assert said["weights"]["vggish"]["licence"]


def test_all_extractors_say_what_they_are():
    assert set(names("audio")) | set(names("visual")) == set(EXTRACTORS)
    for name in EXTRACTORS:
        recipe = recipe_of(name)
        assert name == recipe.NAME
        assert recipe.SUMMARY
        assert recipe.SEEN
        assert [need.name for need in recipe().needs()] or name in RAW
        assert all(option["meaning"] for option in recipe.options())


def test_unknown_extractor():
    with pytest.raises(ConfigError, match="did you mean 'vggish'"):
        recipe_of("vgish")


# === Real weights ===


def test_yamnet_hears_a_dog(shared):
    file = shared / "data" / "yamnet" / "yamnet_coral_int8.npz"
    made = YAMNet(output="scores").load({"yamnet": file})
    scores = made.extract(shared / "data" / "clips" / "dog_02677.mp4")[1]
    with open(shared / "data" / "yamnet" / "yamnet_class_map.csv") as stream:
        classes = [line.split(",", 2)[2].strip().strip('"') for line in list(stream)[1:]]
    assert classes[scores.mean(axis=0).argmax()] in ("Dog", "Animal")


@pytest.mark.skipif("KAVC_TEST_VGGISH" not in os.environ, reason="no weights of VGGish are named")
def test_vggish_against_published_features(shared):
    """Within what two decoders and resamplers differ by, as the reference's own page has it."""
    made = VGGish(relu=True).load({"vggish": Path(os.environ["KAVC_TEST_VGGISH"])})
    rows = made.extract(shared / "data" / "clips" / "v_GGSY1Qvo990.mp4")[1]
    there = np.load(shared / "data" / "clips" / "reference" / "v_GGSY1Qvo990.npz")["vggish"]
    cosines = (rows * there).sum(1) / np.linalg.norm(rows, axis=1) / np.linalg.norm(there, axis=1)
    assert cosines.min() > 0.97
    assert np.abs(rows - there).max() < 0.2
