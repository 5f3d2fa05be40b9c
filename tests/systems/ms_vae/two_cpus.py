"""Steps of MS-VAE on one and on two logical CPUs, in a process of their own.

Called with a folder, it leaves `one.npz` and `two.npz`: of the paper's loss and of the published
code's, weights, step counter and what was logged. `test_devices.py` compares. Without draws, which
each device has of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kavc.systems.ms_vae.networks import MSVAE
from kavc.systems.ms_vae.published import PublishedGenerating
from kavc.systems.ms_vae.trainees import Generating
from kavc.training.devices import gather, share_out, strategy_for

SEGMENTS, BATCH = 20, 8  # the last batch has 4
SMALL = {"latent_dim": 3, "audio_units": (4,), "visual_units": (4,), "decoder_units": (5,)}
TRAINEES = {
    "paper": lambda network: Generating(network, latent="gaussians", switch_step=3),
    "code": lambda network: PublishedGenerating(network, latent="matrix", switch_step=3),
}


def examples():
    rng = np.random.default_rng(0)
    widths = {"audio": 6, "visual": 7}
    return {name: rng.normal(size=(SEGMENTS, w)).astype("float32") for name, w in widths.items()}


def fit(devices, make):
    """As `kavc.training.stages` fits; SGD, since Adam would not notice twice the gradient."""
    strategy = strategy_for(devices)
    keras.utils.set_random_seed(0)
    with strategy.scope():
        network = MSVAE(6, 7, **SMALL)
        for sampling in network.sampling.values():
            sampling.draw = lambda mean, log_variance: mean
        trainee = make(network)
        trainee.compile(keras.optimizers.SGD(0.01))
        trainee.optimizer.build(trainee.trainable_variables)
    data = tf.data.Dataset.from_tensor_slices((examples(),)).batch(BATCH)
    if devices > 1:
        data, trainee.gather = share_out(data, devices), gather
    logs = trainee.fit(data, epochs=2, shuffle=False, verbose=0).history
    found = {f"weight {at}": weight.numpy() for at, weight in enumerate(trainee.weights)}
    found |= {f"log {name}": np.array(values) for name, values in logs.items()}
    return found | {"steps": trainee.steps.numpy()}


def main(folder):
    for name, devices in (("two", 2), ("one", 1)):  # 2 first: it makes the logical CPUs
        fits = {kind: fit(devices, make) for kind, make in TRAINEES.items()}
        arrays = {f"{kind} {key}": x for kind, found in fits.items() for key, x in found.items()}
        np.savez(folder / f"{name}.npz", **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
