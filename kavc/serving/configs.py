"""TensorFlow Serving's config files, in protobuf's text format: `models.config` and the others.

Each kind has a frozen dataclass, a reader that takes what operators write for the real server, and
a writer. Messages are what is parsed and printed, never text of our own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kavc.errors import ConfigError, ServingError, unknown
from kavc.inputs.opening import read_text
from kavc.serving.versions import model_folders

if TYPE_CHECKING:
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

MAX_BYTES = 4 * 2**20
METRICS_PATH = "/monitoring/prometheus/metrics"
PLATFORM = "tensorflow"
MOUNTED = "/models"  # where TensorFlow Serving's image looks for models
MODELS_FILE = "models.config"
WRAPPED = ("max_batch_size", "batch_timeout_micros", "num_batch_threads", "max_enqueued_batches")
SPLITTING, EXECUTED = "enable_large_batch_splitting", "max_execution_batch_size"
OTHERS = ("thread_pool_name", SPLITTING, EXECUTED)  # of batching; handed on, and not read here
NO_FIELD = re.compile(r'Message type "([\w.]+)" has no field named "(\w+)"')


@dataclass(frozen=True)
class BatchingConfig:
    """How requests that come at the same time are put together (`batching.config`).

    The defaults are TensorFlow Serving's own, which hold for a setting that a file leaves out.

    Args:
        max_batch_size: most rows in a batch. A larger request is refused.
        batch_timeout_micros: microseconds that a batch waits for more rows.
        num_batch_threads: batches that are worked on at a time; the number of CPUs by default.
        max_enqueued_batches: batches that wait; a request that would need one more is refused
            with UNAVAILABLE.
        allowed_batch_sizes: ascending, the last one `max_batch_size`; a batch is filled up to the
            next of these. Empty for any size.
        pad_variable_length_inputs: whether inputs of different lengths go into one batch, the
            shorter ones padded with their first value.
        others: (name, value) of further settings, of `OTHERS`: the real server gets them as they
            are, the local one does not read them. With `enable_large_batch_splitting` the last of
            `allowed_batch_sizes` is `max_execution_batch_size`, as that server wants it.

    Raises:
        ConfigError: a value is out of range; the message names the field.

    Reference:
        TensorFlow Serving, `BatchingParameters` in
        `servables/tensorflow/session_bundle_config.proto`.

    Example:
        >>> BatchingConfig(max_batch_size=64, allowed_batch_sizes=(8, 32))
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: allowed_batch_sizes end with 32; expected max_batch_size, 64
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    num_batch_threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    max_enqueued_batches: int = 10
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    others: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        lowest = {"max_batch_size": 1, "num_batch_threads": 1, "max_enqueued_batches": 1}
        for name in (*lowest, "batch_timeout_micros"):
            value, least = getattr(self, name), lowest.get(name, 0)
            if value < least:
                raise ConfigError(f"{name} is {value}; expected at least {least}")
        sizes = self.allowed_batch_sizes
        if sizes and (min(sizes) < 1 or list(sizes) != sorted(set(sizes))):
            raise ConfigError(f"allowed_batch_sizes are {list(sizes)}; expected ascending sizes")
        name, largest = "max_batch_size", self.max_batch_size
        others = dict(self.others)
        if others.get(SPLITTING) and EXECUTED in others:
            name, largest = EXECUTED, others[EXECUTED]
        if sizes and sizes[-1] != largest:
            raise ConfigError(
                f"allowed_batch_sizes end with {sizes[-1]}; expected {name}, {largest}"
            )


@dataclass(frozen=True)
class MonitoringConfig:
    """Whether and where metrics are shown in Prometheus's format (`monitoring.config`).

    Args:
        enable: whether they are shown.
        path: on the monitoring port.

    Raises:
        ConfigError: the path does not start with "/".

    Reference:
        TensorFlow Serving, `config/monitoring_config.proto`.

    Example:
        >>> MonitoringConfig().path
        '/monitoring/prometheus/metrics'
    """

    enable: bool = True
    path: str = METRICS_PATH

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise ConfigError(
                f"prometheus_config.path is {self.path!r}; expected it to start with /"
            )


