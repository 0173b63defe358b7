"""Programs of Bookworm that are unpacked into a folder and run there, also those for another processor."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
LOADERS = {"amd64": "lib64/ld-linux-x86-64.so.2", "arm64": "lib/ld-linux-aarch64.so.1"}


def unpack(name: str, architecture: str, *packages: str) -> Path:
    """The folder with these packages and what they need, made once."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("needs the program dpkg-deb")
    folder = ROOT / "build" / "unpacked" / f"{name}-{architecture}"
    if not (folder / "usr/bin/python3.11").exists():
        command: list[str | Path] = [ROOT / "requirements/unpack.sh", "bookworm", folder, "python3", *packages]
        subprocess.run(command, env=os.environ | {"ARCHITECTURE": architecture}, check=True)
    return folder


def emulator(architecture: str) -> list[str]:
    """What runs programs for this processor here."""
    machine = MACHINES[architecture]
    if platform.machine() == machine:
        return []
    found = shutil.which(f"qemu-{machine}-static") or shutil.which(f"qemu-{machine}")
    if found is None:
        pytest.skip(f"needs qemu-{machine} (apt-get install qemu-user-static)")
    return [found]


def python(root: Path, architecture: str) -> list[str | Path]:
    """The Python that was unpacked into ``root``, with its own libraries."""
    triplet = f"{MACHINES[architecture]}-linux-gnu"
    # Debian's alternatives would link the last two.
    folders = ("lib/{}", "usr/lib/{}", "usr/lib/{}/blas", "usr/lib/{}/lapack")
    libraries = ":".join(str(root / name.format(triplet)) for name in folders)
    loader = root / LOADERS[architecture]
    return [*emulator(architecture), loader, "--library-path", libraries, root / "usr/bin/python3"]
