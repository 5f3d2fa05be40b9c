"""How a client reaches its server: the address, the limits and the credentials of a gRPC channel.

Light: importing this loads neither gRPC nor TensorFlow.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from typing import Any

from kavc.errors import ConfigError
from kavc.inputs.opening import read_bytes
from kavc.serving.client.retry import Retry

MAX_PEM = 2**20
LARGEST = 2**31 - 1  # bytes; protobuf takes no larger message
LEAST_BACKOFF = 0.1  # seconds; gRPC takes no less
SCHEME = re.compile(r"dns:(//[^/]*/)?|ipv[46]:")  # that gRPC takes before HOST:PORT


@dataclass(frozen=True)
class ClientTLS:
    """Files, in PEM, with which a client knows its server, and is known to it.

    Args:
        root_cert: certificates that sign the server's; gRPC's own list by default.
        key, cert: the client's private key and its certificate, for a server that asks for one.
        server_name: the name that the server's certificate must bear, where it isn't the host of
            the address.

    Raises:
        ConfigError: one of `key` and `cert` is given without the other.

    Example:
        >>> ClientTLS(key="client.key")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: TLS: only the client's key was given; expected both, or none
    """

    root_cert: str | os.PathLike | None = None
    key: str | os.PathLike | None = None
    cert: str | os.PathLike | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.key is None) != (self.cert is None):
            given = "key" if self.cert is None else "certificate"
            raise ConfigError(f"TLS: only the client's {given} was given; expected both, or none")


def check_address(address: str) -> str:
    """Returns an address if it is one.

    Raises:
        ConfigError: it isn't HOST:PORT.

    Example:
        >>> check_address("gpu-7:8500")
        'gpu-7:8500'
        >>> check_address("gpu-7")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: server 'gpu-7' is not an address; expected HOST:PORT
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(f"server {address!r} is not an address; expected HOST:PORT")
    return address


def check_limit(max_message_bytes: int) -> int:
    """Returns the limit of a message if protobuf can hold it.

    Raises:
        ConfigError: it can't.

    Example:
        >>> check_limit(2**31 - 1)
        2147483647
        >>> check_limit(2**31)
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: max_message_bytes is 2147483648; expected 1 to 2147483647
    """
    if not 0 < max_message_bytes <= LARGEST:
        raise ConfigError(f"max_message_bytes is {max_message_bytes}; expected 1 to {LARGEST}")
    return max_message_bytes


def proxy_options(address: str) -> list[tuple[str, int]]:
    """Returns the channel's option by which a server on this machine is asked without a proxy.

    gRPC would send even a call to 127.0.0.1 by `http_proxy`, `https_proxy` or `grpc_proxy`, and so
    to the proxy's own machine.

    Args:
        address: HOST:PORT.

    Returns:
        Nothing for a server elsewhere: gRPC then goes by the environment.

    >>> proxy_options("[::1]:8500"), proxy_options("gpu-7:8500")
    ([('grpc.enable_http_proxy', 0)], [])
    """
    return [("grpc.enable_http_proxy", 0)] if _is_here(address) else []


def _is_here(address: str) -> bool:
    host = SCHEME.sub("", address, count=1).rpartition(":")[0].strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_loopback or found.is_unspecified


def channel(
    grpc: Any, address: str, *, tls: ClientTLS | None, retries: Retry, max_message_bytes: int
) -> Any:
    """Opens a channel; nothing is sent yet.

    Args:
        grpc: the module `grpc`, or `grpc.aio` for a channel of the running event loop.
        address: HOST:PORT.
        tls: None for plain text.
        retries: a broken connection is tried again about as often as calls are; gRPC's own second
            of rest would outlast all of them.
        max_message_bytes: the limit of requests and of answers.

    Raises:
        ConfigError: a TLS file is missing or isn't PEM.

    Reference:
        gRPC's channel arguments, `grpc/impl/channel_arg_names.h`.
    """
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.initial_reconnect_backoff_ms", _milliseconds(retries.wait)),
        ("grpc.max_reconnect_backoff_ms", _milliseconds(retries.longest)),
        *proxy_options(address),
    ]
    if tls is None:
        return grpc.insecure_channel(address, options=options)
    if tls.server_name is not None:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return grpc.secure_channel(address, _credentials(tls), options=options)


def _milliseconds(seconds: float) -> int:
    return min(round(max(seconds, LEAST_BACKOFF) * 1000), 2**31 - 1)


def _credentials(tls: ClientTLS) -> Any:
    from kavc.serving.messages import grpc

    return grpc.ssl_channel_credentials(
        root_certificates=_pem(tls.root_cert),
        private_key=_pem(tls.key),
        certificate_chain=_pem(tls.cert),
    )


def _pem(path: str | os.PathLike | None) -> bytes | None:
    if path is None:
        return None
    content = read_bytes(path, most=MAX_PEM, error=ConfigError)
    if b"-----BEGIN " not in content:
        raise ConfigError(f"{path} is not PEM; expected -----BEGIN ...")
    return content
