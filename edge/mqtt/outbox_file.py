"""The file of the outbox: one SQLite database with the windows that wait, the last number, and what was set aside.

Every window is one transaction, synced to the disk, together with its number. On an SD card that is about 8 kB, at one
window a minute 0.5 MB an hour.

A row names its length and checksum, and a page holds it in one piece. So where SQLite cannot read a damaged file, its
rows are found by searching its bytes.
"""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple
from zlib import crc32

import msgspec

from edge.errors import ConfigError, OutboxError

SCHEMA = 1
"""``PRAGMA user_version``; 0 is what was written before there was one."""
KEPT_ASIDE = 1000
"""The newest of the windows that were set aside; a card must not fill with them."""

IN_USE = "is in use by a running fer-edge"
"""What ``probe_file`` finds of a locked one."""
_PROBE_BYTES = 2**17

_TABLES = (
    "CREATE TABLE outbox_rows (position INTEGER PRIMARY KEY, row BLOB NOT NULL)",
    "CREATE TABLE outbox_aside (position INTEGER PRIMARY KEY, window BLOB NOT NULL, reason TEXT NOT NULL)",
    "CREATE TABLE outbox_state (only INTEGER PRIMARY KEY CHECK (only = 1), row BLOB NOT NULL)",
)
_MARK = b"CREATE TABLE outbox"
"""What the first page of every outbox holds, of older versions too: SQLite stores the text of the schema."""
_ROW = re.compile(rb"fer-row ([0-9a-f]{8}) (\d{1,9}) ")
"""Before each window and the state: checksum and length, both also to find it in a damaged file."""
_ID = re.compile(rb'"id":"([^"]+)"')
_SEARCHED_BYTES = 2**27

_log = logging.getLogger(__name__)


class StoredRow(NamedTuple):
    """``key`` is the window's id as far as it can be read; ``intact``: the body is as it was written."""

    key: str
    body: bytes
    intact: bool
    seq: int = 0
    epoch: str = ""
    """Only of the state, which is no window: the epoch and the number of the last window."""


class _Named(msgspec.Struct):
    id: str = ""
    seq: int = 0
    epoch: str = ""


