"""Disks below the queue that are full, damaged, locked or absent."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge.mqtt.outbox import SPILL_AFTER_S, Outbox
from edge.mqtt.sequence import BLOCK
from edge.mqtt.store import Entry, Store
from tests.edge.mqtt.conftest import OpenOutbox, fill, seqs
from tests.support.clock import SettableClock
from tests.support.windows import a_window, stored_bytes


def rows_on(card: Path) -> int:
    with closing(sqlite3.connect(card)) as database:
        return int(database.execute("SELECT count(*) FROM outbox").fetchone()[0])


def limit_pages(store: Store | None, pages: int) -> None:
    """Leave room for so many pages in the file."""
    assert store is not None
    store._db.execute(f"PRAGMA max_page_count = {pages}")


@pytest.mark.parametrize("damage", ["garbage", "flipped bytes"])
def test_a_damaged_file_is_set_aside_and_numbers_go_on(open_outbox: OpenOutbox, card: Path, damage: str) -> None:
    first = Outbox(card)
    fill(first, 50, "x" * 1000)
    first.close()
    content = bytearray(card.read_bytes())
    if damage == "garbage":
        content = bytearray(b"not a database" * 100)
    else:
        content[4096:12288] = bytes(value ^ 0xFF for value in content[4096:12288])
    card.write_bytes(content)

    outbox = open_outbox(card)

    assert card.with_name("outbox.db.damaged").read_bytes() == content
    assert (outbox.depth, outbox.degraded) == (0, None)
    assert fill(outbox, 1) == [51]


def test_a_card_that_cannot_be_opened_leaves_the_queue_in_memory_and_says_so(
    open_outbox: OpenOutbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    outbox = open_outbox(tmp_path / "file" / "outbox.db")

    fill(outbox, 3)

    assert seqs(outbox.pending(10)) == [1, 2, 3]
    assert "windows wait in memory" in str(outbox.degraded)
    assert str(outbox.degraded) in caplog.messages


def test_a_card_that_comes_back_takes_what_waited(tmp_path: Path, clock: SettableClock) -> None:
    folder = tmp_path / "later"
    folder.touch()
    outbox = Outbox(folder / "outbox.db", clock=clock)
    fill(outbox, 3)
    folder.unlink()

    clock.now_s += SPILL_AFTER_S + 1
    outbox.pending(1)
    fill(outbox, BLOCK)

    assert outbox.degraded is None
    outbox.close()
    assert rows_on(folder / "outbox.db") == 3 + BLOCK


def test_a_second_daemon_on_the_same_file_is_told(open_outbox: OpenOutbox, card: Path) -> None:
    open_outbox(card)

    second = open_outbox(card)

    assert "locked" in str(second.degraded)


def test_a_full_disk_keeps_rows_in_memory_and_is_tried_again_every_half_minute(
    open_outbox: OpenOutbox, card: Path, clock: SettableClock
) -> None:
    outbox = open_outbox(card)
    fill(outbox, 3)
    limit_pages(outbox._cold, 1)
    fill(outbox, 1, "x" * 100_000)
    clock.now_s += SPILL_AFTER_S + 1

    assert seqs(outbox.pending(10)) == [1, 2, 3, 4]
    assert "full" in str(outbox.degraded)
    limit_pages(outbox._cold, 1_000_000)
    outbox.pending(1)
    assert "full" in str(outbox.degraded)
    clock.now_s += SPILL_AFTER_S
    outbox.pending(1)
    assert outbox.degraded is None


def test_a_card_that_fails_is_logged_once_each_time(
    open_outbox: OpenOutbox, card: Path, clock: SettableClock, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = open_outbox(card)

    for _ in range(2):
        limit_pages(outbox._cold, 1)
        fill(outbox, 1, "x" * 100_000)
        for _ in range(3):
            clock.now_s += SPILL_AFTER_S + 1
            outbox.pending(1)
        limit_pages(outbox._cold, 1_000_000)
        clock.now_s += SPILL_AFTER_S + 1
        outbox.pending(1)

    assert caplog.messages == [f"outbox {card} failed (database or disk is full): windows wait in memory"] * 2


def test_a_queue_that_a_read_only_card_keeps_too_large_does_not_hang(open_outbox: OpenOutbox, card: Path) -> None:
    earlier = Outbox(card)
    fill(earlier, 5)
    earlier.close()
    outbox = open_outbox(card, max_bytes=stored_bytes(a_window(1)))
    assert outbox._cold is not None
    outbox._cold._db.execute("PRAGMA query_only = ON")

    fill(outbox, 1)

    assert "readonly" in str(outbox.degraded)


def test_rows_that_a_killed_process_was_moving_to_the_card_are_kept_once(
    open_outbox: OpenOutbox, card: Path, tmp_path: Path
) -> None:
    ram = tmp_path / "ram.db"
    entries = [Entry(0.0, a_window(seq)) for seq in range(1, 6)]
    for file, moved in ((card, entries[:3]), (ram, entries)):
        store = Store(file)
        store.add(moved)
        store.close()

    outbox = open_outbox(card, volatile=ram)

    assert (seqs(outbox.pending(10)), outbox.depth) == ([1, 2, 3, 4, 5], 5)


def test_a_ram_disk_that_cannot_be_opened_is_done_without(
    open_outbox: OpenOutbox, card: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ram = tmp_path / "absent" / "ram.db"

    outbox = open_outbox(card, volatile=ram)

    assert fill(outbox, 2) == seqs(outbox.pending(10))
    sentence = f"outbox on the RAM disk {ram} cannot be opened (unable to open database file): kept in the process"
    assert sentence in caplog.messages


def test_a_full_ram_disk_is_left_with_all_its_rows(
    open_outbox: OpenOutbox, card: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = open_outbox(card, volatile=tmp_path / "ram.db")
    fill(outbox, 3)
    limit_pages(outbox._hot, 1)

    fill(outbox, 1, "x" * 100_000)

    assert seqs(outbox.pending(10)) == [1, 2, 3, 4]
    assert caplog.messages == [
        "outbox on the RAM disk cannot be written (database or disk is full): kept in the process"
    ]


def test_a_ram_disk_that_cannot_be_read_any_more_costs_its_rows_and_no_later_one(
    open_outbox: OpenOutbox, card: Path, tmp_path: Path
) -> None:
    outbox = open_outbox(card, volatile=tmp_path / "ram.db")
    fill(outbox, 2)
    outbox._hot._db.close()

    fill(outbox, 2)

    assert seqs(outbox.pending(10)) == [3, 4]
