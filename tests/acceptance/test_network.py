"""The service's network filter, which needs cgroup v2: a virtual machine with a kernel and systemd of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.machine import BOOTS_MACHINES, Machine, make_root
from tests.acceptance.test_life import APT, build
from tests.support.virtual_machine import VM, first_files

NEEDED = ("qemu-system-x86_64", "cpio", "mkfs.ext4")
OUTSIDE = "203.0.113.7"
"""An address that is reserved for documentation (RFC 5737), on the loopback of the machine."""
BROKER = "listener 1883\nallow_anonymous true\n"
ANSWERS = f"""\
[device]
id = "fer-network"
[camera]
kind = "replay"
path = "/usr/lib/fer-edge/app/site/edge/media/astronaut.mp4"
loop = true
[window]
duration_s = 2
[mqtt]
host = "{OUTSIDE}"
"""
STEPS = f"""\
ip link set lo up
ip address add {OUTSIDE}/32 dev lo
cp /share/broker.conf /etc/mosquitto/conf.d/
systemctl restart mosquitto
hear() {{
    if mosquitto_sub -h {OUTSIDE} -t 'fer/v1/+/+/aggregate' -C 1 -W "$2" >/dev/null; then
        echo "$1: heard"
    else
        echo "$1: silent"
    fi
}}
fer-edge setup --answers /share/answers.toml
hear denied 30
systemctl show -P StatusText fer-edge
fer-edge doctor
mkdir -p /etc/systemd/system/fer-edge.service.d
printf '[Service]\\nIPAddressAllow={OUTSIDE}\\n' >/etc/systemd/system/fer-edge.service.d/override.conf
systemctl daemon-reload
systemctl restart fer-edge
hear allowed 300
echo doctor again
fer-edge doctor
echo "memory limit $(cat /sys/fs/cgroup/system.slice/fer-edge.service/memory.max)"
"""

pytestmark = [
    *BOOTS_MACHINES,
    pytest.mark.skipif(
        any(shutil.which(name) is None for name in NEEDED), reason=f"needs the programs {', '.join(NEEDED)}"
    ),
    pytest.mark.skipif(not list(VM.glob("boot/vmlinuz-*")), reason="needs a kernel: make build/vm/boot"),
]


def with_package(package: Path, disk: Path) -> Path:
    """A disk with Trixie and the package, which is installed here, where that is faster."""
    machine = Machine(make_root("trixie"), disk.with_suffix(".machine"))
    with machine.booted():
        machine.put(package, f"/var/tmp/{package.name}")
        machine.run(f"{APT} /var/tmp/{package.name}")
        subprocess.run(["mkfs.ext4", "-q", "-d", machine.files, disk, "2500M"], check=True)
    return disk


def run(disk: Path, share: Path, first: Path, kernel: Path) -> str:
    """Boot a machine on ``disk``, with the folder ``share`` in it; what its ``steps`` show."""
    console = "console=ttyS0 panic=-1 no_timer_check systemd.unified_cgroup_hierarchy=1"
    folder = f"local,path={share},mount_tag=share,security_model=none"
    done = subprocess.run(
        [
            *("qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "2", "-m", "1500"),
            *("-nographic", "-nodefaults", "-no-reboot", "-serial", "stdio", "-nic", "none", "-virtfs", folder),
            *("-device", "virtio-rng-pci", "-drive", f"file={disk},format=raw,if=virtio"),
            *("-kernel", kernel, "-initrd", first, "-append", console),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=1800,
    )
    shown = share / "shown"
    assert shown.exists(), done.stdout[-4000:] + done.stderr[-2000:]
    return shown.read_text("utf-8")


def test_a_broker_outside_the_local_network_is_reached_once_its_address_is_allowed(tmp_path: Path) -> None:
    kernel = sorted(VM.glob("boot/vmlinuz-*"))[-1]
    first = first_files(
        tmp_path / "first", kernel.name.removeprefix("vmlinuz-"), Path(__file__).with_name("init"), "disk"
    )
    share = tmp_path / "share"
    share.mkdir()
    for name, text in (("broker.conf", BROKER), ("answers.toml", ANSWERS), ("steps", STEPS)):
        (share / name).write_text(text)

    disk = with_package(build(tmp_path / "dist", "trixie"), tmp_path / "disk")

    shown = run(disk, share, first, kernel)

    before, _, after = shown.partition("doctor again")
    assert "denied: silent" in before, shown
    assert f"the service may reach the local network only, not {OUTSIDE}" in before, shown
    assert f"Run: sudo systemctl edit fer-edge.service, with IPAddressAllow={OUTSIDE} in [Service]" in before, shown
    assert "allowed: heard" in before, shown
    assert "WRONG" not in after, shown
    assert f"memory limit {512 * 2**20}" in after, shown
