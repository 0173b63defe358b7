"""Window numbers that grow by one and are never given twice, across restarts and power cuts.

Two small files. ``reserved``, beside the outbox on the SD card, holds the end of a block of numbers; it is written
once per ``BLOCK`` windows, so numbering hardly touches the card. ``exact``, on a RAM disk, holds the next number and
survives the process but not the machine. So a crashed or killed process goes on with the very next number; only after
a power cut, which loses ``exact``, the numbers go on at the end of the block. The gap that a consumer then sees is an
upper bound of what was lost, at most ``BLOCK``: nobody can know how many windows died with the machine's memory. Both
files stand outside the outbox's database because a damaged database must not make old ids return.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

BLOCK = 16
"""Numbers reserved at once: one write to the card every 16 windows."""

_log = logging.getLogger(__name__)


class SequenceNumbers:
    """Hands out numbers from 1. ``None`` for a file does without what that file survives. Used under a lock."""

    def __init__(self, reserved: Path | None, exact: Path | None, *, above: int = 0) -> None:
        """``above`` is the highest number known to be used otherwise."""
        self._reserved = reserved
        self._exact = exact
        limit, following = _read(reserved), _read(exact)
        if following is not None and (limit is None or limit - BLOCK <= following <= limit):
            start = following
        elif limit is not None:
            start = limit
        else:
            start = above + BLOCK if above else 1
        self._next = max(start, above + 1)
        self._limit = self._next
        self.problem: str | None = None
        """Why a power cut could make numbers repeat; None when it cannot."""

    def take(self) -> int:
        """The next number. Killed before ``keep``, nobody has seen it, and the next process takes it again."""
        number = self._next
        self._next += 1
        if number >= self._limit and self._reserved:
            self._reserve(self._reserved, number + BLOCK)
        return number

    def keep(self) -> None:
        """What the last number was taken for is stored."""
        if self._exact is None:
            return
        # Same length every time: a kill cannot leave half a number in a page that is written at once.
        try:
            with self._exact.open("r+b" if self._exact.exists() else "wb", buffering=0) as file:
                file.write(b"%020d\n" % self._next)
        except OSError as error:
            _log.warning("next window number cannot be kept in %s (%s)", self._exact, error.strerror)
            self._exact = None

    def close(self) -> None:
        """Give the unused rest of the block back, so that a clean restart leaves no gap."""
        if self._reserved:
            self._reserve(self._reserved, self._next)

    def _reserve(self, path: Path, limit: int) -> None:
        draft = path.with_name(path.name + ".new")
        try:
            with draft.open("w") as file:
                file.write(f"{limit}\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            if self.problem is None:
                _log.warning("window numbers cannot be reserved in %s (%s)", path, error.strerror)
            self.problem = f"window numbers cannot be reserved in {path} ({error.strerror})"
        else:
            self.problem = None
            self._limit = limit


def _read(path: Path | None) -> int | None:
    try:
        return int(path.read_text("ascii")) if path else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        _log.warning("window numbers in %s cannot be read (%s)", path, error)
        return None


def _sync_folder(folder: Path) -> None:
    # The rename itself survives a power cut only once its folder is on the disk.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
