"""The password and certificates that ``[mqtt]`` names, read from their files."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

from edge.config import MqttConfig
from edge.errors import ConfigError

TCP_TIMEOUT_S = 5.0


def check_credentials(broker: MqttConfig) -> None:
    """Read the password and the TLS files once, without connecting.

    Raises:
        ConfigError: one of them cannot be used.
    """
    read_password(broker)
    tls_context(broker)


def read_password(broker: MqttConfig) -> str | None:
    """The content of the password file without its line end; None without such a file.

    Raises:
        ConfigError: it cannot be read.
    """
    if not broker.password_file:
        return None
    try:
        return Path(broker.password_file).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"mqtt.password_file {broker.password_file}: {error}; expected a readable text file"
        ) from error


def tls_context(broker: MqttConfig) -> ssl.SSLContext | None:
    """TLS with the configured files; None, which means no TLS, where none of the three is named.

    Raises:
        ConfigError: one of them cannot be used.
    """
    if not (broker.tls_ca or broker.tls_cert or broker.tls_key):
        return None
    context = _HandshakingContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if broker.tls_ca:
            context.load_verify_locations(broker.tls_ca)
        else:
            context.load_default_certs()
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"mqtt.tls_ca {broker.tls_ca}: {error}; expected certificates in PEM") from error
    if broker.tls_cert:
        try:
            context.load_cert_chain(broker.tls_cert, broker.tls_key or None)
        except (OSError, ssl.SSLError) as error:
            files = f"mqtt.tls_cert {broker.tls_cert}, mqtt.tls_key {broker.tls_key}"
            raise ConfigError(f"{files}: {error}; expected a certificate and its key in PEM") from error
    return context


class _HandshakingContext(ssl.SSLContext):
    """Shakes hands inside ``wrap_socket``, where ``ssl`` closes the socket on failure; paho 2.2 leaves it open."""

    def wrap_socket(self, sock: socket.socket, *args: Any, **options: Any) -> ssl.SSLSocket:
        sock.settimeout(TCP_TIMEOUT_S)
        return super().wrap_socket(sock, *args, **options | {"do_handshake_on_connect": True})
