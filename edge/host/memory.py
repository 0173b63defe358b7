"""Gives memory back to the system that only the start of the daemon needed."""

from __future__ import annotations

import contextlib
import ctypes
import re
import sys
from pathlib import Path

_UNCHANGED = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) r-.p \S+ \S+ [1-9]\d* .*\n(?:[A-Z].*\n)*?Anonymous: +0 kB$", re.MULTILINE
)
"""A part of a file in /proc/PID/smaps that nobody may write to, and of which no page differs from the file."""
_MADV_DONTNEED = 4


def give_back() -> None:
    """Return freed memory, and the code and tables of libraries that were read while they were loaded.

    What is needed again is mapped again from the cache of the file. A kernel that runs out of memory takes such pages
    by itself, but later. Linux only.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    with contextlib.suppress(AttributeError):  # another C library than glibc
        libc.malloc_trim(0)
    with contextlib.suppress(OSError):
        for begin, end in _UNCHANGED.findall(Path("/proc/self/smaps").read_text("utf-8", "replace")):
            address, length = int(begin, 16), int(end, 16) - int(begin, 16)
            libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(length), _MADV_DONTNEED)
