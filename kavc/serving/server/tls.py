"""A server's credentials, checked before it listens: gRPC finds a misfit at the first caller."""

from __future__ import annotations

import ssl
from typing import Any

from kavc.errors import ConfigError
from kavc.serving.configs import TLSConfig
from kavc.serving.protos import grpc


def server_credentials(config: TLSConfig) -> Any:
    """Returns gRPC's credentials for a server.

    Args:
        config: key and certificates.

    Raises:
        ConfigError: a file is missing or damaged, or the key is not the certificate's.
    """
    contents = config.read()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(config.server_cert, config.server_key, password="")
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(
            f"{config.server_cert} and {config.server_key} do not fit together: "
            f"{getattr(error, 'reason', None) or error}"
        ) from None
    if config.custom_ca is not None:
        try:
            context.load_verify_locations(config.custom_ca)
        except ssl.SSLError as error:
            reason = error.reason or error
            raise ConfigError(f"{config.custom_ca} holds no certificate: {reason}") from None
    return grpc.ssl_server_credentials(
        [(contents["server_key"], contents["server_cert"])],
        root_certificates=contents.get("custom_ca"),
        require_client_auth=config.client_verify,
    )
