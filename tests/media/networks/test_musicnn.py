"""musicnn's spectrogram and network, and its published weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.errors import DataError
from kavc.media.networks.musicnn import BANDS, MusicMel, Musicnn, load_npz, slaney_matrix


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return Musicnn()


@pytest.fixture(scope="module")
def arrays(network):
    """Its weights by the published names."""
    found = {}
    for layer in network.layers:
        for variable in layer.weights:
            there = layer.name.replace("scores", "dense_1").removesuffix("_0")
            found[f"{there}|{variable.name}"] = variable.numpy()
    return found


def test_parameters(network):
    assert network.count_params() == 792_079
    assert network.output["embedding"].shape == (None, 200)
    assert [layer.kernel.shape[:2] for layer in network.convolutions] == [
        (7, 38), (7, 67), (128, 1), (64, 1), (32, 1), (7, 561), (7, 64), (7, 64)
    ]  # fmt: skip


def test_bands_are_of_equal_area_and_cover_the_spectrum():
    weights = slaney_matrix()
    assert weights.shape == (257, BANDS)
    hertz = 16_000 / 512
    wide = weights[:, 40:]  # bands of several bins each
    np.testing.assert_allclose(wide.sum(axis=0) * hertz, 1, 0.08)
    assert (weights[8:-8].sum(axis=1) > 0).all()


@pytest.mark.parametrize("hertz", [500, 3000])
def test_a_tone_is_in_its_band(hertz):
    tone = np.sin(2 * np.pi * hertz * np.arange(48_000) / 16_000).astype("float32")
    (patch,) = keras.ops.convert_to_numpy(MusicMel()(tone[None]))[0]
    band = patch.mean(axis=0).argmax()
    weights = slaney_matrix()
    assert weights[round(hertz / 31.25), band] == weights[round(hertz / 31.25)].max()


@pytest.mark.parametrize(("samples", "patches"), [(47_615, 0), (47_616, 1), (160_000, 3)])
def test_how_many_patches(samples, patches):
    found = MusicMel()(np.zeros((2, samples), "float32"))
    assert found.shape == (2, patches, 187, 96)
    np.testing.assert_allclose(found, 0, 0, 1e-6)  # silence


def test_round_their_configs(network):
    assert Musicnn.from_config(network.get_config()).get_config() == network.get_config()
    layer = MusicMel(patch_hop=94)
    assert MusicMel.from_config(layer.get_config()).patch_hop == 94


def test_there_and_back_by_the_published_names(network, arrays, tmp_path):
    for separator in "|/":
        np.savez(
            tmp_path / "m.npz", **{name.replace("|", separator): x for name, x in arrays.items()}
        )
        again = load_npz(tmp_path / "m.npz")
        for ours, theirs in zip(network.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_other_weights_are_refused(arrays, tmp_path):
    less = {name: array for name, array in arrays.items() if name != "dense|bias"}
    np.savez(tmp_path / "less.npz", **less)
    with pytest.raises(DataError, match="no array 'dense/bias', which musicnn has"):
        load_npz(tmp_path / "less.npz")
    np.savez(tmp_path / "big.npz", **arrays | {"dense|bias": np.zeros(500, "float32")})
    with pytest.raises(DataError, match=r"'dense/bias' has the shape \(500,\), \(200,\) is"):
        load_npz(tmp_path / "big.npz")


@pytest.mark.parametrize("name", ["MTT", "MSD"])
def test_the_published_weights_load(shared, name):
    network = load_npz(shared / "data" / "musicnn" / f"{name}_musicnn.npz")
    scores = network({"patches": np.zeros((1, 187, 96), "float32")})["scores"]
    assert np.isfinite(scores).all()
