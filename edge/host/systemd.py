"""What systemd knows of our service, and a command that runs in the service's sandbox."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

BOOTED = Path("/run/systemd/system")
"""Exists where systemd runs the machine, see ``sd_booted(3)``."""

_PROPERTIES = ("LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "StatusText", "ExecMainStatus")
_OURS_ALONE = re.compile(r"(?:Exec\w+|Type|NotifyAccess|Restart\w*|\w*WatchdogSec|Timeout\w+|StandardOutput)\s*=")
"""Directives of a service that a single command must not have."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A service as ``systemctl show`` describes it; the words are systemd's. ``status`` is what the daemon says."""

    name: str
    load: str
    active: str
    sub: str
    enabled: str
    result: str
    exit_status: int
    status: str

    @property
    def runs(self) -> bool:
        """Whether a process of it exists, which holds the camera and the outbox."""
        return self.active in ("active", "activating", "reloading") and self.sub not in ("auto-restart", "dead")


def unit_name(config: Path) -> str:
    """The unit that runs with this configuration: ``fer-edge@door.toml`` is that of ``fer-edge@door.service``."""
    return f"{config.stem}.service"


def read_unit(name: str) -> Unit | None:
    """The unit of that name, whether it exists or not; None where systemd does not run this machine."""
    if not BOOTED.is_dir():
        return None
    answer = _systemctl("show", name, f"--property={','.join(_PROPERTIES)}")
    found = dict(line.partition("=")[::2] for line in answer.splitlines())
    if not found.keys() >= set(_PROPERTIES):
        return None
    load, active, sub, enabled, result, status, exit_status = (found[name] for name in _PROPERTIES)
    return Unit(name, load, active, sub, enabled, result, int(exit_status or 0), status)


def lets_through(unit: str, address: str) -> bool:
    """Whether the network filter of a unit lets an IP address through."""
    denied, allowed = (
        _systemctl("show", unit, f"--property={name}", "--value").split()
        for name in ("IPAddressDeny", "IPAddressAllow")
    )
    return not denied or any(ip_address(address) in ip_network(each, strict=False) for each in allowed)


def running_units() -> tuple[str, ...]:
    """Every service of ours that runs or tries to."""
    states = "--state=active,activating"
    listed = _systemctl("list-units", "--plain", "--no-legend", states, "fer-edge.service", "fer-edge@*.service")
    return tuple(line.split()[0] for line in listed.splitlines() if line.strip())


def restart(*units: str) -> None:
    """Restart without waiting; a unit that had given up begins anew."""
    _systemctl("reset-failed", *units)
    _systemctl("restart", "--no-block", *units)


def enable(unit: str, wait_s: float) -> Unit | None:
    """Start the unit now and at every boot, and wait until it is ready, has failed, or ``wait_s`` is over."""
    _systemctl("daemon-reload")
    _systemctl("enable", unit)
    restart(unit)
    until_s = time.monotonic() + wait_s
    while True:
        found = read_unit(unit)
        if found is None or found.active in ("active", "failed") or time.monotonic() >= until_s:
            return found
        time.sleep(0.5)


def drop_in(unit: str) -> Path:
    """Where an operator's settings for a unit lie."""
    return Path("/etc/systemd/system") / f"{unit}.d"


def run_in_sandbox(unit: str, command: Sequence[str]) -> Iterator[str]:
    """The lines that ``command`` prints in the sandbox of ``unit``, with its user, devices, network and credentials.

    What systemd complains of is among them. A transient unit gets every directive of the unit and of its drop-ins but
    those that say how a daemon is started, and what our own start told Python of its libraries.
    """
    transient = f"fer-edge-doctor-{unit}"
    folder = BOOTED / f"{transient}.d"
    lines = _systemctl("cat", unit).replace("%N", unit.removesuffix(".service")).replace("%n", unit).splitlines()
    kept = _without(lines, _OURS_ALONE)
    folder.mkdir(exist_ok=True)
    try:
        (folder / "sandbox.conf").write_text("\n".join(kept) + "\n")
        python = [f"--setenv={name}={value}" for name, value in os.environ.items() if name.startswith("PYTHON")]
        run = [
            "systemd-run",
            "--quiet",
            "--collect",
            "--pipe",
            "--wait",
            f"--unit={transient}",
            *python,
            "--",
            *command,
        ]
        with subprocess.Popen(
            run, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process:
            assert process.stdout is not None
            yield from (line.rstrip("\n") for line in process.stdout)
    finally:
        (folder / "sandbox.conf").unlink(missing_ok=True)
        folder.rmdir()


def _without(lines: list[str], directive: re.Pattern[str]) -> list[str]:
    """``lines`` of a unit file without comments, without [Install], and without these directives."""
    kept, section, continued = [], "", False
    for line in lines:
        if line.startswith("[") and not continued:
            section = line.strip()
        dropped = continued or bool(directive.match(line)) or section == "[Install]" or line.startswith(("#", ";"))
        continued = line.endswith("\\") and dropped
        if not dropped:
            kept.append(line)
    return kept


def _systemctl(*arguments: str) -> str:
    return _output("systemctl", "--no-pager", *arguments)


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
