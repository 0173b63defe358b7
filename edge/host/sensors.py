"""Reads the machine's sensors: temperature, throttling, memory, free disk space, age of the process."""

from __future__ import annotations

import os
import resource
import shutil
import time
from pathlib import Path

from edge.records import HostHealth

TEMPERATURE = Path("/sys/class/thermal/thermal_zone0/temp")
THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
"""Raspberry Pi firmware: hexadecimal flags, of which bits 0 to 3 say what limits the processor now. A Pi 5 is reported
to lack this file; there only the temperature is known."""


def read_host(disk: Path) -> HostHealth:
    """The machine's health, with the free space where the folder ``disk`` lies; None for what is unknown."""
    temperature, flags = _read_text(TEMPERATURE), _read_text(THROTTLED)
    try:
        disk_free_mb = shutil.disk_usage(disk).free / 1e6
    except OSError:
        disk_free_mb = None
    return HostHealth(
        cpu_temp_c=None if temperature is None else int(temperature) / 1000,
        throttled=None if flags is None else bool(int(flags, 16) & 0xF),
        rss_mb=resident_mb(),
        disk_free_mb=disk_free_mb,
    )


def resident_mb() -> float | None:
    """Resident memory of this process in MB (10^6 bytes), from ``/proc``; None where there is no such file."""
    pages = _read_text(Path("/proc/self/statm"))
    return None if pages is None else int(pages.split()[1]) * resource.getpagesize() / 1e6


def process_age_s() -> float | None:
    """Seconds since this process started, in steps of 10 ms, from ``/proc``; None where there is no such file."""
    state = _read_text(Path("/proc/self/stat"))
    if state is None:
        return None
    started_ticks = int(state.rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_ticks / os.sysconf("SC_CLK_TCK")


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text("ascii").strip() or None
    except OSError:
        return None
