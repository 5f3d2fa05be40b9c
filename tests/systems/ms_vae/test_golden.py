"""MS-VAE, its losses, gradients and first step against arrays of the published modules.

The arrays are runs in float64 that were stored in float32, so they agree to its rounding.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.losses.variational import distance, gaussian_kl, gaussian_wasserstein, pair_error
from kavc.systems.ms_vae.published import PublishedGenerating, TwiceAdam

STORED = 1e-6  # float32's rounding, of numbers up to some hundred

PARTS = ("small", "full")
WHEN = {"early": 1, "late": 0}  # step at which the weight of the divergence changes
on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="gradients are taken with tf.GradientTape"
)


def close(found, expected, tolerance=STORED):
    expected = np.asarray(expected)
    scale = max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, 0, tolerance * scale)


@pytest.mark.parametrize("part", PARTS)
def test_outputs(golden, part):
    found = golden.network(part)(golden.inputs(part))
    for kind, letter in (("audio", "a"), ("visual", "v")):
        close(found[f"{kind}_mean"], golden[f"{part}_mu_{letter}"])
        close(found[f"{kind}_log_variance"], golden[f"{part}_logvar_{letter}"])
        close(found[f"from_{kind}"], golden[f"{part}_eval_rec_from_{letter}"])


def test_the_recipe_of_the_true_width_draws_what_it_drew(golden):
    weights = golden.weights("full")
    names = [str(name) for name in golden["full_param_names"]]
    np.testing.assert_allclose([weights[n].sum() for n in names], golden["full_param_sums"])
    close([np.abs(weights[n]).sum() for n in names], golden["full_param_abs_sums"], 1e-12)


@pytest.mark.parametrize("part", PARTS)
def test_terms_of_the_loss(golden, part):
    found = {}
    pair = np.concatenate([golden[f"{part}_x_v"], golden[f"{part}_x_a"]], axis=1)
    for letter in "va":
        moments = [np.float64(golden[f"{part}_{of}_{letter}"]) for of in ("mu", "logvar")]
        found[f"kl_{letter}"] = ops.sum(gaussian_kl(*moments))
        reconstruction = np.float64(golden[f"{part}_rec_from_{letter}"])
        found[f"mse_from_{letter}"] = ops.mean(pair_error(reconstruction, np.float64(pair)))
    for half in (1, 2):
        latents = [np.float64(golden[f"{part}_z_{letter}_lat{half}"]) for letter in "av"]
        found[f"latent_{half}"] = distance(*latents, axis=None)
    four = [np.float64(golden[f"{part}_{of}_{x}"]) for x in "av" for of in ("mu", "logvar")]
    apart = gaussian_wasserstein(*four)
    found |= {
        "w2sq_per_segment": ops.square(apart),
        "w2_mean": ops.mean(apart),
        "w2_frobenius": ops.sqrt(ops.sum(ops.square(apart))),
        "w2sq_mean": ops.mean(ops.square(apart)),
        "mu_dist_frobenius": distance(four[0], four[2], axis=None),
    }
    for name, value in found.items():
        close(value, golden[f"{part}_{name}"])


def total(golden, part, when):
    """Loss and gradients by PyTorch's name, and the network."""
    import tensorflow as tf

    network = golden.network(part)
    golden.give_noise(network, part)
    trainee = PublishedGenerating(network, switch_step=WHEN[when])
    inputs = {name: tf.constant(x) for name, x in golden.inputs(part).items()}
    with tf.GradientTape() as tape:
        loss = trainee.compute_loss(inputs, None, trainee(inputs, training=True))
    return loss, tape.gradient(loss, [v.value for v in network.trainable_variables]), network


@on_tensorflow
@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("part", PARTS)
def test_loss_and_gradients(golden, part, when):
    loss, gradients, network = total(golden, part, when)
    close(loss, golden[f"{part}_total_{when}"])
    found = golden.as_torch(network, gradients)
    assert len(found) == 32
    for name, gradient in found.items():
        norm = golden[f"{part}_gradnorm_{when}/{name}"]
        assert abs(np.linalg.norm(gradient) - norm) < STORED * norm, name
        key = f"{part}_grad_{when}/{name}"
        if key in golden:
            corner = gradient[tuple(slice(0, n) for n in golden[key].shape)]
            close(corner, golden[key])


@on_tensorflow
@pytest.mark.parametrize("kind", ["two", "one"])
def test_the_first_step(golden, kind):
    _, gradients, network = total(golden, "small", "early")
    before = [v.numpy() for v in network.trainable_variables]
    optimizer = TwiceAdam(1e-5, twice="decoder" if kind == "two" else "none of them")
    optimizer.apply(gradients, network.trainable_variables)
    moved = [v.numpy() - b for v, b in zip(network.trainable_variables, before, strict=True)]
    found = golden.as_torch(network, [x / 1e-5 for x in moved])
    optimisers = "two_optimisers" if kind == "two" else "one_optimiser"
    keys = [key for key in golden if key.startswith(f"small_update_{optimisers}/")]
    assert keys
    for key in keys:
        close(found[key.split("/", 1)[1]], golden[key])
