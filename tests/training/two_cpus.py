"""Fits on one and on two logical CPUs, in a process of their own: TensorFlow counts them once.

Called with a folder, it leaves `fits.json`: what each fit of FITS gave, under each number of
devices. `test_devices.py` compares.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import tensorflow as tf

from kavc.data.source import Source
from kavc.errors import ConfigError
from kavc.systems import registry
from kavc.training.devices import gather, share_out, strategy_for
from kavc.training.fit import train

# 60 examples in batches of 8: the last one has 4. Without dropout, which draws on each device. SGD,
# since Adam would not notice gradients that are twice too large.
EXACT = {"batch_size": 8, "dropout": 0, "epochs": 2, "optimizer": "sgd"}
FITS = {
    "mean": EXACT | {"averaged": True},
    "contrast": EXACT | {"contrast": True},
}
ODD = {"averaged": True, "epochs": 2}  # batches of 7, and dropout


class Killed(BaseException):
    """Stands for a process that dies."""


def load_tiny():
    name = "kavc_tests_tiny"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("tiny.py"))
    sys.modules[name] = tiny = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny)
    tiny.TinySystem.stage_names = ("only",)
    registry.SYSTEMS["tiny"] = (name, "TinySystem")
    return tiny.TinySystem()


def fit(out, overrides, devices, **more):
    run = train(
        load_tiny(), Source("synthetic", out), out, overrides=overrides, devices=devices, **more
    )
    weights = [weight.tolist() for weight in run.network.get_weights()]
    return {"weights": weights, "history": (out / "history.csv").read_text()}


def fit_in_parts(out, overrides, devices):
    """Dies after every epoch; goes on with the next number of devices."""

    def die(stage, state):
        raise Killed

    for count in devices:
        try:
            return fit(out, overrides, count, resume=True, after_epoch=die)
        except Killed:
            continue
    return None


def parts_of_batches():
    """The examples that each device gets of each batch, for 13 examples in batches of 6."""
    data = tf.data.Dataset.range(13).batch(6).map(lambda x: (x, x > 3))
    shared = strategy_for(2).experimental_distribute_dataset(share_out(data, 2))
    return [[part.numpy().tolist() for part in x.values] for x, _ in shared]


def gathered_gradient():
    """The gradient of a part x of sum(w g(x)^2), with the same w = 0, 1, ... on both devices."""
    strategy = strategy_for(2)

    @tf.function
    def part_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            whole = gather(x)
            loss = tf.reduce_sum(tf.range(4.0) * whole**2)
        return whole, tape.gradient(loss, x)

    (batch,) = strategy.experimental_distribute_dataset(
        tf.data.Dataset.from_tensors(tf.constant([1.0, 2.0, 3.0, 4.0]))
    )
    found = strategy.run(part_gradient, args=(batch,))
    return [[part.numpy().tolist() for part in each.values] for each in found]


def refusal(devices):
    try:
        strategy_for(devices)
    except ConfigError as error:
        return str(error)
    return None


def main(folder):
    found = {
        f"{name} {count}": fit(folder / f"{name}-{count}", overrides, count)
        for name, overrides in FITS.items()
        for count in (2, 1)  # 2 first: it makes the logical CPUs
    }
    found["odd"] = fit(folder / "odd", ODD, 2)
    found["odd in parts"] = fit_in_parts(folder / "odd-in-parts", ODD, [2] * 5)
    found["moved"] = fit_in_parts(folder / "moved", FITS["mean"], [2, 1] * 3)
    found["parts"] = parts_of_batches()
    found["gather"] = gathered_gradient()
    found["refusal"] = refusal(3)
    (folder / "fits.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
