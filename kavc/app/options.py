"""What can be set of the page."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from kavc.errors import ConfigError
from kavc.serving.client.channel import check_address

HOST, PORT = "127.0.0.1", 8080
MEBIBYTE = 2**20
MOST_UPLOAD = 4096  # MiB


@dataclass(frozen=True)
class AppOptions:
    """How the page is served, and whom it asks.

    Args:
        server: HOST:PORT of the server that has the models.
        host: address on which the page is served; this machine's own by default.
        port: likewise; 0 for any that is free.
        models: names at the server that are asked about beside those of the systems.
        tracks: folder of tracks to be ranked: media files, or features of `kavc extract`.
        weights: folder of YAMNet's weights and classes.
        max_upload_mb: MiB that a file may have.
        timeout: seconds within which a model must answer.

    Raises:
        ConfigError: one is no address, or out of range.

    Example:
        >>> AppOptions("127.0.0.1:8500").most_bytes
        209715200
        >>> AppOptions("127.0.0.1")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: server '127.0.0.1' is not an address; expected HOST:PORT
    """

    server: str
    host: str = HOST
    port: int = PORT
    models: tuple[str, ...] = ()
    tracks: Path | None = None
    weights: Path | None = None
    max_upload_mb: int = 200
    timeout: float = 30.0

    def __post_init__(self) -> None:
        check_address(self.server)
        if not 0 <= self.port < 65536:
            raise ConfigError(f"port is {self.port}; expected 0 to 65535")
        if not 1 <= self.max_upload_mb <= MOST_UPLOAD:
            raise ConfigError(
                f"max_upload_mb is {self.max_upload_mb}; expected 1 to {MOST_UPLOAD:,}"
            )

    @property
    def most_bytes(self) -> int:
        """Bytes that an upload may have."""
        return self.max_upload_mb * MEBIBYTE

    @property
    def is_local(self) -> bool:
        """Whether nobody but this machine reaches the page.

        >>> AppOptions("a:1").is_local, AppOptions("a:1", host="0.0.0.0").is_local
        (True, False)
        """
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
