"""The durable, bounded queue between the pipeline and the broker; a row leaves when the broker has acknowledged it.

Rows live in two SQLite files. The *hot* one lies on a RAM disk (or in this process's memory where there is none) and
takes every window, so that a healthy device never writes to its SD card. What has waited ``SPILL_AFTER_S``, and
everything at ``close``, moves to the *cold* one on the card. What can be lost, then: with the power, the windows of the
last 30 s that were not acknowledged; with the process, nothing where there is a RAM disk, and otherwise the same.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge.mqtt.messages import Aggregate
from edge.mqtt.sequence import SequenceNumbers
from edge.mqtt.store import Entry, Store, is_damage, open_or_set_aside

SPILL_AFTER_S = 30.0
"""How long a window may wait for its acknowledgement before it is written to the card and counts as historical."""

_DELETE_BATCH = 32
_LAST_SEQ = 2**63 - 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """A window that waits. ``historical`` once it has waited ``SPILL_AFTER_S`` or comes from an earlier run."""

    window: Aggregate
    historical: bool

    @property
    def seq(self) -> int:
        """The key."""
        return self.window.seq


class Outbox:
    """Thread-safe queue of windows in order of ``seq``.

    Args:
        path: the database on the card; None keeps everything in memory.
        volatile: the database on a RAM disk (below ``$RUNTIME_DIRECTORY``); None keeps it in the process.
        max_rows: bound of the queue; beyond it the oldest rows are dropped and counted.
        max_bytes: the same for the sum of the payloads.
        above: the first ``seq`` is beyond this one, also when nothing is kept from an earlier run.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        volatile: Path | None = None,
        max_rows: int = 20_000,
        max_bytes: int = 20 * 2**20,
        above: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._max_rows, self._max_bytes = max_rows, max_bytes
        self._clock = clock
        self._lock = threading.RLock()
        self.dropped = 0
        """Rows given up since the start because the queue was full, or found damaged while running."""
        self._disk_problem: str | None = None
        self._spill_again_s = float("-inf")
        self._fresh: deque[tuple[int, float]] = deque()
        self._delivered: set[int] = set()
        self._cold: Store | None = None
        self._hot = self._open_hot(volatile)
        self._open_cold()
        self._opened_s = clock()
        self._first_seq = 1 + max(self._last_seq(), above)
        self._sequence = SequenceNumbers(
            path and path.with_name(path.name + ".seq"),
            volatile and volatile.with_name(volatile.name + ".seq"),
            above=self._first_seq - 1,
        )

    @property
    def depth(self) -> int:
        """Rows that wait."""
        with self._lock:
            return self._hot.rows + (self._cold.rows - len(self._delivered) if self._cold else 0)

    @property
    def degraded(self) -> str | None:
        """Why the queue is less durable than it should be, for people; None when all is well."""
        return self._disk_problem or self._sequence.problem

    @property
    def oldest_age_s(self) -> float | None:
        """How long the oldest row has waited, as far as this run knows; None when nothing waits."""
        with self._lock:
            oldest = self._read(0, _LAST_SEQ, 1)
            if not oldest:
                return None
            restored = oldest[0].seq < self._first_seq
            return self._clock() - (self._opened_s if restored else oldest[0].put_at_s)

    def next_seq(self) -> int:
        """A number for the next window."""
        with self._lock:
            return self._sequence.take()

    def put(self, window: Aggregate) -> None:
        """Add a window. Its ``seq`` comes from ``next_seq``, and windows are put in the order of these numbers."""
        with self._lock:
            entry = Entry(self._clock(), window)
            try:
                self._hot.add([entry])
            except sqlite3.Error as error:
                self._leave_ram_disk(error)
                self._hot.add([entry])
            self._sequence.keep()
            self._fresh.append((entry.seq, entry.put_at_s))
            self._spill_when_due()
            self._bound()

    def pending(self, limit: int) -> list[Row]:
        """The next rows to deliver: fresh windows first, then historical ones, each in order of ``seq``."""
        with self._lock:
            self._spill_when_due()
            fresh_from = self._fresh_from()
            fresh = self._read(fresh_from, _LAST_SEQ, limit)
            old = self._read(0, fresh_from - 1, limit - len(fresh))
            rows = [Row(entry.window, historical=False) for entry in fresh]
            return rows + [Row(entry.window, historical=True) for entry in old]

    def acknowledge(self, seq: int) -> None:
        """The broker has it: forget the row. An unknown ``seq`` (acknowledged twice, or dropped) is no error."""
        with self._lock:
            if self._hot.remove([seq]):
                return
            with self._disk() as cold:
                if cold and cold.holds(seq):
                    self._delivered.add(seq)
                    # Deleting in batches spares the card; a power cut before it repeats rows, which their id tells.
                    if len(self._delivered) >= min(_DELETE_BATCH, cold.rows):
                        self._delete_delivered()

    def close(self) -> None:
        """Write what waits to the card and close the files. Called once, when nobody uses the outbox any more."""
        with self._lock:
            self._spill()
            self._delete_delivered()
            self._sequence.close()
            self._hot.close()
            if self._cold:
                self._cold.close()

    def _last_seq(self) -> int:
        return max(self._hot.last_seq, self._cold.last_seq if self._cold else 0)

    def _fresh_from(self) -> int:
        """The first ``seq`` that is not historical."""
        while self._fresh and self._clock() - self._fresh[0][1] > SPILL_AFTER_S:
            self._fresh.popleft()
        return self._fresh[0][0] if self._fresh else _LAST_SEQ

    def _read(self, first: int, last: int, limit: int) -> list[Entry]:
        entries: list[Entry] = []
        with self._disk() as cold:
            if cold:
                entries = cold.read(first, last, limit + len(self._delivered))
        waiting = [entry for entry in entries if entry.seq not in self._delivered][:limit]
        return waiting + self._hot.read(first, last, limit - len(waiting))

    def _bound(self) -> None:
        while (
            self.depth > self._max_rows or self._hot.bytes + (self._cold.bytes if self._cold else 0) > self._max_bytes
        ):
            depth = self.depth
            for entry in self._read(0, _LAST_SEQ, 1):
                self.acknowledge(entry.seq)
            self._delete_delivered()
            if self.depth == depth:
                return
            self.dropped += 1

    def _spill_when_due(self) -> None:
        waited = self._hot.rows and self._hot.first_seq < self._fresh_from()
        if waited and self._clock() >= self._spill_again_s:
            self._spill_again_s = self._clock() + SPILL_AFTER_S
            self._spill()

    def _spill(self) -> None:
        if not self._cold:
            self._open_cold()
        entries = self._hot.read(0, _LAST_SEQ, self._hot.rows)
        with self._disk() as cold:
            if cold and entries:
                cold.add(entries)
                self._hot.remove([entry.seq for entry in entries])
                self._disk_problem = None

    def _delete_delivered(self) -> None:
        with self._disk() as cold:
            if cold and self._delivered:
                cold.remove(self._delivered)
                self._delivered.clear()

    def _open_cold(self) -> None:
        if not self._path:
            return
        with self._disk():
            self._cold = open_or_set_aside(self._path)
            # A process killed in the middle of a spill leaves rows in both.
            perhaps = self._hot.read(0, self._cold.last_seq, self._hot.rows)
            self._hot.remove([entry.seq for entry in perhaps if self._cold.holds(entry.seq)])

    @contextmanager
    def _disk(self) -> Iterator[Store | None]:
        """The cold store, or None; what fails on it is noted, and the rows stay where they are."""
        try:
            yield self._cold
        except (sqlite3.Error, OSError) as error:
            sentence = f"outbox {self._path} failed ({error}): windows wait in memory"
            if self._disk_problem is None:
                _log.warning("%s", sentence)
            self._disk_problem = sentence
            if self._cold and is_damage(error):
                self.dropped += self._cold.rows - len(self._delivered)
                self._delivered.clear()
                self._cold.close()
                self._cold = None

    def _open_hot(self, path: Path | None) -> Store:
        try:
            return Store(path)
        except sqlite3.Error as error:
            _log.warning("outbox on the RAM disk %s cannot be opened (%s): kept in the process", path, error)
            return Store(None)

    def _leave_ram_disk(self, error: sqlite3.Error) -> None:
        _log.warning("outbox on the RAM disk cannot be written (%s): kept in the process", error)
        successor = Store(None)
        with suppress(sqlite3.Error):
            successor.add(self._hot.read(0, _LAST_SEQ, self._hot.rows))
        self._hot.close()
        self._hot = successor
