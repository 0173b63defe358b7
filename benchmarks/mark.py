"""Where a measured part of a program begins and ends, for the emulator that counts its instructions."""

from __future__ import annotations

import contextlib
import os

MARK = 0x666572
"""A number that no process has; ``instructions/count.c`` waits for it."""


def mark() -> None:
    """Make the emulator write how many instructions have run so far; without it, nothing happens."""
    with contextlib.suppress(ProcessLookupError):
        os.getpriority(os.PRIO_PROCESS, MARK)
