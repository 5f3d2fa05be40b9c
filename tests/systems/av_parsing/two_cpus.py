"""Steps against the adversary on one and on two logical CPUs, in a process of their own.

Called with a folder, it leaves `one.npz` and `two.npz`: weights, running averages and step counter
of the trainee, and what was logged. `test_trainees.py` compares.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kavc.systems.av_parsing.networks import HAN
from kavc.systems.av_parsing.trainees import Adversarial
from kavc.training.devices import gather, share_out, strategy_for

VIDEOS, SEGMENTS, CLASSES = 20, 3, 4
BATCH = 8  # the last one has 4


def examples():
    rng = np.random.default_rng(0)
    x = {
        name: rng.normal(size=(VIDEOS, SEGMENTS, width)).astype("float32")
        for name, width in (("audio", 5), ("visual", 6), ("visual_3d", 7))
    }
    labels = (rng.random((VIDEOS, CLASSES)) < 0.4).astype("float32")
    return x, dict.fromkeys(("video", "audio", "visual"), labels)


def fit(devices):
    """As `kavc.training.stages` fits; SGD, since Adam would not notice twice the gradient."""
    strategy = strategy_for(devices)
    keras.utils.set_random_seed(0)
    with strategy.scope():
        # Any network will do: this one is traced in a third of the time.
        network = HAN(CLASSES, 5, 6, 7, segments=SEGMENTS, dim=8, units=8, dropout=0.0)
        trainee = Adversarial(network, adversarial_weight=2.0, total_steps=6, first_step=2)
        trainee.compile(keras.optimizers.SGD(0.1))
        trainee.optimizer.build(trainee.trainable_variables)
    data = tf.data.Dataset.from_tensor_slices(examples()).batch(BATCH)
    if devices > 1:
        data, trainee.gather = share_out(data, devices), gather
    logs = trainee.fit(data, epochs=2, shuffle=False, verbose=0).history
    found = {f"weight {at}": weight.numpy() for at, weight in enumerate(trainee.weights)}
    found |= {f"log {name}": np.array(values) for name, values in logs.items()}
    for norm in trainee.discriminator.norms:
        found[f"{norm.name} moving_mean"] = norm.moving_mean.numpy()
        found[f"{norm.name} moving_variance"] = norm.moving_variance.numpy()
    return found | {"steps": trainee.steps.numpy()}


def main(folder):
    for name, devices in (("two", 2), ("one", 1)):  # 2 first: it makes the logical CPUs
        np.savez(folder / f"{name}.npz", **fit(devices))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