@dataclass(frozen=True)
class TLSConfig:
    """Files, in PEM, with which a server proves who it is and, if wanted, asks its callers to.

    Args:
        server_key: private key of the server.
        server_cert: its certificate, with the chain above it.
        custom_ca: certificates that sign clients' certificates.
        client_verify: whether a client must show a certificate that `custom_ca` signed.

    Raises:
        ConfigError: clients are to be verified, and no certificates are given to do it by.

    Reference:
        TensorFlow Serving, `config/ssl_config.proto`.

    Example:
        >>> TLSConfig(Path("server.key"), Path("server.crt"), client_verify=True)
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: client_verify needs custom_ca, the file with the ...
    """

    server_key: Path
    server_cert: Path
    custom_ca: Path | None = None
    client_verify: bool = False

    def __post_init__(self) -> None:
        if self.client_verify and self.custom_ca is None:
            raise ConfigError("client_verify needs custom_ca, the file with the clients' authority")

    def read(self) -> dict[str, bytes]:
        """Returns what the files hold, by the field's name.

        Raises:
            ConfigError: a file is missing, can't be read, or isn't PEM.
        """
        names = ("server_key", "server_cert", "custom_ca")
        return {
            name: _pem(Path(getattr(self, name)), name)
            for name in names
            if getattr(self, name) is not None
        }


def read_batching(path: str | os.PathLike) -> BatchingConfig:
    """Reads a `BatchingParameters` file.

    Raises:
        ConfigError: the file is missing, isn't such a message, or holds a value out of range.

    Reference:
        TensorFlow Serving, `BatchingParameters` in
        `servables/tensorflow/session_bundle_config.proto`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "batching.config")
        ...     _ = path.write_text("max_batch_size { value: 64 }")
        ...     read_batching(path).max_batch_size
        64
    """
    from kavc.serving.config_messages import message

    parsed = _parsed(path, _read(Path(path)), message("BatchingParameters"))
    given: dict[str, Any] = {
        name: getattr(parsed, name).value for name in (*WRAPPED, *OTHERS) if parsed.HasField(name)
    }
    values = {name: value for name, value in given.items() if name in WRAPPED}
    values["others"] = tuple((name, given[name]) for name in OTHERS if name in given)
    values["allowed_batch_sizes"] = tuple(parsed.allowed_batch_sizes)
    values["pad_variable_length_inputs"] = parsed.pad_variable_length_inputs
    return _made(path, BatchingConfig, values)


def batching_text(config: BatchingConfig) -> str:
    """Returns a `BatchingParameters` message as text, every setting spelt out.

    >>> batching_text(BatchingConfig(max_batch_size=64)).split()[:4]
    ['max_batch_size', '{', 'value:', '64']
    """
    from kavc.serving.config_messages import message

    written = message("BatchingParameters")
    for name in WRAPPED:
        getattr(written, name).value = getattr(config, name)
    for name, value in config.others:
        getattr(written, name).value = value
    written.allowed_batch_sizes.extend(config.allowed_batch_sizes)
    written.pad_variable_length_inputs = config.pad_variable_length_inputs
    return _text(written)


def read_monitoring(path: str | os.PathLike) -> MonitoringConfig:
    """Reads a `MonitoringConfig` file.

    Raises:
        ConfigError: as `read_batching`.

    Reference:
        TensorFlow Serving, `config/monitoring_config.proto`.
    """
    from kavc.serving.config_messages import message

    text = _read(Path(path))
    parsed = _parsed(path, text, message("MonitoringConfig")).prometheus_config
    return _made(
        path, MonitoringConfig, {"enable": parsed.enable, "path": parsed.path or METRICS_PATH}
    )


def monitoring_text(config: MonitoringConfig) -> str:
    """Returns a `MonitoringConfig` message as text.

    >>> print(monitoring_text(MonitoringConfig(path="/metrics")))
    prometheus_config {
      enable: true
      path: "/metrics"
    }
    """
    from kavc.serving.config_messages import message

    written = message("MonitoringConfig")
    written.prometheus_config.enable = config.enable
    written.prometheus_config.path = config.path
    return _text(written)


def tls_text(config: TLSConfig) -> str:
    """Returns an `SSLConfig` message as text.

    It holds the private key itself, as the real server wants it: keep it from other eyes.

    Raises:
        ConfigError: a file is missing, can't be read, or isn't PEM.

    Reference:
        TensorFlow Serving, `config/ssl_config.proto`.
    """
    from kavc.serving.config_messages import message

    contents = {name: pem.decode("ascii") for name, pem in config.read().items()}
    return _text(message("SSLConfig").__class__(**contents, client_verify=config.client_verify))


def read_models(path: str | os.PathLike) -> ModelServerConfig:
    """Reads a `ModelServerConfig` file.

    Raises:
        ConfigError: the file is missing or isn't such a message.

    Reference:
        TensorFlow Serving, `config/model_server_config.proto`.
    """
    path = Path(path)
    return parse_models(_read(path), path)


