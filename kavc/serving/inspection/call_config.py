"""The session settings that TensorFlow writes beside each call of a function.

A call hands them to the optimizer of graphs, which they could tell to run optimizers by name, to
copy the graph for each of a million devices, or to write files. So only those settings pass that
real exports hold, and that a call reads nothing of but switches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Fields of `ConfigProto`: True for a value of any kind, a mapping for a message of its own.
SETTINGS: Mapping[str, Any] = {
    "allow_soft_placement": True,
    "device_count": True,
    "experimental": {"disable_thread_spinning": True, "mlir_bridge_rollout": True},
    "gpu_options": {"allow_growth": True, "experimental": {}, "visible_device_list": True},
    "graph_options": {"rewrite_options": {"disable_meta_optimizer": True}},
    "inter_op_parallelism_threads": True,
    "intra_op_parallelism_threads": True,
    "log_device_placement": True,
}
MAX_COUNT = 1024  # devices and threads that a setting may name


def config_fault(content: bytes) -> str | None:
    """Returns why the settings of a call can't pass, in a few words; None if they can.

    Args:
        content: a `ConfigProto`, serialised.

    Reference:
        TensorFlow, `core/protobuf/config.proto`.

    Example:
        >>> config_fault(b""), config_fault(bytes([255]))
        (None, 'is no ConfigProto')
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.config_pb2 import ConfigProto

    try:
        config = ConfigProto.FromString(content)
    except DecodeError:
        return "is no ConfigProto"
    allowed = ConfigProto()
    _copy(config, allowed, SETTINGS)
    if allowed.SerializeToString(deterministic=True) != config.SerializeToString(
        deterministic=True
    ):
        return f"sets more than {', '.join(sorted(SETTINGS))} as real exports do"
    numbers = (
        config.inter_op_parallelism_threads,
        config.intra_op_parallelism_threads,
        *config.device_count.values(),
    )
    if not all(0 <= number <= MAX_COUNT for number in numbers):
        return f"counts more than {MAX_COUNT} devices or threads"
    return None


def _copy(source: Any, target: Any, fields: Mapping[str, Any]) -> None:
    """Copies these fields of a message, so that what is left out shows as a difference."""
    for descriptor, value in source.ListFields():
        inner = fields.get(descriptor.name)
        if isinstance(inner, Mapping):
            getattr(target, descriptor.name).SetInParent()
            _copy(value, getattr(target, descriptor.name), inner)
        elif inner and descriptor.label == descriptor.LABEL_REPEATED:
            getattr(target, descriptor.name).MergeFrom(value)
        elif inner:
            setattr(target, descriptor.name, value)
