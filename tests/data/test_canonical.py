import numpy as np
import pytest

from kavc.data.canonical import canonical_correlation
from kavc.errors import DataError


def correlated(n=4000, seed=0):
    """Two modalities of 6 and 4 dimensions whose canonical correlations are known."""
    rng = np.random.default_rng(seed)
    known = np.array([0.9, 0.6, 0.0, 0.0])
    x, noise = rng.normal(size=(n, 6)), rng.normal(size=(n, 4))
    y = known * x[:, :4] + np.sqrt(1 - known**2) * noise
    mix = rng.normal(size=(6, 6)), rng.normal(size=(4, 4))
    return x @ mix[0] + 3, y @ mix[1] - 1, known


def test_known_correlations_come_back_whatever_the_mixing():
    x, y, known = correlated()
    found = canonical_correlation(x, y, ridge=0)
    np.testing.assert_allclose(found.correlations, known, atol=0.08)  # 4,000 rows


def test_coordinates_are_white_and_correlate_pairwise():
    x, y, _ = correlated()
    found = canonical_correlation(x, y, ridge=0)
    a = (x - found.audio_mean) @ found.audio_directions
    b = (y - found.visual_mean) @ found.visual_directions
    np.testing.assert_allclose(a.T @ a / len(a), np.eye(6), atol=1e-8)
    np.testing.assert_allclose(b.T @ b / len(b), np.eye(4), atol=1e-8)
    expected = np.eye(6, 4) * found.correlations
    np.testing.assert_allclose(a.T @ b / len(a), expected, atol=1e-8)


def test_embeddings_are_units_and_weighted():
    x, y, _ = correlated(200)
    found = canonical_correlation(x, y)
    for name, values in (("audio", x), ("visual", y)):
        embedding = found.embed(name, values, dimensions=3)
        assert embedding.shape == (200, 3) and embedding.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, rtol=1e-5)
    plain = found.embed("audio", x, dimensions=3, power=0)
    ratio = found.embed("audio", x, dimensions=3, power=1) / plain
    expected = found.correlations[1] / found.correlations[0]
    np.testing.assert_allclose(ratio[:, 1] / ratio[:, 0], expected, rtol=1e-4)


def test_fewer_dimensions_are_the_first_of_all():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 9)), rng.normal(size=(300, 7))
    y[:, :3] += x[:, :3]
    every, first = (canonical_correlation(x, y, 0.4, dimensions) for dimensions in (None, 3))
    for name in ("audio_directions", "visual_directions"):
        one, other = getattr(every, name)[:, :3], getattr(first, name)[:, :3]
        np.testing.assert_allclose(one * np.sign(one[0]), other * np.sign(other[0]), atol=1e-12)


def test_constant_features_have_no_directions_but_numbers():
    found = canonical_correlation(np.ones((5, 4)), np.ones((5, 3)), 0.4, dimensions=2)
    assert np.isfinite(found.embed("audio", np.ones((2, 4)))).all()


def test_constant_columns_and_fewer_rows_than_columns_are_taken():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 8)), rng.normal(size=(5, 3))
    x[:, 2] = 1
    for ridge in (0.0, 0.1):
        assert np.isfinite(canonical_correlation(x, y, ridge).embed("audio", x, 3)).all()


@pytest.mark.parametrize("shapes", [((3, 2), (4, 2)), ((1, 2), (1, 2)), ((3,), (3, 2))])
def test_other_shapes_are_refused(shapes):
    with pytest.raises(DataError, match="expected"):
        canonical_correlation(*(np.zeros(shape) for shape in shapes))


def test_the_first_directions_alone_are_the_same():
    x, y, _ = correlated(500)
    full, few = canonical_correlation(x, y), canonical_correlation(x, y, dimensions=2)
    np.testing.assert_allclose(few.correlations, full.correlations[:2], rtol=1e-10)
    for name in ("audio_directions", "visual_directions"):
        one, other = getattr(few, name), getattr(full, name)[:, :2]
        np.testing.assert_allclose(one * np.sign(one[0]), other * np.sign(other[0]), rtol=1e-8)
