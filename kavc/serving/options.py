"""What a server is told on the command line, whichever server it is."""

from __future__ import annotations

from dataclasses import dataclass

from kavc.errors import ConfigError
from kavc.serving.configs import METRICS_PATH, BatchingConfig, TLSConfig
from kavc.serving.inspection.allowed_ops import check_ops
from kavc.serving.interface import MAX_MESSAGE_BYTES

LONGEST = 2**31 - 1  # seconds: the real server's flag, and what threads can wait for


@dataclass(frozen=True)
class ServerOptions:
    """How models are served.

    Args:
        host: address to listen on.
        port: gRPC port; 0 lets the local server pick one.
        threads: requests of one model that are worked on at a time; None leaves it to the server.
        max_message_bytes: larger requests are refused before they are read.
        batching: how simultaneous requests are put together; None serves each alone.
        monitoring_port: HTTP port of the metrics, 0 to let the local server pick one; None for no
            metrics.
        monitoring_path: where on that port the metrics are.
        tls: key and certificates; None for plain text.
        poll_seconds: how often the models folder is looked at for new and removed versions.
        grace_seconds: how long running requests may take when the server stops.
        warmup: whether a version's warm-up requests are run before it answers.
        load_seconds: how long a version may take to load and to warm up; then it is given up.
        upload_seconds: how long a request may take to come, from its first byte to its last.
        allow_ops: names of ops that graphs may hold beside those that are known as harmless; what
            they do is on whoever names them.

    Raises:
        ConfigError: a value is out of range; the message names the option.

    Example:
        >>> ServerOptions(port=70_000)
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: port is 70000; expected 0 to 65535
    """

    host: str = "127.0.0.1"
    port: int = 8500
    threads: int | None = None
    max_message_bytes: int = MAX_MESSAGE_BYTES
    batching: BatchingConfig | None = None
    monitoring_port: int | None = None
    monitoring_path: str = METRICS_PATH
    tls: TLSConfig | None = None
    poll_seconds: float = 1.0
    grace_seconds: float = 10.0
    warmup: bool = True
    load_seconds: float = 60.0
    upload_seconds: float = 60.0
    allow_ops: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ports = {"port": self.port, "monitoring_port": self.monitoring_port}
        for name, port in ports.items():
            if port is not None and not 0 <= port < 65536:
                raise ConfigError(f"{name} is {port}; expected 0 to 65535")
        if self.port and self.port == self.monitoring_port:
            raise ConfigError(f"port and monitoring_port are both {self.port}; give two ports")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads is {self.threads}; expected at least 1")
        if not 1 <= self.max_message_bytes < 2**31:
            raise ConfigError(
                f"max_message_bytes is {self.max_message_bytes}; expected 1 to {2**31 - 1}"
            )
        for name in ("poll_seconds", "load_seconds", "upload_seconds"):
            seconds = getattr(self, name)
            if not 0 < seconds <= LONGEST:
                raise ConfigError(f"{name} is {seconds:g}; expected more than 0, up to {LONGEST}")
        check_ops(self.allow_ops)
        if not 0 <= self.grace_seconds <= LONGEST:
            raise ConfigError(f"grace_seconds is {self.grace_seconds:g}; expected 0 to {LONGEST}")
