"""Networks that embed: AVE's with its released weights, DCCA's turn, and what each has in size."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.errors import DataError
from kavc.losses.pairs import distance_pair_loss
from kavc.losses.variational import distance
from kavc.systems.ms_vae.embeddings import DCCA, AVENet, L3Net, MatchingNetwork
from kavc.systems.ms_vae.released import LAYERS, load_released

STORED = 1e-6
PARAMETERS = {MatchingNetwork: 98_688, L3Net: 460_162, AVENet: 115_204}


def dcca_parameters(audio=128, visual=512, units=1024, dim=10):
    tower = sum((w + 1) * units for w in (units, units)) + (units + 1) * dim
    norms, turned = 3 * 2 * units, dim + dim * dim
    return sum((w + 1) * units + tower + norms + turned for w in (audio, visual))


@pytest.mark.parametrize("network", PARAMETERS)
def test_parameters(network):
    assert network().count_params() == PARAMETERS[network]


def test_parameters_of_dcca():
    assert DCCA().count_params() == dcca_parameters()


@pytest.fixture(scope="module")
def released(shared):
    """AVE's network with its authors' weights, in float64."""
    return load_released(shared / "data" / "ave" / "cmm_model_weights.h5", dtype="float64")


@pytest.fixture(scope="module")
def pairs(shared, golden_ave):
    from kavc.data.ave import read_noisy

    audio = read_noisy(shared / "data" / "ave")[:3].reshape(30, 128)
    return {"audio": np.float64(audio), "visual": np.float64(golden_ave["cmm_x_v"])}


def test_the_released_weights_embed_as_they_did(released, pairs, golden_ave):
    found = {name: ops.convert_to_numpy(x) for name, x in released(pairs).items()}
    for ours, theirs in (
        ("visual_embedding", "cmm_emb_v"),
        ("audio_embedding", "cmm_emb_a"),
        ("distance", "cmm_distance"),
    ):
        np.testing.assert_allclose(found[ours], golden_ave[theirs], STORED, STORED)


@pytest.mark.parametrize("margin", [1, 2])
def test_the_contrastive_loss(golden_ave, margin):
    losses = distance_pair_loss(
        np.float64(golden_ave["cmm_distance"]), golden_ave["cmm_y"], margin=float(margin)
    )
    expected = golden_ave[f"cmm_contrastive_margin{margin}"]
    assert abs(float(ops.mean(losses)) - expected) < STORED


def test_a_match_is_told_by_a_small_distance():
    """Begun at random, the sign of that layer is a matter of luck."""
    network = AVENet(4, 4, units=3, dim=2)
    logits = network.get_layer("match")(np.float32([[0.1], [1.9]]))
    near, far = ops.convert_to_numpy(logits)
    assert near[1] > near[0] and far[0] > far[1]


def test_embeddings_of_ave_net_have_norm_1():
    inputs = {"audio": np.ones((3, 4)), "visual": np.ones((3, 5))}
    found = AVENet(4, 5, units=3, dim=2)(inputs)
    norms = ops.convert_to_numpy(ops.norm(found["audio_embedding"], axis=-1))
    np.testing.assert_allclose(norms, 1, 1e-6)
    apart = distance(found["audio_embedding"], found["visual_embedding"])
    assert ops.shape(apart) == (3,)


def test_projections_of_dcca_are_what_it_turns():
    network = DCCA(4, 5, units=6, layers=2, dim=3)
    inputs = {"audio": np.ones((2, 4)), "visual": np.ones((2, 5))}
    for kind in ("audio", "visual"):
        layer = network.get_layer(f"{kind}_canonical")
        layer.assign(np.ones(3), 2 * np.eye(3))
    projected = keras.Model(network.input, network.projections)(inputs)
    for kind in ("audio", "visual"):
        np.testing.assert_allclose(
            ops.convert_to_numpy(network(inputs)[f"{kind}_embedding"]),
            2 * (ops.convert_to_numpy(projected[f"{kind}_projection"]) - 1),
            1e-6,
        )


def written(path, units=128):
    """A file in the released one's layout, of random weights."""
    import h5py

    rng = np.random.default_rng(0)
    widths = {"visual": 512, "audio": 128}
    with h5py.File(path, "w") as file:
        for number, name in enumerate(LAYERS, 1):
            hidden = name.endswith("hidden")
            shape = (widths[name.partition("_")[0]], units) if hidden else (units, 64)
            group = file.create_group(f"dense_{number}/dense_{number}")
            group["kernel:0"] = rng.normal(size=shape).astype("float32")
            group["bias:0"] = rng.normal(size=shape[1:]).astype("float32")
    return path


def test_weights_in_the_released_layout(tmp_path):
    import h5py

    network = load_released(written(tmp_path / "w.h5"))
    with h5py.File(tmp_path / "w.h5") as file:
        expected = file["dense_3/dense_3/kernel:0"][()]
    found = ops.convert_to_numpy(network.get_layer("audio_hidden").kernel)
    np.testing.assert_array_equal(found, expected)


def test_other_weights_are_refused(tmp_path):
    with pytest.raises(DataError, match="dense_1/dense_1/kernel:0"):
        load_released(written(tmp_path / "narrow.h5", units=100))
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(DataError, match="no HDF5"):
        load_released(tmp_path / "text.h5")
    with pytest.raises(DataError, match=r"missing\.h5"):
        load_released(tmp_path / "missing.h5")
