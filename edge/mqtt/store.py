"""One SQLite file of waiting windows."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge.mqtt.messages import Aggregate

_log = logging.getLogger(__name__)


_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Aggregate)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: a window, and when it was put in. The record is stored; it is encoded as JSON when it is sent."""

    put_at_s: float
    window: Aggregate

    @property
    def seq(self) -> int:
        """The key."""
        return self.window.seq


class Store:
    """One SQLite file of rows, opened for this process alone.

    ``path`` None is memory. ``durable`` syncs every addition to the disk; removals never are, repeating a row is safe.
    """

    def __init__(self, path: Path | None, *, durable: bool = False) -> None:
        self._durable = durable
        self._db = sqlite3.connect(path or ":memory:", timeout=1.0, check_same_thread=False)
        try:
            self._prepare()
        except sqlite3.Error:
            self._db.close()
            raise

    def _prepare(self) -> None:
        # Exclusive: no second daemon on the same file, and no shared-memory file beside it.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA wal_autocheckpoint = 100")
        (verdict,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"file is damaged: {verdict}")
        with self._db:
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS outbox"
                " (seq INTEGER PRIMARY KEY, put_at_s REAL NOT NULL, window BLOB NOT NULL)"
            )
        rows, size = self._db.execute("SELECT count(*), sum(length(window)) FROM outbox").fetchone()
        self.rows: int = rows
        self.bytes: int = size or 0

    @property
    def first_seq(self) -> int:
        """The lowest ``seq``; 0 when empty."""
        return int(self._db.execute("SELECT min(seq) FROM outbox").fetchone()[0] or 0)

    @property
    def last_seq(self) -> int:
        """The highest ``seq``; 0 when empty."""
        return int(self._db.execute("SELECT max(seq) FROM outbox").fetchone()[0] or 0)

    def holds(self, seq: int) -> bool:
        """Whether the row is there."""
        return self._db.execute("SELECT 1 FROM outbox WHERE seq = ?", (seq,)).fetchone() is not None

    def add(self, entries: Collection[Entry]) -> None:
        """Insert rows, all or none."""
        rows = [(entry.seq, entry.put_at_s, _ENCODER.encode(entry.window)) for entry in entries]
        self._db.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'OFF'}")
        with self._db:
            self._db.executemany("INSERT INTO outbox VALUES (?, ?, ?)", rows)
        self.rows += len(rows)
        self.bytes += sum(len(window) for *_, window in rows)

    def remove(self, seqs: Collection[int]) -> int:
        """Delete rows; how many there were."""
        self._db.execute(f"PRAGMA synchronous = {'NORMAL' if self._durable else 'OFF'}")
        sizes: list[int] = []
        with self._db:
            for seq in seqs:
                deleted = self._db.execute("DELETE FROM outbox WHERE seq = ? RETURNING length(window)", (seq,))
                sizes += [size for (size,) in deleted]
        self.rows -= len(sizes)
        self.bytes -= sum(sizes)
        return len(sizes)

    def read(self, first: int, last: int, limit: int) -> list[Entry]:
        """At most ``limit`` rows with ``first <= seq <= last``, in order."""
        query = "SELECT put_at_s, window FROM outbox WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?"
        rows = self._db.execute(query, (first, last, max(limit, 0)))
        return [Entry(put_at_s, _DECODER.decode(window)) for put_at_s, window in rows]

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def open_or_set_aside(path: Path) -> Store:
    """Open the database on the card; a damaged one is renamed and a new one begun.

    Only the newest damaged file is kept, so that a dying card does not fill itself.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return Store(path, durable=True)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        aside = path.with_name(path.name + ".damaged")
        _log.warning("outbox %s is damaged (%s): set aside as %s, a new one begun", path, error, aside.name)
        path.replace(aside)
        path.with_name(path.name + "-wal").unlink(missing_ok=True)
        return Store(path, durable=True)


def is_damage(error: Exception) -> bool:
    """Whether the file itself is broken, rather than the disk full, read-only or in use."""
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.OperationalError | sqlite3.ProgrammingError | sqlite3.IntegrityError
    )
