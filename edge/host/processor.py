"""What kind of processor this is, as far as it decides which classifier it can carry."""

from __future__ import annotations

import re
from pathlib import Path

SLOW_CORES = {"0xd03": "Cortex-A53", "0xd04": "Cortex-A35", "0xd05": "Cortex-A55"}
"""Arm's part numbers of cores that start one instruction after the other, as in a Pi Zero 2 W and a Pi 3.
docs/performance.md counts what the standard classifier would take of them."""


def slow_core(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """The name of this processor's core if all of them are slow; None for a faster one, and where it is not known."""
    try:
        parts = set(re.findall(r"^CPU part\s*: (\S+)$", cpuinfo.read_text("utf-8", "replace"), re.MULTILINE))
    except OSError:
        return None
    names = [SLOW_CORES.get(part) for part in sorted(parts)]
    return names[0] if names and all(names) else None
