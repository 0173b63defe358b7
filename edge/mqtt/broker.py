"""Where the broker is, and the password and certificates that it asks for."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edge.errors import ConfigError

TCP_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect and how. TLS is used when any of its three files is named."""

    host: str
    port: int = 1883
    protocol: Literal["5", "3.1.1"] = "5"
    username: str | None = None
    password_file: Path | None = None
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    def __str__(self) -> str:
        return f"broker {self.host}:{self.port}"

    def check_files(self) -> None:
        """Read the password and the TLS files once, without connecting.

        Raises:
            ConfigError: one of them cannot be used.
        """
        self.password()
        self.tls_context()

    def password(self) -> str | None:
        """The content of the password file without its line end; None without such a file.

        Raises:
            ConfigError: it cannot be read.
        """
        if self.password_file is None:
            return None
        try:
            return self.password_file.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"mqtt.password_file {self.password_file}: {error}; expected a readable text file"
            ) from error

    def tls_context(self) -> ssl.SSLContext | None:
        """What the TLS files ask for; None where none is named.

        Raises:
            ConfigError: one of them cannot be used.
        """
        if not (self.tls_ca or self.tls_cert or self.tls_key):
            return None
        context = _HandshakingContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if self.tls_ca:
                context.load_verify_locations(self.tls_ca)
            else:
                context.load_default_certs()
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"mqtt.tls_ca {self.tls_ca}: {error}; expected certificates in PEM") from error
        if self.tls_cert:
            try:
                context.load_cert_chain(self.tls_cert, self.tls_key)
            except (OSError, ssl.SSLError) as error:
                files = f"mqtt.tls_cert {self.tls_cert}, mqtt.tls_key {self.tls_key}"
                raise ConfigError(f"{files}: {error}; expected a certificate and its key in PEM") from error
        return context


class _HandshakingContext(ssl.SSLContext):
    """Shakes hands inside ``wrap_socket``, where ``ssl`` closes the socket on failure; paho 2.2 leaves it open."""

    def wrap_socket(self, sock: socket.socket, *args: Any, **options: Any) -> ssl.SSLSocket:
        sock.settimeout(TCP_TIMEOUT_S)
        return super().wrap_socket(sock, *args, **options | {"do_handshake_on_connect": True})
