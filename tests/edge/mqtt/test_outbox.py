"""The outbox: what it keeps through crashes and failing disks, in what order it delivers, and which ids it gives."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from edge.errors import ConfigError, OutboxError
from edge.mqtt.outbox import RETRY_S, TOLD_S, Outbox, Row
from edge.mqtt.outbox_file import KEPT_ASIDE
from tests.support.clock import SettableClock
from tests.support.windows import a_window, stored_bytes

DEVICE = "fer-x"
WINDOW_S = 60.0
OpenOutbox = Callable[..., Outbox]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.sqlite"


@pytest.fixture
def open_outbox(clock: SettableClock) -> Iterator[OpenOutbox]:
    opened = []

    def make(path: Path | None, device: str = DEVICE, **options: Any) -> Outbox:
        opened.append(Outbox(path, device, window_s=WINDOW_S, clock=clock, **options))
        return opened[-1]

    yield make
    for outbox in opened:
        outbox.close()


def fill(outbox: Outbox, count: int, model: str = "m", device: str = DEVICE) -> None:
    for _ in range(count):
        outbox.put(lambda epoch, seq: a_window(epoch, seq, device=device, model=model))


def seqs(rows: list[Row]) -> list[int]:
    return [row.window.seq for row in rows]


def ids(outbox: Outbox) -> list[str]:
    return [row.window.id for row in outbox.pending(1000)]


def key_of(outbox: Outbox, seq: int) -> str:
    return f"{DEVICE}-{outbox.epoch}-{seq:012d}"


def codes(outbox: Outbox) -> list[str]:
    return [problem.code for problem in outbox.problems]


def query(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database, database:
        return database.execute(sql).fetchall()


def crashed(path: Path, doing: str) -> None:
    """Another process opens the outbox, does that and ends without closing it."""
    script = f"""
