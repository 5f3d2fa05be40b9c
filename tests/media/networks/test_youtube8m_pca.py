"""YouTube-8M's principal components, on matrices that are made up, and on the real ones if here."""

from __future__ import annotations

import os

import numpy as np
import pytest

from kavc.errors import DataError
from kavc.media.networks.youtube8m_pca import YouTube8MPCA, dequantised


@pytest.fixture(scope="module")
def matrices():
    rng = np.random.default_rng(0)
    return {
        "mean": rng.uniform(0, 1, (2048, 1)).astype("float32"),
        "eigenvals": np.sort(rng.uniform(0, 0.1, (2048, 1)))[::-1].astype("float32"),
        "eigenvecs": rng.normal(0, 2048**-0.5, (2048, 2048)).astype("float32"),
    }


def written(folder, matrices):
    folder.mkdir(exist_ok=True)
    for name, array in matrices.items():
        np.save(folder / f"{name}.npy", array)
    return folder


@pytest.fixture(scope="module")
def pca(matrices, tmp_path_factory):
    return YouTube8MPCA(written(tmp_path_factory.mktemp("pca"), matrices))


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(1).uniform(0, 1, (3, 2048))


def by_hand(matrices, features):
    """A component at a time: a vector is a row of the file."""
    mean, values, vectors = (np.float64(matrices[name]) for name in matrices)
    roots = [np.sqrt(values[k, 0] + 1e-4) for k in range(1024)]
    return np.array(
        [
            [np.dot(row - mean[:, 0], vectors[k]) / root for k, root in enumerate(roots)]
            for row in features
        ]
    )


def test_components_and_bytes(pca, matrices, features):
    expected = by_hand(matrices, features)
    assert expected.std() > 0.1
    np.testing.assert_allclose(pca.components(features), expected, 1e-9, 1e-9)
    codes = pca.quantised(features)
    assert codes.dtype == np.uint8 and codes.shape == (3, 1024) and codes.std() > 5
    np.testing.assert_allclose(codes, (np.clip(expected, -2, 2) + 2) * 63.75, 0, 0.5 + 1e-6)
    inside = np.abs(expected) < 2
    # The middle of 256 steps, as published, for bytes that are nearest of 255 steps.
    assert np.abs(dequantised(codes) - expected)[inside].max() < 4 / 255 / 2 + 4 / 512 + 1e-9
    np.testing.assert_allclose(dequantised(np.array([0, 255], "u1")), [-1.9921875, 2.0078125])


def test_the_published_vector_tells_other_matrices(pca, matrices, features, tmp_path):
    pair = {"original": features[0], "pca": by_hand(matrices, features[:1])[0]}
    np.savez(tmp_path / "vector.npz", **pair)
    assert pca.check(tmp_path / "vector.npz") < 1e-9
    turned = written(tmp_path / "turned", matrices | {"eigenvecs": matrices["eigenvecs"].T})
    with pytest.raises(DataError, match=r"turned: not the matrices of YouTube-8M: they differ by"):
        YouTube8MPCA(turned).check(tmp_path / "vector.npz")
    np.savez(tmp_path / "half.npz", original=features[0])
    with pytest.raises(DataError, match="no array 'pca'"):
        pca.check(tmp_path / "half.npz")


def test_files_that_hold_no_more_than_is_kept(pca, matrices, features, tmp_path):
    kept = {name: array[:1024] for name, array in matrices.items() if name != "mean"}
    folder = written(tmp_path / "kept", kept | {"mean": matrices["mean"]})
    again = YouTube8MPCA(folder)
    np.testing.assert_array_equal(again.components(features), pca.components(features))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"mean": np.zeros(2048)}, r"mean\.npy has the shape \(2048,\); \(2048, 1\) is expected"),
        ({"eigenvals": np.zeros((3, 1))}, r"eigenvals\.npy has the shape \(3, 1\); \(1024, 1\)"),
        (
            {"eigenvals": np.full((1024, 1), -1.0)},
            r"eigenvals\.npy: an eigenvalue of -1; variances",
        ),
        ({"mean": np.full((2048, 1), np.inf)}, r"mean\.npy holds NaN or infinity"),
        ({"mean": np.full((2048, 1), "x")}, r"mean\.npy holds <U1; numbers are expected"),
        ({"eigenvecs": None}, r"eigenvecs\.npy: no such file"),
    ],
)
def test_other_files_are_refused(matrices, tmp_path, change, reason):
    small = {
        "mean": matrices["mean"],
        "eigenvals": matrices["eigenvals"][:1024],
        "eigenvecs": matrices["eigenvecs"][:1024],
    }
    kept = {name: array for name, array in (small | change).items() if array is not None}
    with pytest.raises(DataError, match=reason):
        YouTube8MPCA(written(tmp_path / "pca", kept))


def test_the_real_matrices(shared):
    """KAVC_TEST_YT8M_PCA names the folder that `yt8m_pca.tgz` was unpacked into."""
    if "KAVC_TEST_YT8M_PCA" not in os.environ:
        pytest.skip("KAVC_TEST_YT8M_PCA names no folder of YouTube-8M's PCA")
    pca = YouTube8MPCA(os.environ["KAVC_TEST_YT8M_PCA"])
    assert pca.check(shared / "data" / "labels" / "yt8m_pca_one_vector.npz") < 1e-5
