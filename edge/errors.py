"""Every deliberate error of the product, with the exit status it ends a command with.

A message says what is wrong, where, and what is expected or what to do.
Errors of a third-party library are translated in the one module that imports it.
"""

from __future__ import annotations

EXIT_RETRY = 1
"""A restart may help: systemd starts the daemon again."""
EXIT_CONFIG = 78
"""Configuration or model is wrong (``EX_CONFIG`` of sysexits.h): systemd does not restart."""


class FerEdgeError(Exception):
    """Root of all deliberate errors."""

    exit_code = EXIT_RETRY


class ConfigError(FerEdgeError, ValueError):
    """A configuration that cannot be run."""

    exit_code = EXIT_CONFIG


class ModelError(FerEdgeError, ValueError):
    """A model file or manifest that must not be run."""

    exit_code = EXIT_CONFIG


class DelegateError(FerEdgeError, RuntimeError):
    """The configured accelerator is missing."""


class CameraError(FerEdgeError, OSError):
    """A camera that cannot be opened, or that stopped delivering frames."""


class OutboxError(FerEdgeError, RuntimeError):
    """An outbox that another process uses, or that cannot be written."""


class BrokerError(FerEdgeError, ConnectionError):
    """A broker that cannot be reached or refuses the connection."""


class UnreachableError(BrokerError):
    """Nobody, or no broker, answers at the address."""


class MessageError(FerEdgeError, ValueError):
    """An MQTT message that is not of the contract."""


class DownloadError(FerEdgeError, OSError):
    """A file that cannot be downloaded."""


class DataError(FerEdgeError, ValueError):
    """A data set or file without the expected content."""

    exit_code = EXIT_CONFIG
