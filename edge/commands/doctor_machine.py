"""The machine's part of ``fer-edge doctor``: clock, power, heat, disk and memory limit."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from edge.commands.check import Finding
from edge.errors import EXIT_RETRY
from edge.host.sensors import THROTTLED, read_host
from edge.host.thermal import HOT_C
from edge.mqtt.wallclock import clock_is_set

STATE = Path("/var/lib")
LOW_DISK_MB = 100
CLEAR_DISK = "sudo journalctl --vacuum-size=50M; sudo apt clean"

_CONTROLLERS = Path("/sys/fs/cgroup/cgroup.controllers")
_UNDERVOLTED, _SLOWED = 0x1, 0x2 | 0x4 | 0x8
_UNDERVOLTED_SINCE_BOOT, _SLOWED_SINCE_BOOT = _UNDERVOLTED << 16, _SLOWED << 16
"""Bits of ``vcgencmd get_throttled`` (Raspberry Pi documentation, "vcgencmd")."""


def look_at_machine(
    *, state: Path = STATE, throttled: Path = THROTTLED, now_s: float | None = None
) -> Iterator[Finding]:
    """One finding for each; what this machine cannot tell is left out."""
    yield _clock(time.time() if now_s is None else now_s)
    if (flags := _throttle_flags(throttled)) is not None:
        yield _power(flags)
    host = read_host(state)
    if host.cpu_temp_c is not None:
        hot = host.cpu_temp_c >= HOT_C
        advice = f"; {HOT_C:.0f} °C slow it down, so give it a heat sink, a fan or air" if hot else ""
        yield Finding("heat", f"the processor has {host.cpu_temp_c:.0f} °C{advice}", EXIT_RETRY if hot else 0)
    if host.disk_free_mb is not None:
        free = f"{host.disk_free_mb:.0f} MB are free at {state}"
        low = host.disk_free_mb < LOW_DISK_MB
        yield Finding("disk", free, EXIT_RETRY, CLEAR_DISK) if low else Finding("disk", free)
    if _CONTROLLERS.exists():
        yield _memory("memory" in _CONTROLLERS.read_text("ascii").split())


def _clock(now_s: float) -> Finding:
    shown = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now_s))
    if clock_is_set(now_s):
        return Finding("clock", shown)
    told = f"{shown} has not been set from a server: windows carry no time of day, and certificates may seem invalid"
    return Finding("clock", told, EXIT_RETRY, "sudo timedatectl set-ntp true; timedatectl timesync-status")


def _throttle_flags(throttled: Path) -> int | None:
    try:
        return int(throttled.read_text("ascii"), 16)
    except (OSError, ValueError):
        pass
    try:  # the firmware's own program, for a Pi 5
        said = subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"throttled=0x([0-9a-fA-F]+)", said.stdout)
    return int(found[1], 16) if found else None


def _power(flags: int) -> Finding:
    supply = "use the power supply made for this Pi, and a short cable"
    if flags & _UNDERVOLTED:
        return Finding("power", f"the voltage is too low now; {supply}", EXIT_RETRY, "vcgencmd get_throttled")
    if flags & _SLOWED:
        return Finding("power", "the processor is slowed down now, by heat", EXIT_RETRY, "vcgencmd measure_temp")
    if flags & _UNDERVOLTED_SINCE_BOOT:
        return Finding(
            "power", f"the voltage was too low since the last boot; {supply}", EXIT_RETRY, "dmesg | grep -i volt"
        )
    return Finding(
        "power", "enough" + ("; heat slowed the processor since the last boot" * bool(flags & _SLOWED_SINCE_BOOT))
    )


def _memory(counted: bool) -> Finding:
    if counted:
        return Finding("memory", "the service's limit holds")
    told = "the service's limit has no effect: add cgroup_enable=memory to the kernel's line and reboot"
    # Not wrong: Raspberry Pi OS is made so, and the daemon needs the limit only where something else is broken.
    return Finding("memory", told, reminder=True)
