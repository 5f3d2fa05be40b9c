"""The messages of TensorFlow Serving's config files.

`ModelServerConfig` is in tensorflow-serving-api. The others are not: they are described here with
their published names and numbers (`session_bundle_config.proto`, `monitoring_config.proto`,
`ssl_config.proto` of tensorflow/serving).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from kavc.serving.descriptors import BOOL, INT64, STRING, Messages, Package, Repeated

PACKAGE = Package(
    "tensorflow.serving",
    {
        "BatchingParameters": [
            ("max_batch_size", 1, "google.protobuf.Int64Value"),
            ("batch_timeout_micros", 2, "google.protobuf.Int64Value"),
            ("max_enqueued_batches", 3, "google.protobuf.Int64Value"),
            ("num_batch_threads", 4, "google.protobuf.Int64Value"),
            ("thread_pool_name", 5, "google.protobuf.StringValue"),
            ("allowed_batch_sizes", 6, Repeated(INT64)),
            ("pad_variable_length_inputs", 7, BOOL),
            # Of newer servers. In text, which is all that is read and written, only names count.
            ("enable_large_batch_splitting", 8, "google.protobuf.BoolValue"),
            ("max_execution_batch_size", 9, "google.protobuf.Int64Value"),
        ],
        "PrometheusConfig": [("enable", 1, BOOL), ("path", 2, STRING)],
        "MonitoringConfig": [("prometheus_config", 1, "tensorflow.serving.PrometheusConfig")],
        "SSLConfig": [
            ("server_key", 1, STRING),
            ("server_cert", 2, STRING),
            ("custom_ca", 3, STRING),
            ("client_verify", 4, BOOL),
        ],
    },
)


def message(name: str) -> Any:
    """Returns a new, empty message.

    Args:
        name: "BatchingParameters", "MonitoringConfig", "PrometheusConfig" or "SSLConfig".

    Example:
        >>> written = message("MonitoringConfig")
        >>> written.prometheus_config.enable = True
        >>> print(written)
        prometheus_config {
          enable: true
        }
    """
    return _messages()[f"{PACKAGE.name}.{name}"]()


@cache
def _messages() -> Messages:
    return Messages(PACKAGE)
