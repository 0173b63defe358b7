"""The disk below the outbox is full, read-only or damaged; and how much is written to a healthy one."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psutil
import pytest

from tests.faults.conftest import Figures, MakeClip
from tests.faults.witness import Witness
from tests.support.daemon import READY, Daemon, StartDaemon, replay
from tests.support.mosquitto import Mosquitto

pytestmark = [pytest.mark.faults, pytest.mark.broker]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB in memory."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"needs to mount a tmpfs, which root may: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path) -> Path:
    """A file that leaves nothing free."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def wait_until_disk_is_well(running: Daemon, since_s: float) -> float:
    """When no problem of the outbox was told any more."""
    return running.journal.wait(lambda line: line.startswith("STATUS=") and "outbox" not in line, 60, since_s=since_s)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.row(15, "tmpfs of 1 MB filled while the daemon runs, 80 s of outage")
def test_with_a_full_disk_windows_wait_in_memory(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, small_disk: Path, figures: Figures
) -> None:
    running = daemon(broker.port, outbox={"path": str(small_disk / "outbox.sqlite")})
    witness.wait(2)

    broker.kill()
    filler = fill(small_disk)
    begun_s = time.monotonic()
    problem_s = running.wait(": windows wait in memory", 60) - begun_s
    running.wait_for_queue(70, 90)
    filler.unlink()
    cured_s = time.monotonic()
    # The outage lasts: what waits in memory moves to the disk now.
    recovery_s = wait_until_disk_is_well(running, cured_s) - cured_s
    broker.start()
    running.wait("no window waits", 120, since_s=cured_s)

    account = witness.account()
    note = f"reported after {problem_s:.0f} s"
    figures(recovery_s=recovery_s, problem="outbox_degraded", note=note, **account)
    assert running.process.poll() is None
    assert account["lost"] == 0


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.row(15, "tmpfs read-only at the start of the daemon, 40 s of outage")
def test_with_a_read_only_disk_windows_wait_in_memory(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, small_disk: Path, figures: Figures
) -> None:
    running = daemon(broker.port, outbox={"path": str(small_disk / "outbox.sqlite")})
    witness.wait(2)
    running.stop()
    broker.kill()

    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    begun_s = time.monotonic()
    running.start()
    problem_s = running.wait("STATUS=degraded", since_s=begun_s) - begun_s
    told = running.said("windows wait in memory")
    running.wait_for_queue(40, 60)
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    cured_s = time.monotonic()
    recovery_s = wait_until_disk_is_well(running, cured_s) - cured_s
    broker.start()
    running.wait("no window waits", 120, since_s=cured_s)

    account = witness.account()
    figures(recovery_s=recovery_s, problem="outbox_degraded", note=f"reported after {problem_s:.0f} s", **account)
    assert told
    assert account["lost"] == 0


@pytest.mark.parametrize("flipped", [20, 200, 4096], ids=["20", "200", "the first 4096"])
@pytest.mark.row(15, "bytes of the outbox flipped between two runs, 30 windows wait in it")
def test_of_a_damaged_outbox_only_windows_that_were_hit_are_missing_and_no_number_comes_again(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, clip: MakeClip, flipped: int, figures: Figures
) -> None:
    broker.kill()
    running = daemon(broker.port, camera=replay(clip(300), pace="fast"))
    assert running.finish(30) == 0
    outbox = running.folder / "outbox.sqlite"
    content = bytearray(outbox.read_bytes())
    places = range(flipped) if flipped == 4096 else Random(15).sample(range(len(content)), flipped)
    heads = list(re.finditer(rb"fer-row [0-9a-f]{8} (\d+) (?={\"schema\")", content))
    rows = [(head.start(), head.end() + int(head[1])) for head in heads]
    hit = sum(any(begin <= place < end for place in places) for begin, end in rows)
    for place in places:
        content[place] ^= 0xFF
    outbox.write_bytes(content)

    broker.start()
    running.configure()
    running.start()
    begun_s = time.monotonic()
    witness.windows.wait(lambda window: not window["historical"])
    running.wait_until_sent(since_s=begun_s)

    windows = witness.windows.entries()
    saved = [window for window in windows if window["historical"]]
    figures(note=f"{hit} of the 30 windows were hit, {len(saved)} arrived", lost=30 - len(saved))
    assert len(rows) == 30
    assert len(saved) == 30 - hit
    assert running.wait("kept as outbox.sqlite.damaged") - begun_s < 10
    assert outbox.with_name("outbox.sqlite.damaged").read_bytes() == content
    assert len({window["id"] for window in windows}) == len(windows)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.row(15, "bytes of the outbox flipped under the running daemon")
def test_an_outbox_damaged_while_it_is_open_does_not_stop_the_daemon(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, figures: Figures
) -> None:
    running = daemon(broker.port)
    witness.wait(2)
    broker.kill()
    running.wait_for_queue(45, 90)

    outbox = running.folder / "outbox.sqlite"
    for file in (outbox, outbox.with_name("outbox.sqlite-wal")):
        size = file.stat().st_size
        with file.open("r+b") as damaged:
            damaged.write(Random(1).randbytes(size))
    broker.start()
    returned_s = time.monotonic()
    running.wait("no window waits", 90, since_s=returned_s)
    witness.windows.wait(lambda window: not window["historical"], since_s=returned_s)

    account = witness.account()
    figures(note="all were in memory", **account)
    assert running.process.poll() is None
    assert account["lost"] == 0


def written_bytes(process: psutil.Process) -> int:
    """What the kernel counts as caused by the process: whole pages, without the file system's own journal."""
    return int(process.io_counters().write_bytes)


@pytest.fixture
def counted_disk(tmp_path: Path) -> None:
    """A disk below the outbox, so that there is something to count."""
    before = written_bytes(psutil.Process())
    with (tmp_path / "probe").open("wb") as probe:
        probe.write(bytes(4096))
        os.fsync(probe.fileno())
    if written_bytes(psutil.Process()) == before:
        pytest.skip(f"needs a disk below {tmp_path.parent}, not a RAM disk")


@pytest.mark.slow
@pytest.mark.usefixtures("counted_disk")
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("outage", "window_s", "windows"), [(False, 1, 120), (True, 1, 120)], ids=["steady", "outage"])
@pytest.mark.row("written", "120 windows of 1 s: each is written alone, as those of 60 s are")
def test_the_card_is_spared(
    broker: Mosquitto,
    witness: Witness,
    daemon: StartDaemon,
    outage: bool,
    window_s: int,
    windows: int,
    figures: Figures,
) -> None:
    if outage:
        broker.kill()
    running = daemon(broker.port, window={"duration_s": window_s})
    running.wait(READY)
    process = psutil.Process(running.process.pid)
    if not outage:
        witness.wait(1)

    before = written_bytes(process)
    time.sleep(windows * window_s)
    bytes_a_window = (written_bytes(process) - before) / windows

    figures(bytes_a_window=bytes_a_window, kb_an_hour=60 * bytes_a_window / 1000)
    if outage:
        assert running.said(f"{windows - 2} windows wait")
    assert 0 < bytes_a_window < 20_000
