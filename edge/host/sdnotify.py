"""Messages to systemd: ready, alive, stopping. Silent if systemd did not start us.

Protocol: ``sd_notify(3)``, one datagram of ``KEY=value`` lines to the socket that ``NOTIFY_SOCKET`` names.
"""

from __future__ import annotations

import logging
import os
import socket

_log = logging.getLogger(__name__)


class SystemdNotifier:
    """Sends messages to the service manager that the environment names."""

    def __init__(self, address: str | None = None) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address

    @property
    def watchdog_s(self) -> float:
        """How often the manager wants to hear from us; half a minute, as in our unit, where it does not say."""
        return int(os.environ.get("WATCHDOG_USEC", 30_000_000)) / 1e6

    def ready(self) -> None:
        """The first frame went through."""
        self._send("READY=1")

    def alive(self) -> None:
        """Real work was done since the last call; feeds the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """One line for ``systemctl status``."""
        self._send(f"STATUS={sentence}")

    def stopping(self) -> None:
        """The shutdown has begun."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
                connection.connect(address)
                connection.send(message.encode())
        except OSError as error:
            _log.warning("systemd cannot be notified of %s: %s", message, error)