class OutboxFile:
    """An open outbox, locked against other processes. A damaged file is set aside and what it still holds is kept.

    ``rows``, ``seq`` and ``epoch`` are what was read when it was opened; ``epoch`` is None where numbers of the old one
    may be lost. ``damage`` says what had happened to the file, None if nothing.
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
        self.seq = 0
        self.damage: str | None = None
        self.positions: dict[str, int] = {}
        """Where each row stands that is in the file, by its key."""
        # Read before SQLite opens it: of a damaged log it forgets, without a word, all that follows the damage.
        log = _bytes_of(self._wal)
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
                raise OutboxError(
                    f"outbox {path} is in use by another fer-edge; stop that one, or give this one its own outbox.path"
                ) from error
            if not _is_damage(error):
                raise
            self._begin_anew(error, log)
        else:
            self._add_cut_off(log)
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
        """Change everything or nothing, on the disk before this returns. After an error, open the file again."""
        gone = [(self.positions.pop(key),) for key in removed if key in self.positions]
        with self._db:
            self._db.executemany("DELETE FROM outbox_rows WHERE position = ?", gone)
            for key, body in added:
                self.positions[key] = self._insert(body)
            self._db.executemany("INSERT INTO outbox_aside (window, reason) VALUES (?, ?)", aside)
            oldest = f"(SELECT max(position) FROM outbox_aside) - {KEPT_ASIDE}"
            self._db.execute(f"DELETE FROM outbox_aside WHERE position <= {oldest}")
            state = _packed(msgspec.json.encode(_Named(epoch=epoch, seq=seq)))
            self._db.execute("INSERT OR REPLACE INTO outbox_state VALUES (1, ?)", (state,))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _open(self) -> None:
        self._db = _connect(self._path)
        try:
            # A window has about 1000 bytes and has to fit into a page; larger pages only have more to write.
            self._db.execute("PRAGMA page_size = 2048")
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA synchronous = FULL")
            self._prepare()
            self._read()
        except sqlite3.Error:
            self._db.close()
            raise
        except UnicodeError as error:  # SQLite's message quotes a damaged schema
            self._db.close()
            raise sqlite3.DatabaseError("its tables are damaged") from error

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
        if [table for (table,) in self._db.execute("SELECT sql FROM sqlite_schema")] != list(_TABLES):
            raise sqlite3.DatabaseError("its tables are damaged")

    def _migrate(self) -> None:
        """From nothing, or from the table of version 0, whose numbers stood in a file beside it."""
        numbers = self._path.with_name(self._path.name + ".seq")
        with suppress(OSError, ValueError):
            self.seq = int(numbers.read_text("ascii")) - 1
        old = self._db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'outbox'").fetchone()
        with self._db:
            self._db.execute("BEGIN")
            for table in _TABLES:
                self._db.execute(table)
            if old:
                for (body,) in self._db.execute("SELECT CAST(payload AS BLOB) FROM outbox ORDER BY seq").fetchall():
                    self._insert(body)
                self._db.execute("DROP TABLE outbox")
                _log.info("outbox %s of an older version was taken over", self._path)
            self._db.execute(f"PRAGMA user_version = {SCHEMA}")
        numbers.unlink(missing_ok=True)

    def _insert(self, body: bytes) -> int:
        position = self._db.execute("INSERT INTO outbox_rows (row) VALUES (?)", (_packed(body),)).lastrowid
        assert position is not None
        return position

    def _read(self) -> None:
        for _, row in self._select("SELECT only, row FROM outbox_state"):
            self.epoch, self.seq = row.epoch, row.seq
        for position, row in self._select("SELECT position, row FROM outbox_rows"):
            self.rows.append(row._replace(key=row.key or f"row {position}"))
            self.positions[self.rows[-1].key] = position

    def _select(self, sql: str) -> Iterator[tuple[int, StoredRow]]:
        for position, stored in self._db.execute(sql):
            row = next(_rows_in(stored), None) if isinstance(stored, bytes) else None
            if row is None or not row.intact:
                raise sqlite3.DatabaseError("a row is damaged")
            yield position, row

    def _add_cut_off(self, log: bytes) -> None:
        """Add what the log holds and SQLite did not take: the power was cut in between, or the log is damaged."""
        cut_off = [row for row in _rows_in(log) if row.intact and row.seq > self.seq]
        if cut_off:
            windows = {row.key: row for row in cut_off if row.key}
            self.rows += windows.values()
            self.epoch, self.seq = None, max(row.seq for row in cut_off)
            _log.warning("the log of outbox %s is cut off; windows that could be read: %d", self._path, len(windows))

    def _begin_anew(self, error: sqlite3.Error, log: bytes) -> None:
        """Set a damaged file aside; what can be read of it is kept. Only the newest damaged file stays."""
        found = [*_rows_in(_bytes_of(self._path)), *_rows_in(log)]
        found.sort(key=lambda row: row.intact)  # the same row may be in both, and damaged in one
        windows = {row.key or f"row {index}": row for index, row in enumerate(found) if not row.epoch}
        readable = sum(row.intact for row in windows.values())
        aside = self._path.with_name(self._path.name + ".damaged")
        self.damage = (
            f"The outbox was damaged ({error}): of the windows in it {readable} could be read and"
            f" {len(windows) - readable} could not. The damaged file is kept as {aside.name}."
        )
        _log.warning("%s", self.damage)
        self._path.replace(aside)
        self._wal.unlink(missing_ok=True)
        self.positions.clear()
        self._open()
        self.rows = [row._replace(key=key) for key, row in windows.items()]
        self.epoch, self.seq = None, max((row.seq for row in found), default=self.seq)

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
    content = _bytes_of(path)
    # A power cut leaves zeros where a page was to be written.
    if not content.strip(b"\0") or _MARK in content or _ROW.search(content):
        return
    if _MARK not in _bytes_of(path.with_name(path.name + "-wal")):
        raise ConfigError(f"outbox.path {path} is a file that was never an outbox; name one that may be created")


def _bytes_of(path: Path) -> bytes:
    """What the file holds, as far as it is worth searching; nothing where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(_SEARCHED_BYTES)
    except FileNotFoundError:
        return b""


def _packed(body: bytes) -> bytes:
    return b"fer-row %08x %d " % (crc32(body), len(body)) + body


def _rows_in(stored: bytes) -> Iterator[StoredRow]:
    """The rows in these bytes, which may be those of a whole file."""
    for head in _ROW.finditer(stored):
        body = stored[head.end() : head.end() + int(head[2])]
        if crc32(body) == int(head[1], 16):
            named = _Named()
            with suppress(ValueError, RecursionError):  # of an older version, which kept what it was given
                named = msgspec.json.decode(body, type=_Named)
            yield StoredRow(named.id, body, True, named.seq, named.epoch)
        else:
            name = _ID.search(body)
            yield StoredRow(str(name[1], "utf-8", "replace") if name else "", body, intact=False)


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=2.0, check_same_thread=False)
    database.text_factory = lambda raw: str(raw, "utf-8", "replace")  # what is damaged may be no UTF-8
    return database


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken or unknown, rather than the disk full, read-only or in use."""
    # An unknown table or column, which an older version may have left, is SQLITE_ERROR; our own errors have no code.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return code in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