import os
from pathlib import Path
from edge.mqtt.outbox import Outbox
from tests.edge.mqtt.test_outbox import fill, key_of
outbox = Outbox(Path({str(path)!r}), {DEVICE!r})
{doing}
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_windows_come_in_order_and_go_when_acknowledged(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox(None)
    fill(outbox, 3)

    outbox.acknowledge(key_of(outbox, 2))

    assert seqs(outbox.pending(10)) == [1, 3]
    assert outbox.depth == 2


def test_acknowledging_twice_or_an_unknown_window_is_no_error(open_outbox: OpenOutbox, path: Path) -> None:
    outbox = open_outbox(path)
    fill(outbox, 1)

    for seq in (1, 1, 77):
        outbox.acknowledge(key_of(outbox, seq))

    assert (outbox.depth, outbox.dropped) == (0, 0)


def test_a_window_is_on_the_disk_with_its_number_as_soon_as_it_is_put(open_outbox: OpenOutbox, path: Path) -> None:
    crashed(path, "fill(outbox, 5)\noutbox.acknowledge(key_of(outbox, 1))\nfill(outbox, 1)")

    outbox = open_outbox(path)

    assert seqs(outbox.pending(10)) == [2, 3, 4, 5, 6]
    assert all(row.historical for row in outbox.pending(10))
    assert outbox.seq == 6


def test_a_restart_goes_on_with_numbers_and_epoch(open_outbox: OpenOutbox, path: Path) -> None:
    first = open_outbox(path)
    fill(first, 3)
    first.close()

    second = open_outbox(path)
    fill(second, 1)

    assert second.epoch == first.epoch
    assert ids(second) == [key_of(second, seq) for seq in (4, 1, 2, 3)]


def test_a_window_of_two_lengths_is_historical_and_overtaken_by_fresh_ones(
    open_outbox: OpenOutbox, path: Path, clock: SettableClock
) -> None:
    outbox = open_outbox(path)
    fill(outbox, 3)
    clock.now_s += 2 * WINDOW_S
    assert not any(row.historical for row in outbox.pending(10))
    clock.now_s += 0.1
    fill(outbox, 2)

    rows = outbox.pending(10)

    assert [(row.window.seq, row.historical, row.fresh) for row in rows] == [
        (4, False, True),
        (5, False, True),
        (1, True, False),
        (2, True, False),
        (3, True, False),
    ]
    assert seqs(outbox.pending(3)) == [4, 5, 1]
    assert seqs(outbox.pending(3, {key_of(outbox, 4), key_of(outbox, 1)})) == [5, 2, 3]


@pytest.mark.parametrize("bound", [{"max_rows": 4}, {"max_bytes": 4 * stored_bytes(a_window("01234567", 10))}])
def test_a_full_queue_drops_the_oldest_and_counts_them(
    open_outbox: OpenOutbox, path: Path, bound: dict[str, int]
) -> None:
    outbox = open_outbox(path, **bound)

    fill(outbox, 10)

    assert (seqs(outbox.pending(10)), outbox.depth, outbox.dropped) == ([7, 8, 9, 10], 4, 6)


def test_the_age_is_that_of_the_oldest_window_and_begins_anew_with_a_run(
    open_outbox: OpenOutbox, path: Path, clock: SettableClock
) -> None:
    outbox = open_outbox(path)
    ages_s = [outbox.oldest_age_s]
    fill(outbox, 1)
    clock.now_s += 45
    fill(outbox, 1)
    ages_s.append(outbox.oldest_age_s)
    outbox.close()

    again = open_outbox(path)
    clock.now_s += 7

    assert [*ages_s, again.oldest_age_s] == [None, 45, 7]


def test_a_window_that_the_broker_postpones_pauses_longer_each_time_and_holds_back_no_other(
    open_outbox: OpenOutbox, clock: SettableClock
) -> None:
    outbox = open_outbox(None)
    fill(outbox, 2)
    pauses_s = []

    for _ in range(8):
        outbox.postpone(key_of(outbox, 1))
        begun_s = clock.now_s
        while 1 not in seqs(outbox.pending(10)):
            assert seqs(outbox.pending(10)) == [2]
            clock.now_s += 1
        pauses_s.append(clock.now_s - begun_s)

    assert pauses_s == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_window_that_nobody_heard_is_kept_for_its_time_and_then_counted(
    open_outbox: OpenOutbox, path: Path, clock: SettableClock
) -> None:
    outbox = open_outbox(path, unheard_s=600.0)
    fill(outbox, 2)
    since_s = clock.now_s
    clock.now_s += 599
    fill(outbox, 1)

    outbox.not_heard(key_of(outbox, 1), since_s)
    assert (outbox.depth, outbox.unheard) == (3, 0)
    clock.now_s += 1
    outbox.not_heard(key_of(outbox, 1), since_s)

    assert (seqs(outbox.pending(10)), outbox.unheard) == ([3], 2)


def test_a_window_that_waited_for_the_broker_still_has_its_time_to_be_heard(
    open_outbox: OpenOutbox, clock: SettableClock
) -> None:
    outbox = open_outbox(None, unheard_s=600.0)
    fill(outbox, 1)
    clock.now_s += 6000

    outbox.not_heard(key_of(outbox, 1), clock.now_s)

    assert seqs(outbox.pending(10)) == [1]


def test_a_refused_window_is_set_aside_and_told_for_an_hour(
    open_outbox: OpenOutbox, path: Path, clock: SettableClock
) -> None:
    outbox = open_outbox(path)
    fill(outbox, 2)

    outbox.refuse(key_of(outbox, 1), "the broker refuses fer/v1/x: Not authorized")

    assert (seqs(outbox.pending(10)), outbox.set_aside) == ([2], 1)
    assert [problem.sentence for problem in outbox.problems] == [
        "1 windows were set aside, the last because the broker refuses fer/v1/x: Not authorized."
    ]
    clock.now_s += TOLD_S
    assert not codes(outbox)
    outbox.close()
    ((body, reason),) = query(path, "SELECT window, reason FROM outbox_aside")
    assert msgspec.json.decode(body)["seq"] == 1
    assert reason == "the broker refuses fer/v1/x: Not authorized"


def test_what_is_set_aside_is_bounded(open_outbox: OpenOutbox, path: Path) -> None:
    outbox = open_outbox(path)
    fill(outbox, KEPT_ASIDE + 5)
    outbox.close()
    query(path, "UPDATE outbox_rows SET checksum = 0")

    again = open_outbox(path)

    assert again.set_aside == KEPT_ASIDE + 5
    again.close()
    assert query(path, "SELECT count(*) FROM outbox_aside") == [(KEPT_ASIDE,)]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("UPDATE outbox_rows SET window = replace(window, 'cam0', 'cam1') WHERE id LIKE '%2'", "it is damaged on disk"),
        ("UPDATE outbox_rows SET window = CAST('}' AS BLOB) WHERE id LIKE '%2'", "it is damaged on disk"),
        ("UPDATE outbox_rows SET window = 17 WHERE id LIKE '%2'", "it is damaged on disk"),
        ("UPDATE outbox_rows SET checksum = 'x' WHERE id LIKE '%2'", "it is damaged on disk"),
    ],
)
def test_a_damaged_window_is_set_aside_and_the_rest_goes_on(
    open_outbox: OpenOutbox, path: Path, damage: str, why: str
) -> None:
    first = open_outbox(path)
    fill(first, 4)
    first.close()
    query(path, damage)

    outbox = open_outbox(path)

    assert seqs(outbox.pending(10)) == [1, 3, 4]
    assert (outbox.set_aside, codes(outbox)) == (1, ["windows_set_aside"])
    assert why in outbox.problems[0].sentence
    assert (outbox.epoch, outbox.seq) == (first.epoch, 4)
    outbox.close()
    assert query(path, "SELECT count(*) FROM outbox_aside") == [(1,)]


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
            query(path, "UPDATE outbox_state SET seq = 1")
        else:
            path.write_bytes(bytes(path.stat().st_size))

    assert len(given) == 15


