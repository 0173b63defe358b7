"""The record of days: every window once, in one SQLite file that several recorders may share."""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from edge.errors import ConfigError, DataError, FerEdgeError, MessageError
from edge.mqtt.codec import decode
from edge.mqtt.messages import Aggregate, Device

MAX_DEVICES, MAX_SOURCES = 100_000, 16
"""Bounds on what strangers write: devices in all, and cameras of one device."""

_AHEAD_S = 86_400.0
"""A window that ends later than this after its arrival has a wrong clock, and would never become old."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS windows"
    " (device TEXT, id TEXT, source TEXT, seq INTEGER, body TEXT, at REAL, PRIMARY KEY (device, id)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS sources (device TEXT, source TEXT, PRIMARY KEY (device, source))",
    "CREATE TABLE IF NOT EXISTS devices (device TEXT PRIMARY KEY, body TEXT)",
)


class RecordFile:
    """Windows and what their devices say of themselves. ``at`` is a window's end, Unix seconds, or its arrival."""

    def __init__(self, path: Path) -> None:
        """Open ``path``, or make it; another recorder that is writing is waited for.

        Raises:
            ConfigError: it cannot be opened, or is something else.
        """
        try:
            self._table = sqlite3.connect(path, isolation_level=None, timeout=60, check_same_thread=False)
        except sqlite3.Error as error:
            raise _unusable(path, error) from error
        self._sources: defaultdict[str, set[str]] = defaultdict(set)
        try:
            self._prepare()
            for device, source in self._table.execute("SELECT device, source FROM sources"):
                self._sources[device].add(source)
        except sqlite3.Error as error:
            self._table.close()
            raise _unusable(path, error) from error

    def _prepare(self) -> None:
        for table in _TABLES:
            self._table.execute(table)
        if "at" not in [row[1] for row in self._table.execute("PRAGMA table_info(windows)")]:  # of deploy/fleet
            self._table.execute("ALTER TABLE windows ADD COLUMN at REAL")
            end = "unixepoch(json_extract(body, '$.window.end'))"
            self._table.execute(f"UPDATE windows SET at = coalesce({end}, unixepoch())")
        self._table.execute("CREATE INDEX IF NOT EXISTS windows_by_time ON windows (at)")
        with suppress(sqlite3.OperationalError):  # another recorder is writing; the mode stays in the file
            self._table.execute("PRAGMA journal_mode = WAL")  # one write to the disk for a window: 410/s, not 140/s

    def keep(self, topic: str, payload: bytes) -> None:
        """Store the window or the description of a device, unless it is there already.

        Raises:
            MessageError: it is not of the contract, or of too many devices or cameras.
            FerEdgeError: it cannot be written.
        """
        record = decode(topic, payload)
        try:
            if isinstance(record, Aggregate):
                self._admit(record.device, record.source)
                row = (record.device, record.id, record.source, record.seq, payload.decode(), _moment(record))
                self._table.execute("INSERT INTO windows VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
            elif isinstance(record, Device):
                self._admit(record.id, record.source)
                self._table.execute("INSERT OR REPLACE INTO devices VALUES (?, ?)", (record.id, payload.decode()))
            else:
                raise MessageError(f"{topic}: neither a window nor a device")
        except sqlite3.Error as error:
            raise FerEdgeError(f"record: cannot be written ({error}); is the disk full?") from error

    def forget(self, before_s: float) -> int:
        """Delete the windows that ended before ``before_s``, Unix seconds; returns how many."""
        return self._table.execute("DELETE FROM windows WHERE at < ?", (before_s,)).rowcount

    def close(self) -> None:
        """Close the file."""
        self._table.close()

    def _admit(self, device: str, source: str) -> None:
        if source in self._sources.get(device, ()):
            return
        if device not in self._sources and len(self._sources) >= MAX_DEVICES:
            raise MessageError(f"{device}: there are {MAX_DEVICES} devices already")
        if len(self._sources.get(device, ())) >= MAX_SOURCES:
            raise MessageError(f"{device}: it has {MAX_SOURCES} sources already")
        self._table.execute("INSERT INTO sources VALUES (?, ?) ON CONFLICT DO NOTHING", (device, source))
        self._sources[device].add(source)


def _moment(window: Aggregate) -> float:
    now_s = time.time()
    end = window.window.end
    return end.timestamp() if end is not None and end.timestamp() < now_s + _AHEAD_S else now_s


def read_devices(path: Path) -> dict[tuple[str, str], Device | None]:
    """The cameras in a record, as device and source, each with the newest description of its device.

    Raises:
        DataError: ``path`` is no record.
    """
    with _reading(path) as table:
        told = {}
        for device, body in table.execute("SELECT device, body FROM devices"):
            record = decode(f"fer/v1/{device}/info", body.encode())
            told[device] = record if isinstance(record, Device) else None
        return {
            (device, source): told.get(device)
            for device, source in table.execute("SELECT device, source FROM sources ORDER BY device, source")
        }


def read_windows(path: Path, device: str, source: str, start: datetime, end: datetime) -> Iterator[Aggregate]:
    """The windows of one camera that ended after ``start`` and until ``end``, oldest first; those with a known time.

    Raises:
        DataError: ``path`` is no record.
    """
    query = "SELECT body FROM windows WHERE device = ? AND source = ? AND at > ? AND at <= ? ORDER BY at, seq"
    with _reading(path) as table:
        for (body,) in table.execute(query, (device, source, start.timestamp(), end.timestamp())):
            window = decode(f"fer/v1/{device}/{source}/aggregate", body.encode())
            if isinstance(window, Aggregate) and window.window.end is not None:
                yield window


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The record at a path, read only."""
    if not path.is_file():
        fault = "is not a file" if path.exists() else "does not exist"
        raise DataError(f"record {path}: {fault}; name one that fer-edge record made")
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=60)) as table:
        try:
            table.execute("SELECT at FROM windows LIMIT 1")
            table.execute("SELECT body FROM devices LIMIT 1")
        except sqlite3.Error as error:
            raise DataError(f"record {path}: cannot be read ({error}); expected a file of fer-edge record") from error
        yield table


def _unusable(path: Path, error: sqlite3.Error) -> ConfigError:
    return ConfigError(f"record {path}: cannot be used ({error}); name another file")
