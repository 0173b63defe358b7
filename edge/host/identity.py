"""Who this machine is, for the id of a device that was given none."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from edge.errors import ConfigError

MACHINE_ID = Path("/etc/machine-id")
SERIAL = Path("/sys/firmware/devicetree/base/serial-number")
"""A Pi's serial number: a copied SD card has the same machine id, but not this."""


def derived_id(name: str, machine_id: Path = MACHINE_ID, serial: Path = SERIAL) -> str:
    """``fer-`` and 8 hexadecimal digits, so that neither the machine id nor the serial number is published.

    ``name`` is that of the configuration file without its suffix: each file is a device of its own.

    Raises:
        ConfigError: the machine has no id yet.
    """
    identity = _read(machine_id)
    if not re.fullmatch("[0-9a-f]{32}", identity) or not identity.strip("0"):
        state = "is not set up" if machine_id.exists() else "does not exist"
        raise ConfigError(
            f"device.id is empty and {machine_id} {state}; set device.id, or run systemd-machine-id-setup"
        )
    parts = ["fer-edge", identity, _read(serial).strip("\0"), "" if name == "fer-edge" else name]
    return "fer-" + hashlib.sha256(" ".join(part for part in parts if part).encode()).hexdigest()[:8]


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
