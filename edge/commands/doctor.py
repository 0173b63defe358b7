"""``fer-edge doctor``: the machine, the service, and everything that ``check`` tries, in the service's own sandbox."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edge.commands.check import Finding, check
from edge.commands.check_network import hosts, resolve
from edge.commands.doctor_machine import CLEAR_DISK, look_at_machine
from edge.config_file import load
from edge.errors import EXIT_CONFIG, EXIT_RETRY, ConfigError, FerEdgeError
from edge.host.systemd import Unit, lets_through, read_unit, run_in_sandbox, unit_name
from edge.mqtt.outbox_file import IN_USE

_REINSTALL = "sudo apt install --reinstall fer-edge"
_REMEDIES: tuple[tuple[str, str, str], ...] = (
    ("runtime", "", f"{_REINSTALL} python3-numpy"),
    ("device", "", "sudo systemd-machine-id-setup"),
    ("model", "accelerator|edgetpu", "sudo fer-edge setup; or set inference.fallback to cpu"),
    ("model|detector", "model fetch", "sudo fer-edge model fetch yunet"),
    ("model|detector", "/var/lib/", "sudo fer-edge model rollback"),
    ("model|detector", "", _REINSTALL),
    ("camera", "picamera2", "sudo apt install python3-picamera2"),
    ("camera", "may not open", "sudo chgrp video {device} && sudo chmod g+rw {device}"),
    ("camera", "in use|another program", "sudo fuser -v /dev/video*"),
    ("camera", "libcamera finds no camera", "rpicam-hello --list-cameras"),
    ("camera", "does not exist", "ls -l /dev/v4l/by-id; sudo fer-edge setup"),
    ("camera", "", "sudo fer-edge setup"),
    ("outbox", "started by hand", "sudo fuser -v /var/lib/{unit}/outbox.sqlite"),
    ("outbox", "full|No space", CLEAR_DISK),
    ("dns", "", "resolvectl status; sudo fer-edge setup"),
    ("broker", "certificate", "openssl s_client -connect {broker} -showcerts </dev/null | openssl x509 -noout -dates"),
    ("tls|broker", "", "sudo fer-edge setup"),
    ("config", "No such file", "sudo fer-edge setup --config {config}"),
    ("config", "Permission denied", "sudo chgrp fer-edge {config} && sudo chmod 640 {config}"),
)
"""Part, what its sentence holds, and the command that mends that or shows more; the first that fits is told."""


def doctor(config: Path) -> Iterator[Finding]:
    """Everything that has to be right, one finding each, as soon as it is known.

    Raises:
        ConfigError: root alone may look into the sandbox of a service.
    """
    unit = read_unit(unit_name(config))
    if unit is not None and os.geteuid():
        raise ConfigError(
            f"doctor looks into the sandbox of {unit.name}, which only root may; run sudo fer-edge doctor"
        )
    yield from look_at_machine()
    if unit is None:
        yield Finding("service", "systemd does not run here; what follows was tried as this user")
    else:
        yield _with_filter(_service(unit), config)
    found = _here(config) if unit is None or unit.load in ("not-found", "masked") else _inside(config, unit)
    name = unit_name(config).removesuffix(".service")
    idle = unit is not None and unit.load != "not-found" and not unit.runs
    for finding in found:
        if idle and finding.part == "outbox" and IN_USE in finding.sentence:
            told = f"{finding.sentence}, which was started by hand; the service cannot start before that one ends"
            finding = replace(finding, sentence=told, exit_code=EXIT_RETRY)
        yield _with_filter(replace(finding, remedy=_remedy(finding, name)), config)


def _service(unit: Unit) -> Finding:
    """What systemd says of the unit, and the service of itself."""
    name = unit.name.removesuffix(".service")
    log = f"journalctl -u {name} -n 20"
    if unit.load == "not-found":
        return Finding("service", f"there is no {unit.name}: what follows was tried as root", EXIT_CONFIG)
    if unit.load == "masked":
        told = f"{name} is masked and cannot start; what follows was tried as root"
        return Finding(
            "service", told, EXIT_CONFIG, f"sudo systemctl unmask {name} && sudo systemctl enable --now {name}"
        )
    if unit.active == "failed" or unit.sub == "auto-restart":
        why = "configuration or model is wrong" if unit.exit_status == EXIT_CONFIG else unit.result
        told = f"{name} failed with status {unit.exit_status} ({why})"
        return Finding("service", told, EXIT_RETRY, f"{log}; sudo systemctl restart {name}")
    if unit.active == "inactive":
        return Finding("service", f"{name} does not run", EXIT_RETRY, f"sudo systemctl enable --now {name}")
    if unit.active != "active":
        return Finding("service", f"{name} is {unit.active} and has analysed no image yet", EXIT_RETRY, log)
    if unit.enabled not in ("enabled", "enabled-runtime"):
        return Finding("service", f"{name} will not start after a reboot", EXIT_RETRY, f"sudo systemctl enable {name}")
    if not unit.status.startswith("degraded"):
        return Finding("service", f"{name} is {unit.status}")
    # The service alone talks to the broker while it runs, and what it says of it is mended as what check says.
    broker = Finding("broker", unit.status, EXIT_RETRY)
    remedy = _remedy(broker, name) if "broker " in unit.status else log
    return Finding("service", f"{name} is {unit.status}", EXIT_RETRY, remedy)


def _inside(config: Path, unit: Unit) -> Iterator[Finding]:
    """``check`` in the unit's sandbox, as its user, by the Python and the libraries that run this doctor."""
    command = [sys.executable, "-m", "edge", "check", "--json", "--config", str(config)]
    if unit.runs:
        command.append("--beside-service")
    complaints, last = [], ""
    for line in run_in_sandbox(unit.name, command):
        try:
            finding = Finding(**json.loads(line))
        except (ValueError, TypeError):
            complaints.append(line)
        else:
            last = finding.part
            yield finding
    if last != "broker":  # the last part of all
        told = " ".join(complaints)[-400:] or "the sandbox cannot be entered"
        yield Finding("check" if last else "config", told, EXIT_CONFIG)


