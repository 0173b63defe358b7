"""Every deliberate error of the product, with the exit status it ends a command with.

A message names the thing that is wrong, its value, and what would be accepted.
Errors of foreign libraries are translated in the module that owns the library.
"""

from __future__ import annotations

EXIT_RETRY = 1
"""A restart may cure it: systemd starts the daemon again."""
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
    """An accelerator was asked for and is not there."""


class CameraError(FerEdgeError, OSError):
    """A camera that cannot be opened, or that stopped delivering frames."""


class BrokerError(FerEdgeError, ConnectionError):
    """A broker that cannot be reached or that refuses us."""


class DownloadError(FerEdgeError, OSError):
    """A file that cannot be fetched from its home."""


class DataError(FerEdgeError, ValueError):
    """A data set or file that does not hold what it should."""

    exit_code = EXIT_CONFIG
