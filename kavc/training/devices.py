"""One fit on several devices of a machine: which they are, and how they share a batch.

Each device holds a copy of the model and takes its part of every batch. Gradients are added up, so
that a step is that of one device on the whole batch: for a mean over examples because Keras divides
by the number of devices, and for a loss that compares all examples of a batch because it gathers
them (`gather`).

Not the same as on one device: what a layer computes over a batch, as BatchNormalization does, is of
one device's part (`synchronized=True` makes it whole); dropout draws for each part; and Keras clips
gradients (`clipnorm`) on each device, before they are added up.
"""

from __future__ import annotations

import contextlib
import os
import platform
from collections import Counter
from pathlib import Path
from typing import Any

import tensorflow as tf

from kavc.errors import ConfigError


def strategy_for(devices: int | None) -> tf.distribute.Strategy:
    """Returns what a fit is to run under.

    A machine without a GPU runs as many logical CPUs, to try a system out: they share the same
    cores and are no faster. They must be made before TensorFlow first runs anything.

    Args:
        devices: number of devices; None or 1 for TensorFlow's default one.

    Raises:
        ConfigError: there are fewer.

    Example:
        >>> strategy_for(None).num_replicas_in_sync
        1
        >>> strategy_for(0)
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: devices must be at least 1; got 0
    """
    if devices is None or devices == 1:
        return tf.distribute.get_strategy()
    if devices < 1:
        raise ConfigError(f"devices must be at least 1; got {devices}")
    if not tf.config.list_physical_devices("GPU"):
        _make_logical_cpus(devices)
    found = {kind: tf.config.list_logical_devices(kind) for kind in ("GPU", "CPU")}
    for some in found.values():
        if len(some) >= devices:
            # TensorFlow's default all-reduce is refused inside a branch of a graph, which is where
            # Keras puts it for steps_per_execution > 1.
            return tf.distribute.MirroredStrategy(
                [device.name for device in some[:devices]],
                cross_device_ops=tf.distribute.ReductionToOneDevice(),
            )
    counts = " and ".join(f"{len(some)} {kind}s" for kind, some in found.items())
    raise ConfigError(
        f"{devices} devices were asked for, this process has {counts}; ask for fewer, or, for "
        "logical CPUs where there is no GPU, do it before anything runs on TensorFlow"
    )


def described(strategy: tf.distribute.Strategy | None = None) -> list[str]:
    """Returns on what a fit runs, as a report says it: "NVIDIA H200", or "CPU, MODEL, 2 cores".

    Args:
        strategy: as `strategy_for` gives it; None for TensorFlow's default one.
    """
    count = 1 if strategy is None else strategy.num_replicas_in_sync
    if not (gpus := tf.config.get_visible_devices("GPU")):
        cores = len(os.sched_getaffinity(0))
        shared = f", as {count} logical devices" if count > 1 else ""
        return [f"CPU, {_processor()}, {cores} core{'s' if cores > 1 else ''}{shared}"]
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus[:count]]
    names = Counter(each.get("device_name", "GPU") for each in details)
    return [f"{found} x {name}" if found > 1 else name for name, found in names.items()]


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def share_out(dataset: tf.data.Dataset, devices: int) -> tf.data.Dataset:
    """Returns a data set whose batches can be shared out evenly among devices.

    The examples at the end of a batch that can't, fewer than `devices`, are left out: only of the
    last batch where `devices` divides the batch size. A batch of fewer examples than devices is
    repeated until each has one. So every batch keeps its place, no device has an empty part, of
    which there is no mean, and the examples of a batch count alike. Truth values become 0 and 1,
    since Keras takes the mean over devices of a first batch.

    Args:
        dataset: of batches: tensors (batch, ...) in tuples and dicts.
        devices: number of devices.

    Example:
        >>> batches = tf.data.Dataset.range(7).batch(5)
        >>> [batch.tolist() for (batch,) in share_out(batches, 2).as_numpy_iterator()]
        [[0, 1, 2, 3], [5, 6]]
        >>> [batch.tolist() for (batch,) in share_out(batches, 3).as_numpy_iterator()]
        [[0, 1, 2], [5, 6, 5]]
    """

    def even(*batch: Any) -> Any:
        size = tf.shape(tf.nest.flatten(batch)[0])[0]
        rows = tf.range(tf.maximum(size // devices, 1) * devices) % size
        return tf.nest.map_structure(lambda x: tf.gather(_number(x), rows), batch)

    options = tf.data.Options()
    # Every device has its part of each batch, never batches of its own.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return dataset.map(even).with_options(options)


def gather(part: tf.Tensor) -> tf.Tensor:
    """Returns the parts of all devices, one after another, as the batch was before it was shared.

    Differentiable: each device's part gets the gradients of all devices' losses.

    Args:
        part: (part, ...), one device's.

    Example:
        >>> gather(tf.constant([[0.5, 1.0]])).numpy().tolist()  # of one device
        [[0.5, 1.0]]
    """
    context = tf.distribute.get_replica_context()
    return part if context is None else context.all_gather(part, axis=0)


def _number(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(x, tf.int32) if x.dtype == tf.bool else x


def _make_logical_cpus(count: int) -> None:
    (cpu,) = tf.config.list_physical_devices("CPU")
    if not tf.config.get_logical_device_configuration(cpu):
        with contextlib.suppress(RuntimeError):  # TensorFlow is running; what it has is counted
            tf.config.set_logical_device_configuration(
                cpu, [tf.config.LogicalDeviceConfiguration()] * count
            )