def _with_filter(finding: Finding, config: Path) -> Finding:
    """The finding; where nobody answers because the service's network filter holds packets back, with that as cause."""
    silent = finding.part in ("broker", "camera") or "cannot be reached" in finding.sentence
    if not (finding.exit_code and silent and (kept_out := _kept_out(config))):
        return finding
    told = f"{finding.sentence}; the service may reach the local network only, not {kept_out[0]}"
    edit = f"sudo systemctl edit {unit_name(config)}, with IPAddressAllow={' '.join(kept_out)} in [Service]"
    return replace(finding, sentence=told, remedy=edit)


def _kept_out(config: Path) -> list[str]:
    """Addresses of brokers and network camera to which the filter lets nothing through."""
    try:
        addresses = [address for host in hosts(load(config)) for address in resolve(host)]
    except FerEdgeError:  # its own finding says so
        return []
    return [address for address in addresses if not lets_through(unit_name(config), address)]


def _here(config: Path) -> Iterator[Finding]:
    """``check`` as this user, where there is no service to look into, such as in a container."""
    try:
        yield from check(load(config))
    except ConfigError as error:
        yield Finding("config", str(error), error.exit_code)


def _remedy(finding: Finding, name: str) -> str:
    """The command that mends what was found, or shows more of it; empty where nothing is wrong."""
    if not finding.exit_code:
        return ""
    named = {"device": r"(/dev/[\w/.-]+)", "broker": r"broker (\S+:\d+)", "config": r"config (\S+\.toml)"}
    found = {key: match[1] for key, holds in named.items() if (match := re.search(holds, finding.sentence))}
    unknown = {"device": "/dev/video0", "broker": "BROKER:8883", "config": f"/etc/fer-edge/{name}.toml"}
    for part, holds, command in _REMEDIES:
        if re.fullmatch(part, finding.part) and re.search(holds, finding.sentence):
            return command.format(unit=name, **unknown | found)
    return ""
