"""Inside the virtual machine: fills an outbox on a disk that logs every write, and marks what is finished."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

from edge.mqtt.outbox import Outbox
from tests.support.windows import a_window

FOLDER, DISK, LOG = Path("/mnt"), "/dev/vda", "/dev/vdb"


def run(*command: str | Path) -> None:
    """Run a program that has to succeed."""
    subprocess.run(command, check=True)


def main(windows: int, *, synced: bool) -> None:
    """Put ``windows`` into an outbox and acknowledge some; ``synced`` False shows what a database without it loses."""
    sectors = Path(f"/sys/class/block/{Path(DISK).name}/size").read_text().strip()
    run("dmsetup", "create", "cut", "--table", f"0 {sectors} log-writes {DISK} {LOG}")
    run("dmsetup", "mknodes")
    run("mkfs.ext4", "-q", "/dev/mapper/cut")
    run("mount", "/dev/mapper/cut", FOLDER)
    outbox, random = Outbox(FOLDER / "outbox.sqlite", "test"), Random(28)
    if not synced:
        assert outbox._file is not None
        outbox._file._db.execute("PRAGMA synchronous = OFF")

    def mark(what: str, seq: int) -> None:
        run("dmsetup", "message", "cut", "0", "mark", f"{what}-{seq}")

    for seq in range(1, windows + 1):
        outbox.put(lambda epoch, seq: a_window(epoch, seq, device="test"))
        mark("put", seq)
        # A broker comes and goes; acknowledgements come one by one and in batches.
        if seq // 20 % 2 and random.random() < 0.5:
            for row in outbox.pending(random.randrange(40)):
                outbox.acknowledge(row.window.id)
                mark("acknowledged", row.window.seq)
    os.sync()


if __name__ == "__main__":
    main(int(sys.argv[1]), synced=sys.argv[2] == "synced")