def parse_models(text: str, where: str | os.PathLike = MODELS_FILE) -> ModelServerConfig:
    """Reads the text of a `ModelServerConfig`.

    Args:
        text: as an operator wrote it.
        where: it stands, for messages.

    Raises:
        ConfigError: it isn't such a message, or an entry has no name or no base path, or two have
            the same name.

    Reference:
        TensorFlow Serving, `config/model_server_config.proto`.

    Example:
        >>> text = 'model_config_list { config { name: "ti-avc" base_path: "/models/ti-avc" } }'
        >>> [entry.name for entry in parse_models(text).model_config_list.config]
        ['ti-avc']
        >>> parse_models("model_config_list { config { } }")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: models.config: model_config_list.config without name ...
    """
    config = _parsed(where, text, _model_server_config())
    names = [entry.name for entry in config.model_config_list.config]
    for entry in config.model_config_list.config:
        if not entry.name or not entry.base_path:
            raise ConfigError(f"{where}: model_config_list.config without name or base_path")
        if names.count(entry.name) > 1:
            raise ConfigError(f"{where}: the model {entry.name!r} is listed twice")
    return config


def models_text(models: Mapping[str, str | os.PathLike] | ModelServerConfig) -> str:
    """Returns a `ModelServerConfig` as text.

    Args:
        models: the message; or name to base path, the folder that holds the versions, of which
            TensorFlow Serving takes the highest.

    Example:
        >>> print(models_text({"ti-avc": "/models/ti-avc"}))
        model_config_list {
          config {
            name: "ti-avc"
            base_path: "/models/ti-avc"
            model_platform: "tensorflow"
          }
        }
    """
    if not isinstance(models, Mapping):
        return _text(models)
    config = _model_server_config()
    for name, folder in models.items():
        add_model(config, name, folder)
    return _text(config)


def models_of(models_dir: str | os.PathLike) -> ModelServerConfig:
    """Returns which models of a folder are to be served, and which versions of them.

    `models.config` in it decides, if it is there: its paths below `/models`, where a container has
    the folder, are taken to be in the folder itself. Else every model is served.

    Args:
        models_dir: folder with NAME/VERSION/saved_model.pb.

    Raises:
        ConfigError: no model is there, or `models.config` can't be read.
    """
    folders = model_folders(models_dir)
    file = Path(models_dir) / MODELS_FILE
    if not file.exists():
        config = _model_server_config()
        for name, folder in folders.items():
            add_model(config, name, folder.absolute())
        return config
    config = read_models(file)
    for entry in config.model_config_list.config:
        below = entry.base_path.removeprefix(f"{MOUNTED}/")
        if below != entry.base_path:
            entry.base_path = os.fspath(Path(models_dir).absolute() / below)
    return config


def add_model(config: ModelServerConfig, name: str, base_path: str | os.PathLike) -> bool:
    """Adds a model to a `ModelServerConfig` unless its name is there; returns whether it did.

    >>> config = parse_models("")
    >>> add_model(config, "ti-avc", "/models/ti-avc"), add_model(config, "ti-avc", "/elsewhere")
    (True, False)
    """
    if any(entry.name == name for entry in config.model_config_list.config):
        return False
    config.model_config_list.config.add(
        name=name, base_path=os.fspath(base_path), model_platform=PLATFORM
    )
    return True


def _model_server_config() -> ModelServerConfig:
    try:
        from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig
    except ImportError as error:
        raise ServingError(
            f"serving needs packages that are not installed ({error}); pip install 'kavc[serve]'"
        ) from error
    return ModelServerConfig()


def _parsed(where: str | os.PathLike, text: str, message: Any) -> Any:
    from google.protobuf import text_format

    kind = type(message).__name__
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        line = " ".join(str(error).split())
        if found := NO_FIELD.search(line):
            known = message.DESCRIPTOR.file.pool.FindMessageTypeByName(found[1]).fields_by_name
            line = f"{line.partition(' ')[0]}: {unknown('field', found[2], known)}"
        raise ConfigError(f"{where}: not a {kind} in text format: {line}") from None


def _read(path: Path) -> str:
    return read_text(path, most=MAX_BYTES, error=ConfigError)


def _made(path: str | os.PathLike, kind: Any, values: dict[str, Any]) -> Any:
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _pem(path: Path, name: str) -> bytes:
    text = _read(path)
    if "-----BEGIN " not in text or not text.isascii():
        raise ConfigError(f"{path}: not PEM text; expected {name}, beginning with -----BEGIN")
    return text.encode("ascii")


def _text(message: Any) -> str:
    from google.protobuf import text_format

    return text_format.MessageToString(message, as_utf8=True)
