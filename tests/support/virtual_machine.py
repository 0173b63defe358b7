"""What a virtual machine needs that boots a kernel of Debian."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.paths import ROOT

VM = ROOT / "build" / "vm"
"""The kernel with its modules, and busybox, as ``make build/vm/boot`` unpacks them."""
_MODULES = ("drivers/virtio", "drivers/block", "fs", "net/9p", "lib", "crypto", "arch/x86/crypto")


def first_files(folder: Path, release: str, init: Path, mount: str, modules: Sequence[str] = ()) -> Path:
    """What the kernel ``release`` unpacks first, made in ``folder``: a shell, kernel modules, and the first process.

    Args:
        folder: where to put it together; the archive lies beside it.
        release: of the kernel.
        init: script of the first process.
        mount: folder in which that mounts a disk.
        modules: further folders of kernel modules.
    """
    for name in ("bin", "proc", "sys", "dev", mount):
        (folder / name).mkdir(parents=True)
    shutil.copy(VM / "bin" / "busybox", folder / "bin")
    shutil.copy(init, folder)
    kernel = Path("lib/modules") / release / "kernel"
    for name in (*_MODULES, *modules):
        shutil.copytree(VM / kernel / name, folder / kernel / name)
    subprocess.run([VM / "bin" / "busybox", "depmod", "-b", folder, release], check=True)
    archive = folder.with_suffix(".cpio")
    with archive.open("wb") as file:
        subprocess.run("find . | cpio -o -H newc --quiet", shell=True, cwd=folder, stdout=file, check=True)
    return archive
