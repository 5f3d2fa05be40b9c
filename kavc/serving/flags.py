"""The options of `kavc serve` as flags and config files of `tensorflow_model_server`.

The flags are those of its `main.cc`. What it has no flag for is told, not dropped in silence.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from kavc.errors import ConfigError
from kavc.serving.configs import (
    MOUNTED,
    MonitoringConfig,
    batching_text,
    models_of,
    models_text,
    monitoring_text,
    tls_text,
)
from kavc.serving.options import ServerOptions

BINARY = "tensorflow_model_server"
DEFAULTS = ServerOptions()
# What the binary takes, of what an operator of kavc may want; `export/` is checked against it.
FLAGS = frozenset(
    {
        "allow_version_labels_for_unavailable_models",
        "batching_parameters_file",
        "enable_batching",
        "enable_grpc_healthcheck_service",
        "enable_model_warmup",
        "file_system_poll_wait_seconds",
        "grpc_channel_arguments",
        "grpc_max_threads",
        "load_retry_interval_micros",
        "max_num_load_retries",
        "model_base_path",
        "model_config_file",
        "model_config_file_poll_wait_seconds",
        "model_name",
        "monitoring_config_file",
        "num_load_threads",
        "num_request_iterations_for_warmup",
        "num_unload_threads",
        "per_process_gpu_memory_fraction",
        "port",
        "rest_api_num_threads",
        "rest_api_port",
        "rest_api_timeout_in_ms",
        "ssl_config_file",
        "tensorflow_inter_op_parallelism",
        "tensorflow_intra_op_parallelism",
        "tensorflow_session_parallelism",
    }
)


def model_server_command(
    binary: str, models_dir: str | os.PathLike, options: ServerOptions, folder: str | os.PathLike
) -> list[str]:
    """Returns the command line of `tensorflow_model_server`.

    Args:
        binary: its path.
        models_dir: folder with NAME/VERSION/saved_model.pb, and perhaps models.config.
        options: what it is told.
        folder: where its config files are written; the one for TLS holds the private key, so the
            folder must be closed to others.

    Raises:
        ConfigError: an option can't be handed on, a file of it can't be read, or no model is there.

    Reference:
        TensorFlow Serving, the flags in `model_servers/main.cc`.
    """
    for name in ("port", "monitoring_port"):
        if getattr(options, name) == 0:
            raise ConfigError(f"{BINARY} can't pick a port; give --{name.replace('_', '-')}")
    flags: dict[str, object] = {
        "port": options.port,
        "model_config_file": _write(folder, "models.config", models_text(models_of(models_dir))),
        "file_system_poll_wait_seconds": math.ceil(options.poll_seconds),
        "enable_model_warmup": options.warmup,
        "enable_grpc_healthcheck_service": True,
    }
    if options.threads is not None:
        flags["grpc_max_threads"] = options.threads
    if options.batching is not None:
        flags["enable_batching"] = True
        text = batching_text(options.batching)
        flags["batching_parameters_file"] = _write(folder, "batching.config", text)
    if options.monitoring_port is not None:
        flags["rest_api_port"] = options.monitoring_port
        text = monitoring_text(MonitoringConfig(path=options.monitoring_path))
        flags["monitoring_config_file"] = _write(folder, "monitoring.config", text)
    if options.tls is not None:
        flags["ssl_config_file"] = _write(folder, "ssl.config", tls_text(options.tls))
    return [binary, *(f"--{name}={_value(value)}" for name, value in flags.items())]


def differences(options: ServerOptions) -> list[str]:
    """Returns what `tensorflow_model_server` does otherwise than the options say, a line each.

    >>> differences(ServerOptions())
    ['tensorflow_model_server has no --host: it listens on every interface']
    """
    lines = [f"{BINARY} has no --host: it listens on every interface"]
    if options.max_message_bytes != DEFAULTS.max_message_bytes:
        lines.append(f"{BINARY} has no --max-message-mb: it takes messages of up to 2 GiB")
    if options.grace_seconds != DEFAULTS.grace_seconds:
        lines.append(f"{BINARY} has no --grace: what it does when told to stop is its own affair")
    for name in ("load_seconds", "upload_seconds"):
        if getattr(options, name) != getattr(DEFAULTS, name):
            lines.append(f"{BINARY} has no --{name.replace('_', '-')}: it waits for ever")
    if options.poll_seconds != math.ceil(options.poll_seconds):
        seconds = math.ceil(options.poll_seconds)
        lines.append(f"{BINARY} polls in whole seconds: every {seconds} s")
    if options.monitoring_port is not None:
        lines.append(
            f"{BINARY} answers its REST calls on port {options.monitoring_port} too, on every "
            f"interface{', without TLS' if options.tls else ''}"
        )
    return lines


def _write(folder: str | os.PathLike, name: str, text: str) -> str:
    path = Path(folder) / name
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return os.fspath(path)


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


__all__ = ["BINARY", "FLAGS", "MOUNTED", "differences", "model_server_command"]
