"""The file of the outbox: one SQLite database with the windows that wait, the last number, and what was set aside.

Every window is one transaction, synced to the disk, together with its number. On an SD card that is about 10 kB, at one
window a minute 0.6 MB an hour.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TypeAlias
from zlib import crc32

from edge.errors import ConfigError, OutboxError

SCHEMA = 1
"""``PRAGMA user_version``; 0 is what was written before there was one."""
KEPT_ASIDE = 1000
"""The newest of the windows that were set aside; a card must not fill with them."""

_TABLES = """
CREATE TABLE outbox_rows (id TEXT PRIMARY KEY, window BLOB NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE outbox_aside (position INTEGER PRIMARY KEY, window BLOB NOT NULL, reason TEXT NOT NULL);
CREATE TABLE outbox_state (
    only INTEGER PRIMARY KEY CHECK (only = 1), epoch TEXT NOT NULL, seq INTEGER NOT NULL, checksum INTEGER NOT NULL
);
"""
IN_USE = "is in use by a running fer-edge"
"""What ``probe_file`` finds of a locked one."""
_PROBE_BYTES = 2**17

_MARK = b"CREATE TABLE outbox"
"""What the first page of every outbox holds, of older versions too: SQLite stores the text of the schema."""

_log = logging.getLogger(__name__)

StoredRow: TypeAlias = tuple[str, bytes, bool]
"""Id, window, and whether they are as they were written."""


class OutboxFile:
    """An open outbox, locked against other processes. A damaged file is set aside and what it still holds is kept.

    ``rows``, ``seq`` and ``epoch`` are what was read when it was opened; ``epoch`` is None where numbers of the old one
    may be lost. ``is_new``: the rows come from a damaged file and are not in this one.
    """

    def __init__(self, path: Path) -> None:
        """Open or create it.

        Raises:
            OutboxError: another process uses it.
            ConfigError: the file is something else.
            sqlite3.Error, OSError: the disk fails.
        """
        self._path, self._wal = path, path.with_name(path.name + "-wal")
        path.parent.mkdir(parents=True, exist_ok=True)
        refuse_foreign(path)
        self.rows: list[StoredRow] = []
        self.epoch: str | None = None
        self.seq, self.is_new = 0, False
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
                raise OutboxError(
                    f"outbox {path} is in use by another fer-edge; stop that one, or give this one its own outbox.path"
                ) from error
            if not _is_damage(error):
                raise
            self._begin_anew(error)
        self._identity = self._look()

    @property
    def is_gone(self) -> bool:
        """Whether the file was removed or replaced while it is open, so that a later start would not find it."""
        return self._look() != self._identity or not self._wal.exists()

    def write(
        self,
        added: Iterable[tuple[str, bytes]],
        removed: Iterable[str],
        aside: Iterable[tuple[bytes, str]],
        *,
        epoch: str,
        seq: int,
    ) -> None:
        """Change everything or nothing, on the disk before this returns."""
        with self._db:
            self._db.executemany("DELETE FROM outbox_rows WHERE id = ?", [(key,) for key in removed])
            self._insert(added)
            self._db.executemany("INSERT INTO outbox_aside (window, reason) VALUES (?, ?)", aside)
            oldest = f"(SELECT max(position) FROM outbox_aside) - {KEPT_ASIDE}"
            self._db.execute(f"DELETE FROM outbox_aside WHERE position <= {oldest}")
            state = (epoch, seq, _checksum(epoch, seq))
            self._db.execute("INSERT OR REPLACE INTO outbox_state VALUES (1, ?, ?, ?)", state)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _open(self) -> None:
        self._db = _connect(self._path)
        try:
            self._db.execute("PRAGMA page_size = 1024")  # of a new file: a third less to write than with 4096
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA synchronous = FULL")
            self._prepare()
            self._read()
        except sqlite3.Error:
            self._db.close()
            raise
        except UnicodeError as error:  # SQLite's message quotes a damaged schema
            self._db.close()
            raise sqlite3.DatabaseError("its schema is damaged") from error

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            raise sqlite3.DatabaseError(f"it was written by a newer fer-edge (version {version} of the outbox)")
        if version == 0:
            self._migrate()
        # After the tables, so that the mark is in the file itself.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA wal_autocheckpoint = 100")
        (verdict,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)

    def _migrate(self) -> None:
        """From nothing, or from the table of version 0, whose numbers stood in a file beside it."""
        numbers = self._path.with_name(self._path.name + ".seq")
        with suppress(OSError, ValueError):
            self.seq = int(numbers.read_text("ascii")) - 1
        old = self._db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'outbox'").fetchone()
        with self._db:
            self._db.execute("BEGIN")
            for table in _TABLES.split(";")[:-1]:
                self._db.execute(table)
            if old:
                old_id = "coalesce(CASE WHEN json_valid(payload) THEN json_extract(payload, '$.id') END, seq)"
                self._insert(self._db.execute(f"SELECT {old_id}, CAST(payload AS BLOB) FROM outbox").fetchall())
                self._db.execute("DROP TABLE outbox")
                _log.info("outbox %s of an older version was taken over", self._path)
            self._db.execute(f"PRAGMA user_version = {SCHEMA}")
        numbers.unlink(missing_ok=True)

    def _insert(self, rows: Iterable[tuple[str, bytes]]) -> None:
        checked = [(key, window, _checksum(key, window)) for key, window in rows]
        self._db.executemany("INSERT OR REPLACE INTO outbox_rows VALUES (?, ?, ?)", checked)

    def _read(self, order: str = "ASC") -> None:
        for epoch, seq, checksum in self._db.execute("SELECT epoch, seq, checksum FROM outbox_state"):
            if checksum == _checksum(epoch, seq):
                self.epoch, self.seq = epoch, seq
        for key, window, checksum in self._db.execute(f"SELECT * FROM outbox_rows ORDER BY id {order}"):
            # A damaged row may have any type.
            body = window if isinstance(window, bytes) else str(window).encode()
            self.rows.append((str(key), body, _checksum(key, window) == checksum))

    def _begin_anew(self, error: sqlite3.Error) -> None:
        """Set a damaged file aside; what can be read of it is kept. Only the newest damaged file stays."""
        aside = self._path.with_name(self._path.name + ".damaged")
        self.rows.clear()
        with suppress(sqlite3.Error), closing(_connect(self._path)) as self._db:
            for order in ("ASC", "DESC"):  # from both ends up to the damage
                with suppress(sqlite3.Error, UnicodeError):
                    self._read(order)
        self.rows = list({row[0]: row for row in self.rows}.values())
        said = f"outbox {self._path} is damaged ({error}): set aside as {aside.name}"
        _log.warning("%s, %d windows could be read", said, len(self.rows))
        self._path.replace(aside)
        self._wal.unlink(missing_ok=True)
        self._open()
        self.epoch, self.is_new = None, True

    def _look(self) -> tuple[int, int] | None:
        """Which file lies at the path."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def probe_file(path: Path) -> str:
    """Try to write where the outbox lies or will lie, and leave no trace; what was found.

    Raises:
        OutboxError: it cannot be written.
        ConfigError: it is another file.
    """
    try:
        refuse_foreign(path)
        folder = next(folder for folder in path.parents if folder.exists())
        # Not the file itself: made by root, it could not be written by the service. A full disk takes an empty one.
        with TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE_BYTES))
        if not path.exists():
            return "will be made at the start"
        with closing(sqlite3.connect(path, timeout=1.0)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    except (sqlite3.Error, OSError) as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
            return IN_USE
        raise OutboxError(f"outbox {path} cannot be written ({error}); windows would wait in memory only") from error
    return "can be written"


def refuse_foreign(path: Path) -> None:
    """Leave alone what was never an outbox.

    Raises:
        ConfigError: it is something else.
        OSError: it cannot be read.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        head = file.read(4096)
    with suppress(OSError), path.with_name(path.name + "-wal").open("rb") as file:
        head += file.read(65536)
    # A power cut leaves zeros where a page was to be written.
    if head.strip(b"\0") and _MARK not in head:
        raise ConfigError(f"outbox.path {path} is a file that was never an outbox; name one that may be created")


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=2.0, check_same_thread=False)
    database.text_factory = lambda raw: str(raw, "utf-8", "replace")  # what is damaged may be no UTF-8
    return database


def _checksum(*parts: object) -> int:
    return crc32(repr(parts).encode())


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken or unknown, rather than the disk full, read-only or in use."""
    # An unknown table or column, which an older version may have left, is SQLITE_ERROR; our own errors have no code.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return code in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
