"""The power goes. What counts is what the disk had made safe, in the order in which it did.

In a virtual machine dm-log-writes keeps every write of an outbox's disk, a write that was not flushed only after the
flush. So the disk after the first n entries is one that lost its power there: its journal is replayed, and the outbox
opened, as at the next start.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from edge.mqtt.outbox import Outbox
from tests.faults.conftest import Compile, Figures, MakeClip
from tests.faults.witness import Witness
from tests.support.daemon import READY, StartDaemon, last_seq, replay
from tests.support.mosquitto import Mosquitto
from tests.support.paths import ROOT
from tests.support.virtual_machine import VM, first_files

pytestmark = [pytest.mark.faults]

GUEST = ROOT / "tests" / "faults" / "vm"
"""What runs on the virtual machine."""
DISK_BYTES, LOG_BYTES = 8 * 2**20, 2**30
WINDOWS, CUTS = 80, 300
DISCARD, MARK = 4, 8
"""Flags of entries that are no writes, from drivers/md/dm-log-writes.c."""


class Entry(NamedTuple):
    """What the disk did: ``data`` written at byte ``at``; or a mark in the log."""

    at: int
    data: bytes
    mark: str


Record = Callable[..., list[Entry]]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """``record(80, synced=True)`` puts 80 windows into an outbox in a virtual machine; what its disk did."""
    programs = ("qemu-system-x86_64", "cpio", "dmsetup", "mkfs.ext4", "e2fsck", "debugfs")
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (apt-get install qemu-system-x86 cpio dmsetup e2fsprogs)")
    if not (kernels := sorted((VM / "boot").glob("vmlinuz-*"))):
        pytest.skip("needs a kernel: make build/vm/boot")
    release = kernels[-1].name.removeprefix("vmlinuz-")
    first = first_files(tmp_path / "first", release, GUEST / "init", "host", ["drivers/md"])
    disk, log = tmp_path / "disk", tmp_path / "log"

    def run(windows: int, *, synced: bool) -> list[Entry]:
        for file, size_bytes in ((disk, DISK_BYTES), (log, LOG_BYTES)):
            with file.open("wb") as sparse:
                sparse.truncate(size_bytes)
        program = f"{sys.executable} -B {GUEST}/windows_on_disk.py {windows} {'synced' if synced else 'unsynced'}"
        done = subprocess.run(
            [
                *("qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "2", "-m", "1024"),
                *("-nographic", "-nodefaults", "-no-reboot", "-serial", "stdio", "-nic", "none"),
                *("-kernel", kernels[-1], "-initrd", first),
                *(
                    "-append",
                    f"console=ttyS0 panic=-1 no_timer_check -- /usr/bin/env PYTHONPATH={ROOT} {program}",
                ),
                *("-drive", f"file={disk},format=raw,if=virtio", "-drive", f"file={log},format=raw,if=virtio"),
                *("-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "status 0" in done.stdout, done.stdout[-4000:] + done.stderr[-2000:]
        return list(_entries(log))

    return run


def _entries(log: Path) -> Iterator[Entry]:
    """Read the log; its format stands in drivers/md/dm-log-writes.c."""
    with log.open("rb") as file:
        _, _, count, sector_bytes = struct.unpack("<QQQI", file.read(28))
        for _ in range(count):
            file.seek(-file.tell() % sector_bytes, os.SEEK_CUR)
            sector, sectors, flags, mark_bytes = struct.unpack("<QQQQ", file.read(32))
            mark = file.read(mark_bytes).decode() if flags & MARK else ""
            file.seek(-file.tell() % sector_bytes, os.SEEK_CUR)
            data = b"" if flags & (MARK | DISCARD) else file.read(sectors * sector_bytes)
            yield Entry(sector * sector_bytes, data, mark)


def cut(disk: list[Entry], folder: Path) -> tuple[int, int, int]:
    """Start again after many cuts; how many cuts, finished windows that were lost, and numbers that came again."""
    first = next(index for index, entry in enumerate(disk) if entry.mark == "put-1")
    cuts = set(Random(28).sample(range(first, len(disk)), min(CUTS, len(disk) - first)))
    content, finished, delivered, lost, again = bytearray(DISK_BYTES), 0, set[int](), 0, 0
    for index, entry in enumerate(disk):
        content[entry.at : entry.at + len(entry.data)] = entry.data
        what, _, seq = entry.mark.partition("-")
        if what == "put":
            finished = int(seq)
        elif what == "acknowledged":
            delivered.add(int(seq))
        if index in cuts:
            kept, last = start_again(content, folder)
            lost += len(set(range(1, finished + 1)) - delivered - kept)
            again += last < finished
    return len(cuts), lost, again


def start_again(content: bytearray, folder: Path) -> tuple[set[int], int]:
    """The numbers of the windows that an outbox finds on this disk, and the last number that it knows."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    image = folder / "image"
    image.write_bytes(content)
    repaired = subprocess.run(["e2fsck", "-p", image], capture_output=True, check=False)
    assert repaired.returncode < 4, repaired
    subprocess.run(["debugfs", "-R", f"rdump / {folder}", image], capture_output=True, check=True)
    with closing(Outbox(folder / "outbox.sqlite", "test")) as outbox:
        return {row.window.seq for row in outbox.pending(WINDOWS)}, outbox.seq


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.row(28, "dm-log-writes in a virtual machine: the disk of an outbox is cut off after any of its writes")
def test_no_cut_between_two_writes_of_the_disk_loses_a_finished_window(
    record: Record, tmp_path: Path, figures: Figures
) -> None:
    disk = record(WINDOWS, synced=True)

    cuts, lost, again = cut(disk, tmp_path / "after")

    figures(lost=lost, note=f"{cuts} cuts in {len(disk)} writes of {WINDOWS} windows")
    assert (lost, again) == (0, 0)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_same_cuts_find_the_windows_that_a_database_loses_without_sync(record: Record, tmp_path: Path) -> None:
    _, lost, _ = cut(record(20, synced=False), tmp_path / "after")

    assert lost > 0


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.row(28, "preloaded library: of what was written only what was synced survives; 20 cuts, 10 in an outage")
def test_a_daemon_whose_power_is_cut_loses_no_finished_window(
    broker: Mosquitto,
    witness: Witness,
    daemon: StartDaemon,
    clip: MakeClip,
    compiled: Compile,
    tmp_path: Path,
    figures: Figures,
) -> None:
    state, synced = tmp_path / "state", tmp_path / "synced"
    synced.mkdir()
    running = daemon(
        broker.port,
        camera=replay(clip(600), loop=True, pace="fast"),
        window={"duration_s": 10},
        outbox={"path": str(state / "outbox.sqlite")},
        environment={
            "LD_PRELOAD": str(compiled("power_cut.c", "libpowercut.so")),
            "STATE": str(state),
            "SYNCED": str(synced),
        },
        start=False,
    )
    random = Random(28)

    for life in range(20):
        if life % 2:
            broker.kill()
        started_s = time.monotonic()
        running.start()
        running.wait(READY, 30, since_s=started_s)
        time.sleep(random.uniform(0.5, 2.0))
        running.kill()
        shutil.rmtree(state)
        shutil.copytree(synced, state)
        if life % 2:
            broker.start()
    running.start()
    running.wait("no window waits", 200, since_s=time.monotonic())
    assert running.stop() == 0
    finished = last_seq(state / "outbox.sqlite")
    witness.wait(finished)

    account = witness.account()
    figures(**account)
    assert account["windows"] == finished
    assert account["lost"] == 0
    assert finished > 20
