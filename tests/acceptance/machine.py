"""A Debian machine for one test: a debootstrapped root, booted with its own systemd in systemd-nspawn.

The root is made once and kept as build/roots/SUITE; each machine writes into an overlay of its own. It has no network
but its loopback: what apt needs lies in its archive folder, as if downloaded before.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOTS = Path(__file__).parents[2] / "build/roots"
PACKAGES = "ca-certificates,dbus,iproute2,mosquitto,mosquitto-clients,python3,systemd,systemd-sysv,udev"
"""What the bare system and the test itself need; nothing of what fer-edge depends on."""
DEPENDENCIES = ("python3-numpy", "python3-cryptography", "python3-apt")
"""What apt installs without a network: for fer-edge, and the last for Ansible."""
NEEDED = ("debootstrap", "systemd-nspawn", "nsenter", "unshare")
BOOTS_MACHINES = [
    pytest.mark.acceptance,
    pytest.mark.skipif(os.geteuid() != 0, reason="boots machines, which only root may"),
    pytest.mark.skipif(
        any(shutil.which(name) is None for name in NEEDED), reason=f"needs the programs {', '.join(NEEDED)}"
    ),
]
"""The marks of tests that boot one."""

_BOOT_S = 120


def make_root(suite: str) -> Path:
    """The root of ``suite``, with the dependencies' packages downloaded and not installed."""
    root, made_of = ROOTS / suite, f"{PACKAGES},{','.join(DEPENDENCIES)}"
    if (root / "made").exists() and (root / "made").read_text("utf-8") == made_of:
        return root
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    targets = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    mirror = next(
        line
        for line in subprocess.check_output(targets, text=True).splitlines()
        if line.rstrip("/").endswith("/debian")
    )
    subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, root, mirror], check=True)
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    apt = "apt-get clean; apt-get update -qq && apt-get install --yes --download-only --no-install-recommends"
    subprocess.run(["chroot", root, "sh", "-c", f"{apt} {' '.join(DEPENDENCIES)}"], check=True)
    (root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
    (root / "made").write_text(made_of, "utf-8")
    return root


class Machine:
    """A machine that can be booted, used and switched off, again and again."""

    def __init__(self, root: Path, disk: Path) -> None:
        """``disk`` is the folder that takes what the machine writes."""
        self._root, self._disk = root, disk
        self.files = disk / "root"
        """The machine's files, as seen from here while it runs."""
        for name in ("root", "upper", "work"):
            (disk / name).mkdir(parents=True)

    @contextmanager
    def booted(self, *options: str) -> Iterator[None]:
        """From the end of its start to its shutdown; ``options`` are those of systemd-nspawn."""
        layers = f"lowerdir={self._root},upperdir={self._disk / 'upper'},workdir={self._disk / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.files], check=True)
        nspawn: list[str | Path] = [
            "systemd-nspawn",
            "--directory",
            self.files,
            "--boot",
            "--private-network",
            "--register=no",
        ]
        nspawn += ["--keep-unit", "--console=read-only", "--resolv-conf=off", "--machine=fer-edge", *options]
        with (self._disk / "console.log").open("ab") as console:
            process = subprocess.Popen(nspawn, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)
        self._leader = ""
        try:
            self._leader = self._find_leader(process)
            self.run("systemctl is-system-running --wait", check=False)
            self.run("ip link set lo up", check=False)
            yield
            self.run("systemctl poweroff", check=False)
            process.wait(_BOOT_S)
        finally:
            if process.poll() is None:
                if self._leader:  # nspawn alone would leave the machine running
                    os.kill(int(self._leader), signal.SIGKILL)
                process.kill()
                process.wait()
            subprocess.run(["umount", self.files], check=False)

    def run(self, command: str, *, check: bool = True, timeout_s: float = 600) -> str:
        """What a shell command in the machine prints, errors too.

        Raises:
            AssertionError: it failed, unless ``check`` is False.
        """
        done = subprocess.run(
            self.entered(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: exit status {done.returncode}\n{done.stdout}"
        return done.stdout

    def entered(self, command: str) -> list[str]:
        """What runs a shell command in the machine from outside of it."""
        clean = [
            "env",
            "-i",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME=/",
            "LANG=C.UTF-8",
            "DEBIAN_FRONTEND=noninteractive",
        ]
        return ["nsenter", "-t", self._leader, "-m", "-u", "-i", "-n", "-p", "--", *clean, "sh", "-c", command]

    def wait(self, command: str, expected: str, timeout_s: float = 120) -> str:
        """Repeat ``command`` until its output contains ``expected``; returns the output.

        Raises:
            AssertionError: it did not within ``timeout_s``.
        """
        until_s = time.monotonic() + timeout_s
        while expected not in (shown := self.run(command, check=False)):
            assert time.monotonic() < until_s, f"{command}: no {expected!r} in {timeout_s:g} s\n{shown}"
            time.sleep(0.5)
        return shown

    def put(self, source: Path, target: str) -> None:
        """Copy a file into the machine."""
        shutil.copyfile(source, self.files / target.lstrip("/"))

    def write(self, target: str, text: str) -> None:
        """Write a file of the machine; owner and mode of an existing one stay."""
        (self.files / target.lstrip("/")).write_text(text, "utf-8")

    @staticmethod
    def _find_leader(process: subprocess.Popen[bytes]) -> str:
        """The process id of the machine's systemd once it answers."""
        until_s = time.monotonic() + _BOOT_S
        while time.monotonic() < until_s and process.poll() is None:
            children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False)
            if (leader := children.stdout.split()) and Path(f"/proc/{leader[0]}/root", "run/systemd/private").exists():
                return leader[0]
            time.sleep(0.1)
        raise AssertionError(f"the machine does not start, exit status {process.poll()}")
