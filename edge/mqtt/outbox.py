"""The bounded queue between the pipeline and the broker; a window leaves it when the broker has acknowledged it.

Everything that waits is in memory, and the file (``outbox_file``) is a copy for the next start. So whatever happens to
the disk, delivery goes on: the copy is behind then, and is written anew as soon as the disk allows.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Container
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from edge.errors import FerEdgeError
from edge.mqtt.messages import Aggregate
from edge.mqtt.outbox_file import KEPT_ASIDE, OutboxFile, StoredRow
from edge.records import Problem

RETRY_S = 10.0
"""How often a disk that failed is tried again."""
TOLD_S = 3600.0
"""How long a window that was set aside stays a problem of the device."""

_PAUSE_MAX_S = 60.0
_DELETE_BATCH = 32

_log = logging.getLogger(__name__)
_decoder = msgspec.json.Decoder(Aggregate)


@dataclass(frozen=True, slots=True)
class Row:
    """A window that waits. ``historical``: late by more than two windows. ``fresh``: neither late nor tried before."""

    window: Aggregate
    historical: bool
    fresh: bool


@dataclass(slots=True)
class _Waiting:
    body: bytes
    since_s: float
    restored: bool = False
    attempts: int = 0
    not_before_s: float = float("-inf")


class Outbox:
    """Thread-safe queue of windows in the order in which they were put, each known by its id.

    An id is ``<device>-<epoch>-<seq>``. The epoch is random and stays as long as the file does; there is a new one
    whenever the file may not know the last number, so that no id is ever given twice.
    """

    def __init__(
        self,
        path: Path | None,
        device: str,
        *,
        window_s: float = 60.0,
        unheard_s: float = 3600.0,
        max_rows: int = 20_000,
        max_bytes: int = 20 * 2**20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read what an earlier run left.

        Args:
            path: the file; None keeps everything in memory.
            device: id of this device; windows of another are set aside.
            window_s: length of a window.
            unheard_s: how long a window waits for a subscriber.
            max_rows: bound of the queue; beyond it the oldest windows are dropped and counted.
            max_bytes: the same for their size.
            clock: monotonic seconds.

        Raises:
            OutboxError: another process uses the file.
            ConfigError: the file is no outbox.
        """
        self._path, self._device, self._clock = path, device, clock
        self._late_s, self._unheard_s = 2 * window_s, unheard_s
        self._max_rows, self._max_bytes = max_rows, max_bytes
        self._lock = threading.RLock()
        self._rows: dict[str, _Waiting] = {}
        self._bytes = 0
        self._unsaved: set[str] = set()
        self._gone: set[str] = set()
        self._aside: deque[tuple[bytes, str]] = deque(maxlen=KEPT_ASIDE)
        self._told: tuple[float, str] = (float("-inf"), "")
        self.epoch, self.seq = secrets.token_hex(4), 0
        """The epoch of the next window, and the number of the last."""
        self.dropped = self.unheard = self.set_aside = 0
        """Windows given up since the start: the queue was full; nobody listened; refused or not readable."""
        self._file: OutboxFile | None = None
        self._epoch_on_disk: str | None = None
        self._failure: str | None = None
        self._retry_at_s = float("-inf")
        if path is not None:
            try:
                self._write(path)
            except (sqlite3.Error, OSError) as error:
                self._leave_disk(error)

    @property
    def depth(self) -> int:
        """Windows that wait."""
        return len(self._rows)

    @property
    def is_kept(self) -> bool:
        """Whether a later start finds what waits."""
        return self._file is not None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the disk, and what was set aside lately."""
        problems = []
        if (failure := self._failure) is not None:
            problems.append(Problem("outbox_degraded", failure))
        told_s, sentence = self._told
        if self._clock() - told_s < TOLD_S:
            problems.append(Problem("windows_set_aside", sentence))
        return tuple(problems)

    @property
    def oldest_age_s(self) -> float | None:
        """How long the oldest window has waited, as far as this run knows; None when none waits."""
        with self._lock:
            oldest = next(iter(self._rows.values()), None)
            return None if oldest is None else self._clock() - oldest.since_s

    def put(self, compose: Callable[[str, int], Aggregate]) -> None:
        """Add the window that ``compose`` makes of its epoch and number; on the disk when this returns."""
        with self._lock:
            self.seq += 1
            key = self._add(compose)
            if not self._save() and self.epoch == self._epoch_on_disk:
                # The file is behind: after a crash its numbers would be given again, to other windows.
                self._forget(key)
                self.epoch = secrets.token_hex(4)
                self._add(compose)
            while len(self._rows) > self._max_rows or self._bytes > self._max_bytes:
                self._forget(next(iter(self._rows)))
                self.dropped += 1

    def pending(self, limit: int, under_way: Container[str | None] = ()) -> list[Row]:
        """The next windows to deliver, without those ``under_way``: fresh ones first, each group in order."""
        with self._lock:
            if self._file is None:
                self._save()
            now_s = self._clock()
            fresh = []
            for key, row in reversed(self._rows.items()):
                if self._is_late(row, now_s):
                    break
                if not row.attempts and key not in under_way:
                    fresh.append(key)
            old = (
                key
                for key, row in self._rows.items()
                if key not in under_way and row.not_before_s <= now_s and (row.attempts or self._is_late(row, now_s))
            )
            rows = [(key, True) for key in reversed(fresh)][:limit]
            rows += [(key, False) for key in islice(old, limit - len(rows))]
            return [
                Row(_decoder.decode(self._rows[key].body), self._is_late(self._rows[key], now_s), fresh)
                for key, fresh in rows
            ]

    def acknowledge(self, key: str) -> None:
        """The broker has the window with this id. An unknown id (acknowledged twice, or dropped) is no error."""
        with self._lock:
            self._forget(key)
            # Deleted with the next window, or in batches, which spares the card; after a crash they are sent again.
            if len(self._gone) >= _DELETE_BATCH:
                self._save()

    def refuse(self, key: str, why: str) -> None:
        """The broker will never take the window: set it aside."""
        with self._lock:
            if (row := self._forget(key)) is not None:
                self._set_aside(row.body, why)
                self._save()

    def postpone(self, key: str) -> None:
        """The broker does not take the window now: pause, each time longer."""
        with self._lock:
            if (row := self._rows.get(key)) is not None:
                row.attempts += 1
                row.not_before_s = self._clock() + min(2.0**row.attempts, _PAUSE_MAX_S)

    def not_heard(self, key: str, since_s: float) -> None:
        """Nobody listened to the window, nor to any other since ``since_s``; those that waited too long are dropped."""
        with self._lock:
            if (row := self._rows.get(key)) is not None:
                row.attempts += 1
            until_s = self._clock() - self._unheard_s
            while self._rows and max(since_s, next(iter(self._rows.values())).since_s) <= until_s:
                self._forget(next(iter(self._rows)))
                self.unheard += 1

    def close(self) -> None:
        """Bring the file up to date and close it. Called once, when nobody uses the outbox any more."""
        with self._lock:
            self._retry_at_s = float("-inf")
            self._save()
            if self._file is not None:
                self._file.close()
            self._path = None

    def _is_late(self, row: _Waiting, now_s: float) -> bool:
        return row.restored or now_s - row.since_s > self._late_s

    def _add(self, compose: Callable[[str, int], Aggregate]) -> str:
        window = compose(self.epoch, self.seq)
        row = _Waiting(msgspec.json.encode(window), self._clock())
        self._rows[window.id] = row
        self._unsaved.add(window.id)
        self._bytes += len(row.body)
        return window.id

    def _forget(self, key: str) -> _Waiting | None:
        if (row := self._rows.pop(key, None)) is not None:
            self._bytes -= len(row.body)
            (self._unsaved.remove if key in self._unsaved else self._gone.add)(key)
        return row

    def _set_aside(self, body: bytes, why: str) -> None:
        self.set_aside += 1
        self._aside.append((body, why))
        self._told = (self._clock(), f"Windows set aside: {self.set_aside}, the last because {why}.")
        _log.warning("a window was set aside because %s", why)

    def _save(self) -> bool:
        """Bring the file up to date; returns whether it is. Without a file there is nothing to be behind."""
        if self._path is None:
            return True
        if self._file is None and self._clock() < self._retry_at_s:
            return False
        try:
            self._write(self._path)
        except (sqlite3.Error, OSError, FerEdgeError) as error:
            self._leave_disk(error)
            return False
        return True

    def _write(self, path: Path) -> None:
        if self._file is None or self._file.is_gone:
            self._open(path)
        assert self._file is not None
        added = [(key, self._rows[key].body) for key in self._unsaved]
        self._file.write(added, self._gone, self._aside, epoch=self.epoch, seq=self.seq)
        self._unsaved.clear()
        self._gone.clear()
        self._aside.clear()
        self._epoch_on_disk = self.epoch
        if self._failure is not None:
            _log.info("outbox %s works again", path)
        self._failure = None

    def _open(self, path: Path) -> None:
        """Open the file, and compare it with the memory: either may hold what the other does not."""
        if self._file is not None:
            _log.warning("outbox %s was removed while it was in use; it is written anew", path)
            self._file.close()
            self._file = None
        file = OutboxFile(path)
        adopted: dict[str, _Waiting] = {}
        gone: set[str] = set()
        for row in sorted(file.rows, key=lambda row: row.seq):
            if (why := self._why_not(row)) is not None:
                self._set_aside(row.body, why)
                gone.add(row.key)
            elif row.key in self._gone:
                gone.add(row.key)
            elif row.key not in self._rows:
                adopted[row.key] = _Waiting(row.body, self._clock(), restored=True)
                self._bytes += len(row.body)
        if file.damage is not None:
            self._told = (self._clock(), file.damage)
        if self.seq == 0 and file.epoch is not None:
            self.epoch = file.epoch
        self._epoch_on_disk = file.epoch
        self.seq = max(self.seq, file.seq, *(row.seq for row in file.rows), 0)
        self._rows = adopted | self._rows
        self._unsaved = self._rows.keys() - file.positions.keys()
        self._gone, self._file = gone, file

    def _why_not(self, row: StoredRow) -> str | None:
        """Why a stored window cannot be sent; None if it can."""
        if not row.intact:
            return "it is damaged on disk"
        try:
            window = _decoder.decode(row.body)
        except (ValueError, RecursionError):
            return "it is no window of this version"
        if window.device != self._device or not window.id.startswith(f"{self._device}-"):
            return f"it belongs to the device {window.device}"
        return None

    def _leave_disk(self, error: Exception) -> None:
        """Go on in memory."""
        sentence = f"The outbox {self._path} cannot be written ({error}): windows wait in memory."
        if self._failure is None:
            _log.warning("%s", sentence)
        self._failure = sentence
        self._retry_at_s = self._clock() + RETRY_S
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
            self._epoch_on_disk = self.epoch  # who knows
        if self._file is not None:
            self._file.close()
            self._file = None
