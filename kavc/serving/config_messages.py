"""The messages of TensorFlow Serving's config files.

`ModelServerConfig` is in tensorflow-serving-api. The others are not: they are described here with
their published names and numbers (`session_bundle_config.proto`, `monitoring_config.proto`,
`ssl_config.proto` of tensorflow/serving), in a pool of their own, so that they meet no other
description of the same names in one process.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

PACKAGE = "tensorflow.serving"
Fields = descriptor_pb2.FieldDescriptorProto
# Message: (name, number, type); a type that is a message is given by its full name.
MESSAGES: dict[str, tuple[tuple[str, int, int | str], ...]] = {
    "BatchingParameters": (
        ("max_batch_size", 1, ".google.protobuf.Int64Value"),
        ("batch_timeout_micros", 2, ".google.protobuf.Int64Value"),
        ("max_enqueued_batches", 3, ".google.protobuf.Int64Value"),
        ("num_batch_threads", 4, ".google.protobuf.Int64Value"),
        ("thread_pool_name", 5, ".google.protobuf.StringValue"),
        ("allowed_batch_sizes", 6, Fields.TYPE_INT64),
        ("pad_variable_length_inputs", 7, Fields.TYPE_BOOL),
        # Of newer servers. In text, which is all that is read and written, only the names count.
        ("enable_large_batch_splitting", 8, ".google.protobuf.BoolValue"),
        ("max_execution_batch_size", 9, ".google.protobuf.Int64Value"),
    ),
    "PrometheusConfig": (("enable", 1, Fields.TYPE_BOOL), ("path", 2, Fields.TYPE_STRING)),
    "MonitoringConfig": (("prometheus_config", 1, f".{PACKAGE}.PrometheusConfig"),),
    "SSLConfig": (
        ("server_key", 1, Fields.TYPE_STRING),
        ("server_cert", 2, Fields.TYPE_STRING),
        ("custom_ca", 3, Fields.TYPE_STRING),
        ("client_verify", 4, Fields.TYPE_BOOL),
    ),
}
REPEATED = {"allowed_batch_sizes"}


def message(name: str) -> Any:
    """Returns a new, empty message.

    Args:
        name: "BatchingParameters", "MonitoringConfig", "PrometheusConfig" or "SSLConfig".
    """
    descriptor = _pool().FindMessageTypeByName(f"{PACKAGE}.{name}")
    return message_factory.GetMessageClass(descriptor)()


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(
        name="kavc/serving/configs.proto",
        package=PACKAGE,
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    for name, fields in MESSAGES.items():
        described = file.message_type.add(name=name)
        for field, number, kind in fields:
            repeated = field in REPEATED
            added = described.field.add(
                name=field,
                number=number,
                label=Fields.LABEL_REPEATED if repeated else Fields.LABEL_OPTIONAL,
            )
            if isinstance(kind, str):
                added.type, added.type_name = Fields.TYPE_MESSAGE, kind
            else:
                added.type = kind
    pool.AddSerializedFile(file.SerializeToString())
    return pool
