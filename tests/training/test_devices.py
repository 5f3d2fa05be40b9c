"""Several devices take the steps of one: the same batches, gradients, averages and metrics."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ConfigError
from kavc.training.devices import described, gather, share_out, strategy_for
from kavc.training.fit import train

# Sums of at most 60 float32 in another order, through 16 steps.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
TWO = SimpleNamespace(num_replicas_in_sync=2)  # of a strategy


@pytest.fixture(scope="module")
def fits(tmp_path_factory) -> dict:
    """What two_cpus.py found."""
    folder = tmp_path_factory.mktemp("fits")
    command = [sys.executable, Path(__file__).with_name("two_cpus.py"), folder]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "fits.json").read_text())


def assert_same_fit(a, b):
    for one, other in zip(a["weights"], b["weights"], strict=True):
        np.testing.assert_allclose(one, other, **TOLERANCE)
    assert logs(a).keys() == logs(b).keys()
    for name, values in logs(a).items():
        np.testing.assert_allclose(values, logs(b)[name], err_msg=name, **TOLERANCE)


def logs(fit):
    rows = list(csv.DictReader(fit["history"].splitlines()))
    return {name: [float(r[name]) for r in rows] for name in rows[0] if name != "stage"}


@pytest.mark.parametrize("kind", ["mean", "contrast"])
def test_two_devices_end_where_one_does(fits, kind):
    assert_same_fit(fits[f"{kind} 2"], fits[f"{kind} 1"])
    assert {"loss", "val_loss"} <= logs(fits[f"{kind} 2"]).keys()


def test_a_fit_that_is_stopped_ends_with_the_same_bits(fits):
    """With dropout, averaged weights, and batches that two devices can't share evenly."""
    assert fits["odd in parts"] == fits["odd"]


def test_a_fit_goes_on_with_another_number_of_devices(fits):
    assert_same_fit(fits["moved"], fits["mean 1"])


def test_each_device_has_its_part_of_the_same_batch(fits):
    assert fits["parts"] == [
        [[0, 1, 2], [3, 4, 5]],
        [[6, 7, 8], [9, 10, 11]],
        [[12], [12]],
    ]


def test_what_is_gathered_is_whole_and_has_a_gradient(fits):
    whole, gradient = fits["gather"]
    assert whole == [[1, 2, 3, 4], [1, 2, 3, 4]]
    # 2 w x of both devices' losses, with w = 0, 1, 2, 3.
    assert gradient == [[0, 8], [24, 48]]


def test_more_devices_than_there_are(fits):
    assert fits["refusal"].startswith(
        "3 devices were asked for, this process has 0 GPUs and 2 CPUs; ask for fewer"
    )


def test_devices_that_come_too_late(system, source, tmp_path):
    tf.constant(0)  # from here on TensorFlow has the one CPU
    with pytest.raises(ConfigError, match="2 devices were asked for, this process has 0 GPUs and"):
        train(system, source, tmp_path / "run", devices=2)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("devices", [0, -1])
def test_no_device(devices):
    with pytest.raises(ConfigError, match=f"devices must be at least 1; got {devices}"):
        strategy_for(devices)


@pytest.mark.parametrize("devices", [None, 1])
def test_one_device_is_as_ever(devices):
    assert strategy_for(devices) is tf.distribute.get_strategy()
    assert not tf.distribute.has_strategy()


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        (2, [[0, 1, 2, 3], [5, 6, 7, 8], [10, 10]]),
        (4, [[0, 1, 2, 3], [5, 6, 7, 8], [10, 10, 10, 10]]),
        (5, [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 10, 10, 10, 10]]),
    ],
)
def test_batches_that_can_be_shared_evenly(devices, expected):
    batches = share_out(tf.data.Dataset.range(11).batch(5), devices)
    assert int(batches.cardinality()) == 3
    assert [batch.tolist() for (batch,) in batches.as_numpy_iterator()] == expected


def test_all_of_an_example_stays_together():
    data = tf.data.Dataset.range(4).batch(4).map(lambda x: ({"a": x, "b": x > 1}, -x))
    ((inputs, target),) = share_out(data, 2).as_numpy_iterator()
    np.testing.assert_array_equal(inputs["a"], -target)
    np.testing.assert_array_equal(inputs["b"], [0, 0, 1, 1])


@pytest.mark.parametrize(
    ("devices", "expected"), [(None, ["a GPU"]), (2, ["2 x a GPU"]), (3, ["2 x a GPU", "another"])]
)
def test_reports_name_the_devices(devices, expected, monkeypatch):
    names = ["a GPU", "a GPU", "another", "one that is not used"]
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: names)
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda name: {"device_name": name}
    )
    strategy = devices and SimpleNamespace(num_replicas_in_sync=devices)
    assert described(strategy) == expected


def test_a_gpu_that_is_left_to_others_is_not_named(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    assert described()[0].startswith("CPU, ")


def test_reports_name_the_processor():
    assert re.fullmatch(r"CPU, .+, \d+ cores?, as 2 logical devices", *described(TWO))
    assert re.fullmatch(r"CPU, .+, \d+ cores?", *described())


def test_one_device_has_the_whole_batch():
    np.testing.assert_array_equal(gather(tf.constant([1.0, 2.0])), [1, 2])
