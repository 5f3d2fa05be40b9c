"""Inception v3's recipe, with YouTube-8M's principal components and without."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.errors import ConfigError
from kavc.media.extractors.inception_v3 import InceptionV3
from kavc.media.moments import Rate
from kavc.media.networks import inception_v3
from kavc.media.networks.youtube8m_pca import YouTube8MPCA, dequantised
from kavc.media.sizes import Exactly

from ..conftest import greys
from ..published import draw, write_applications


@pytest.fixture(scope="module")
def pca(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pca")
    rng = np.random.default_rng(0)
    np.save(folder / "mean.npy", rng.uniform(0, 1, (2048, 1)).astype("f4"))
    np.save(folder / "eigenvals.npy", rng.uniform(0.1, 1, (1024, 1)).astype("f4"))
    np.save(folder / "eigenvecs.npy", rng.normal(0, 2048**-0.5, (1024, 2048)).astype("f4"))
    return folder


def test_recipe():
    taken = InceptionV3().taken()
    assert taken.moments == Rate(1, seconds=300) and taken.size == Exactly(299, 299)
    needs = InceptionV3(pca=True).needs()
    assert [need.name for need in needs] == ["inception-v3", "youtube8m-pca"]
    with pytest.raises(ConfigError, match="'quantised' of inception-v3 wants pca"):
        InceptionV3(quantised=True)
    with pytest.raises(ConfigError, match="frames 'all'"):
        InceptionV3(frames="all")


def test_there_and_back_and_a_film_twice(film, tmp_path):
    """By the file that has the layer that classifies, too."""
    whole = keras.applications.InceptionV3(weights=None)
    draw(whole)
    path = write_applications(whole, tmp_path / "inception.h5")
    extractor = InceptionV3().load({"inception-v3": path})
    assert extractor.network.count_params() == 21_802_784
    theirs = whole.get_weights()[:-2]
    for mine, expected in zip(extractor.network.get_weights(), theirs, strict=True):
        np.testing.assert_array_equal(mine, expected)
    made = film("film.mkv").picture(greys(10)).write()
    times, rows = extractor.extract(made)
    assert rows.shape == (1, 2048) and rows.std() > 0 and len(times) == 1
    np.testing.assert_array_equal(extractor.extract(made)[1], rows)
    values = np.random.default_rng(0).integers(0, 256, (1, 1, 299, 299, 3), dtype=np.uint8)
    given = keras.ops.convert_to_numpy(extractor.preprocess(values))
    np.testing.assert_allclose(given, values[:, 0] / 127.5 - 1, 0, 1e-6)


def test_principal_components_in_the_graph(pca):
    """Of which NumPy says the same, and the bytes are the published ones."""
    embeddings = np.random.default_rng(1).uniform(0, 1, (5, 2048)).astype("f4")
    matrices = YouTube8MPCA(pca)
    expected = matrices.components(embeddings)
    found = InceptionV3(pca=True)._finish(matrices)(embeddings).numpy()
    np.testing.assert_allclose(found, expected, 1e-9, 1e-9)
    recipe = InceptionV3(pca=True, quantised=True)
    found = recipe._finish(matrices)(embeddings).numpy()
    np.testing.assert_allclose(found, dequantised(matrices.quantised(embeddings)), 0, 1e-12)


def test_rows_of_youtube8m(pca, film, tmp_path, monkeypatch):
    images = keras.Input((299, 299, 3))
    x = keras.layers.Dense(2048)(keras.layers.GlobalAveragePooling2D()(images))
    small = keras.Model(images, {"embedding": x})
    monkeypatch.setattr(inception_v3, "load", lambda path: small)
    (tmp_path / "inception.h5").write_bytes(b"")
    files = {"inception-v3": tmp_path / "inception.h5", "youtube8m-pca": pca}
    extractor = InceptionV3(pca=True, quantised=True).load(files)
    assert extractor.shape == (1024,) and len(extractor.weights["youtube8m-pca"]) == 64
    _, rows = extractor.extract(film("film.mkv").picture(greys(20)).write())
    codes = (rows - (4 / 512 - 2)) * (255 / 4)
    assert rows.shape == (2, 1024) and rows.std() > 0
    np.testing.assert_allclose(codes, np.rint(codes), 0, 1e-4)