def test_without_a_file_every_run_has_ids_of_its_own(open_outbox: OpenOutbox) -> None:
    assert len({open_outbox(None).epoch for _ in range(5)}) == 5


@pytest.mark.parametrize("damage", ["zeros", "flipped bytes", "cut off"])
def test_a_damaged_file_is_set_aside_and_what_can_be_read_goes_on(
    open_outbox: OpenOutbox, path: Path, damage: str
) -> None:
    first = open_outbox(path)
    fill(first, 50, "x" * 1000)
    first.close()
    content = bytearray(path.read_bytes())
    if damage == "zeros":
        content = bytearray(len(content))
    elif damage == "flipped bytes":
        middle = len(content) // 2 // 4096 * 4096
        content[middle : middle + 4096] = bytes(value ^ 0xFF for value in content[middle : middle + 4096])
    else:
        content = content[: len(content) // 2]
    path.write_bytes(content)

    outbox = open_outbox(path)
    fill(outbox, 1)

    left = [row.window.seq for row in outbox.pending(100) if row.historical]
    assert path.with_name("outbox.sqlite.damaged").read_bytes() == content
    assert outbox.epoch != first.epoch
    assert len(left) > 40 if damage == "flipped bytes" else damage == "cut off" or not left
    assert outbox.problems == () or codes(outbox) == ["windows_set_aside"]


@pytest.mark.parametrize("seed", range(60))
def test_random_damage_never_keeps_the_daemon_from_starting(open_outbox: OpenOutbox, path: Path, seed: int) -> None:
    first = open_outbox(path)
    fill(first, 60)
    before = set(ids(first))
    first.close()
    random, content = Random(seed), bytearray(path.read_bytes())
    for _ in range(random.choice([1, 10, 300])):
        content[random.randrange(16, len(content))] = random.randrange(256)
    path.write_bytes(content)

    outbox = open_outbox(path)
    fill(outbox, 1)

    (fresh,) = [row.window.id for row in outbox.pending(100) if not row.historical]
    assert fresh not in before
    assert {row.window.id for row in outbox.pending(100) if row.historical} <= before
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
