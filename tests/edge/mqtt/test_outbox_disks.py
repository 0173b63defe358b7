"""The queue on a file that is damaged, foreign, old, in use, full, read-only or gone, and the ids it gives then."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from edge.errors import ConfigError, OutboxError
from edge.mqtt.outbox import RETRY_S, Outbox
from tests.edge.mqtt.conftest import DEVICE, OpenOutbox, codes, crashed, fill, ids, key_of, query, seqs
from tests.support.clock import SettableClock
from tests.support.windows import a_window


@pytest.mark.parametrize("damaged", ["replace(row, 'cam0', 'cam1')", "substr(row, 1, 200)", "substr(row, 2)", "17"])
def test_a_damaged_window_is_set_aside_and_the_rest_goes_on(open_outbox: OpenOutbox, path: Path, damaged: str) -> None:
    first = open_outbox(path)
    fill(first, 4)
    first.close()
    query(path, f"UPDATE outbox_rows SET row = CAST({damaged} AS BLOB) WHERE position = 2")

    outbox = open_outbox(path)

    assert seqs(outbox.pending(10)) == [1, 3, 4]
    assert codes(outbox) == ["windows_set_aside"]
    assert (
        "The outbox was damaged (a row is damaged): of the windows in it 3 could be read and "
        in outbox.problems[0].sentence
    )
    assert outbox.epoch != first.epoch
    assert outbox.seq == 4


def test_a_damaged_window_is_counted_and_kept(open_outbox: OpenOutbox, path: Path) -> None:
    first = open_outbox(path)
    fill(first, 4)
    first.close()
    query(path, "UPDATE outbox_rows SET row = CAST(replace(row, 'cam0', 'cam1') AS BLOB) WHERE position > 2")

    outbox = open_outbox(path)

    assert outbox.set_aside == 2
    assert "and 2 could not" in outbox.problems[0].sentence
    outbox.close()
    assert query(path, "SELECT reason FROM outbox_aside") == [("it is damaged on disk",)] * 2


def test_windows_of_another_device_are_set_aside(open_outbox: OpenOutbox, path: Path) -> None:
    earlier = open_outbox(path, "fer-before")
    fill(earlier, 2, device="fer-before")
    earlier.close()

    outbox = open_outbox(path)
    fill(outbox, 1)

    assert seqs(outbox.pending(10)) == [3]
    assert "it belongs to the device fer-before" in outbox.problems[0].sentence


@pytest.mark.parametrize("lost", ["file", "numbers", "everything read"])
def test_no_id_comes_again_whatever_is_lost(open_outbox: OpenOutbox, path: Path, lost: str) -> None:
    given = set()
    for _ in range(3):
        outbox = open_outbox(path)
        fill(outbox, 5)
        given |= {key_of(outbox, seq) for seq in range(outbox.seq - 4, outbox.seq + 1)}
        outbox.close()
        if lost == "file":
            path.unlink()
        elif lost == "numbers":
            query(path, "UPDATE outbox_state SET row = CAST('x' AS BLOB)")
        else:
            path.write_bytes(bytes(path.stat().st_size))

    assert len(given) == 15


def test_without_a_file_every_run_has_ids_of_its_own(open_outbox: OpenOutbox) -> None:
    assert len({open_outbox(None).epoch for _ in range(5)}) == 5


def read_after(content: dict[Path, bytes], open_outbox: OpenOutbox) -> tuple[Outbox, set[int]]:
    """The outbox of these files, and the numbers of the windows that it still has."""
    path = min(content)
    for file, what in content.items():
        file.write_bytes(what)
    outbox = open_outbox(path)
    fill(outbox, 1)
    return outbox, {row.window.seq for row in outbox.pending(100) if row.historical}


@pytest.mark.parametrize("damage", ["zeros", "cut off", "another start"])
def test_a_damaged_file_is_set_aside_and_what_can_be_read_goes_on(
    open_outbox: OpenOutbox, path: Path, damage: str
) -> None:
    first = open_outbox(path)
    fill(first, 50, "x" * 1200)  # 1900 bytes; the longest windows have 1300
    first.close()
    content = path.read_bytes()
    half = len(content) // 2
    damaged = {
        "zeros": bytes(len(content)),
        "cut off": content[:half],
        "another start": bytes(value ^ 0xFF for value in content[:4096]) + content[4096:],
    }[damage]

    outbox, left = read_after({path: damaged}, open_outbox)

    assert path.with_name("outbox.sqlite.damaged").read_bytes() == damaged
    assert outbox.epoch != first.epoch
    assert {"zeros": not left, "cut off": 0 < len(left) < 50, "another start": len(left) == 50}[damage]
    assert codes(outbox) == ["windows_set_aside"]
    assert "The damaged file is kept as outbox.sqlite.damaged." in outbox.problems[0].sentence


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "killed"])
@pytest.mark.parametrize("seed", range(20))
def test_random_damage_costs_no_window_but_those_that_it_hits(
    open_outbox: OpenOutbox, path: Path, seed: int, closed: bool
) -> None:
    if closed:
        first = open_outbox(path)
        fill(first, 30)
        first.close()
    else:
        crashed(path, "fill(outbox, 30)")
    random, content, hit = Random(seed), {}, set[tuple[Path, int]]()
    files = [file for file in (path, path.with_name(path.name + "-wal")) if file.exists()]
    for file in files:
        content[file] = bytearray(file.read_bytes())
    for _ in range(random.choice([1, 10, 300])):
        file = random.choice(files)
        at = random.randrange(len(content[file]))
        content[file][at] ^= random.randrange(1, 256)
        hit.add((file, at))
    whole = set[int]()
    before = set[str]()
    for file in files:
        stored = file.read_bytes()
        for head in re.finditer(rb"fer-row [0-9a-f]{8} (\d+) ", stored):
            row = range(head.start(), head.end() + int(head[1]))
            body = msgspec.json.decode(stored[head.end() : row.stop])
            before.add(body["id"])
            if body["id"] and not any((file, at) in hit for at in row):
                whole.add(body["seq"])

    outbox, left = read_after({file: bytes(what) for file, what in content.items()}, open_outbox)

    (fresh,) = [row.window.id for row in outbox.pending(100) if not row.historical]
    assert whole <= left <= set(range(1, 31))
    assert fresh not in before
    assert "outbox_degraded" not in codes(outbox)


@pytest.mark.parametrize("content", [b"my diary\n" * 1000, b"x"])
def test_a_file_that_was_never_an_outbox_is_refused_and_left_alone(
    open_outbox: OpenOutbox, tmp_path: Path, content: bytes
) -> None:
    diary = tmp_path / "diary"
    diary.write_bytes(content)

    with pytest.raises(ConfigError, match=r"diary is a file that was never an outbox"):
        open_outbox(diary)

    assert diary.read_bytes() == content
    assert list(tmp_path.iterdir()) == [diary]


def test_a_database_of_another_program_is_refused_and_left_alone(open_outbox: OpenOutbox, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    query(other, "CREATE TABLE photographs (name TEXT)")
    content = other.read_bytes()

    with pytest.raises(ConfigError, match="never an outbox"):
        open_outbox(other)

    assert other.read_bytes() == content


def test_an_outbox_of_the_version_before_is_taken_over(open_outbox: OpenOutbox, path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(
            "CREATE TABLE outbox"
            " (seq INTEGER PRIMARY KEY, put_at_s REAL NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL)"
        )
        for seq in (7, 8, 9):
            window = msgspec.structs.replace(a_window("", seq), id=f"fer-x-{seq:012d}")
            row = (seq, 1.0, "fer/v1/fer-x/cam0/aggregate", msgspec.json.encode(window))
            database.execute("INSERT INTO outbox VALUES (?, ?, ?, ?)", row)
        database.execute("INSERT INTO outbox VALUES (10, 1.0, 'fer/v1/fer-x/cam0/aggregate', '{}')")
    path.with_name("outbox.sqlite.seq").write_text("17\n")

    outbox = open_outbox(path)
    fill(outbox, 1)

    assert ids(outbox) == [key_of(outbox, 17), *(f"fer-x-{seq:012d}" for seq in (7, 8, 9))]
    assert outbox.set_aside == 1
    assert not path.with_name("outbox.sqlite.seq").exists()


def test_an_outbox_of_an_unknown_version_is_set_aside_and_numbers_go_on(open_outbox: OpenOutbox, path: Path) -> None:
    path.parent.mkdir()
    query(path, "CREATE TABLE outbox (seq INTEGER PRIMARY KEY, picture BLOB)")
    path.with_name("outbox.sqlite.seq").write_text("17\n")

    outbox = open_outbox(path)
    fill(outbox, 1)

    assert ids(outbox) == [key_of(outbox, 17)]
    assert path.with_name("outbox.sqlite.damaged").exists()


def test_a_second_process_on_the_same_file_is_refused(open_outbox: OpenOutbox, path: Path) -> None:
    outbox = open_outbox(path)
    fill(outbox, 1)

    with pytest.raises(OutboxError, match=r"outbox.sqlite is in use by another fer-edge; stop that one"):
        open_outbox(path)


def test_a_disk_that_cannot_be_written_leaves_the_queue_in_memory_and_takes_it_when_it_is_back(
    open_outbox: OpenOutbox, path: Path, clock: SettableClock
) -> None:
    path.parent.touch()
    outbox = open_outbox(path)
    fill(outbox, 3)
    assert seqs(outbox.pending(10)) == [1, 2, 3]
    assert codes(outbox) == ["outbox_degraded"]

    path.parent.unlink()
    clock.now_s += RETRY_S
    fill(outbox, 1)

    assert outbox.problems == ()
    outbox.close()
    assert seqs(open_outbox(path).pending(10)) == [1, 2, 3, 4]


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """``full_disk(True)``: from now on SQLite may not make the file larger, until ``full_disk(False)``."""
    connect, limited = sqlite3.connect, [False]
    opened: list[sqlite3.Connection] = []

    def limit(database: sqlite3.Connection) -> None:
        with suppress(sqlite3.ProgrammingError):  # closed
            database.execute(f"PRAGMA max_page_count = {1 if limited[0] else 1_000_000}")

    def connecting(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **options))
        limit(opened[-1])
        return opened[-1]

    def switch(full: bool) -> None:
        limited[0] = full
        limit(opened[-1])

    monkeypatch.setattr(sqlite3, "connect", connecting)
    return switch


def test_a_full_disk_keeps_windows_in_memory_until_there_is_room(
    open_outbox: OpenOutbox, path: Path, clock: SettableClock, full_disk: Callable[[bool], None]
) -> None:
    outbox = open_outbox(path)
    fill(outbox, 2)
    epoch = outbox.epoch
    full_disk(True)

    fill(outbox, 2, "x" * 100_000)
    outbox.acknowledge(key_of(outbox, 3))
    outbox.acknowledge(f"{DEVICE}-{epoch}-{1:012d}")

    assert "is full" in outbox.problems[0].sentence
    assert seqs(outbox.pending(10)) == [2, 4]
    full_disk(False)
    clock.now_s += RETRY_S
    outbox.pending(1)
    assert outbox.problems == ()
    outbox.close()
    assert seqs(open_outbox(path).pending(10)) == [2, 4]


def test_numbers_given_while_the_disk_was_behind_are_not_given_again_after_a_crash(
    open_outbox: OpenOutbox, path: Path, full_disk: Callable[[bool], None]
) -> None:
    outbox = open_outbox(path)
    fill(outbox, 2)
    full_disk(True)
    fill(outbox, 3, "x" * 100_000)
    given = set(ids(outbox))
    copy = path.with_name("copy.sqlite")
    shutil.copy(path, copy)  # what a crash would leave
    full_disk(False)

    after = open_outbox(copy)
    fill(after, 5)

    fresh = {row.window.id for row in after.pending(100) if not row.historical}
    assert len(given) == len(fresh) == 5
    assert not given & fresh


def test_a_state_folder_that_is_removed_is_written_anew(open_outbox: OpenOutbox, path: Path) -> None:
    outbox = open_outbox(path)
    fill(outbox, 3)
    outbox.acknowledge(key_of(outbox, 1))

    shutil.rmtree(path.parent)
    fill(outbox, 1)

    assert (outbox.problems, outbox.seq) == ((), 4)
    outbox.close()
    again = open_outbox(path)
    assert seqs(again.pending(10)) == [2, 3, 4]
    assert (again.epoch, again.seq) == (outbox.epoch, 4)


def test_a_state_that_appears_late_is_taken_in(open_outbox: OpenOutbox, path: Path, clock: SettableClock) -> None:
    earlier = open_outbox(path)
    fill(earlier, 30)
    earlier.close()
    away = path.parent.with_name("away")
    path.parent.rename(away)
    path.parent.touch()
    outbox = open_outbox(path)
    fill(outbox, 1)

    path.parent.unlink()
    away.rename(path.parent)
    clock.now_s += RETRY_S
    fill(outbox, 1)

    assert outbox.depth == 32
    assert outbox.seq == 30
    assert len(set(ids(outbox))) == 32


def test_a_file_damaged_under_the_running_daemon_costs_nothing(
    open_outbox: OpenOutbox, path: Path, clock: SettableClock
) -> None:
    outbox = open_outbox(path)
    fill(outbox, 100, "x" * 1000)

    for file in (path, path.with_name(path.name + "-wal")):
        file.write_bytes(b"\xff" * file.stat().st_size)
    for _ in range(10):
        fill(outbox, 1)
        clock.now_s += RETRY_S

    assert outbox.depth == 110
    assert len(set(ids(outbox))) == 110
