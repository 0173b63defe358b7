from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest

from edge.mqtt.outbox import SPILL_AFTER_S, Outbox, Row
from edge.mqtt.sequence import BLOCK
from tests.support.clock import SettableClock
from tests.support.windows import a_window, stored_bytes


class OpenOutbox(Protocol):
    """Type of the fixture ``open_outbox``."""

    def __call__(self, path: Path | None, **options: Any) -> Outbox:
        """An outbox with ``clock`` that is closed in the end."""


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def open_outbox(clock: SettableClock) -> Iterator[OpenOutbox]:
    opened: list[Outbox] = []

    def make(path: Path | None, **options: Any) -> Outbox:
        opened.append(Outbox(path, clock=clock, **options))
        return opened[-1]

    yield make
    for outbox in opened:
        outbox.close()


def fill(outbox: Outbox, count: int, model: str = "m") -> list[int]:
    seqs: list[int] = []
    for _ in range(count):
        seqs.append(outbox.next_seq())
        outbox.put(a_window(seqs[-1], model=model))
    return seqs


def seqs(rows: list[Row]) -> list[int]:
    return [row.seq for row in rows]


def rows_on(card: Path) -> int:
    with closing(sqlite3.connect(card)) as database:
        return int(database.execute("SELECT count(*) FROM outbox").fetchone()[0])


def limit_pages(outbox: Outbox, pages: int) -> None:
    """Leave room for so many pages on the card."""
    assert outbox._cold is not None
    outbox._cold._db.execute(f"PRAGMA max_page_count = {pages}")


def test_rows_come_in_order_and_go_when_acknowledged(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox(None)
    fill(outbox, 3)

    outbox.acknowledge(2)

    assert seqs(outbox.pending(10)) == [1, 3]
    assert outbox.depth == 2


def test_acknowledging_twice_or_an_unknown_row_is_no_error(open_outbox: OpenOutbox, card: Path) -> None:
    outbox = open_outbox(card)
    fill(outbox, 1)

    for seq in (1, 1, 77):
        outbox.acknowledge(seq)

    assert (outbox.depth, outbox.dropped) == (0, 0)


def test_a_healthy_queue_does_not_write_the_card(open_outbox: OpenOutbox, card: Path, clock: SettableClock) -> None:
    outbox = open_outbox(card)
    files = [card, card.with_name("outbox.db-wal")]
    before = [file.read_bytes() for file in files]

    for _ in range(10):
        (seq,) = fill(outbox, 1)
        outbox.pending(10)
        outbox.acknowledge(seq)
        clock.now_s += 60

    assert [file.read_bytes() for file in files] == before


def test_what_waited_too_long_survives_the_loss_of_all_memory(tmp_path: Path, card: Path) -> None:
    script = f"""
import os
from pathlib import Path
from edge.mqtt.outbox import Outbox
from tests.support.clock import SettableClock
from tests.support.windows import a_window
now = [0.0]
outbox = Outbox(Path({str(card)!r}), clock=lambda: now[0])
for _ in range(5):
    outbox.put(a_window(outbox.next_seq()))
now[0] = {SPILL_AFTER_S + 1}
outbox.pending(1)
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", script], check=False)

    outbox = Outbox(card)

    assert seqs(outbox.pending(10)) == [1, 2, 3, 4, 5]
    assert all(row.historical for row in outbox.pending(10))
    assert outbox.next_seq() > 5
    outbox.close()


def test_a_killed_process_loses_nothing_with_a_ram_disk(tmp_path: Path, card: Path) -> None:
    ram = tmp_path / "ram.db"
    script = f"""
import os
from pathlib import Path
from edge.mqtt.outbox import Outbox
from tests.support.clock import SettableClock
from tests.support.windows import a_window
outbox = Outbox(Path({str(card)!r}), volatile=Path({str(ram)!r}))
for _ in range(5):
    outbox.put(a_window(outbox.next_seq()))
outbox.acknowledge(1)
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", script], check=False)

    outbox = Outbox(card, volatile=ram)

    assert seqs(outbox.pending(10)) == [2, 3, 4, 5]
    assert outbox.next_seq() == 6
    outbox.close()


def test_closing_writes_everything_to_the_card_and_the_next_run_goes_on_without_a_gap(
    open_outbox: OpenOutbox, card: Path
) -> None:
    first = Outbox(card)
    fill(first, 3)
    first.close()

    second = open_outbox(card)

    assert seqs(second.pending(10)) == [1, 2, 3]
    assert second.next_seq() == 4


def test_fresh_windows_overtake_historical_ones_and_both_keep_their_order(
    open_outbox: OpenOutbox, card: Path, clock: SettableClock
) -> None:
    outbox = open_outbox(card)
    fill(outbox, 3)
    clock.now_s += SPILL_AFTER_S + 1
    fill(outbox, 2)

    rows = outbox.pending(10)

    assert [(row.seq, row.historical) for row in rows] == [(4, False), (5, False), (1, True), (2, True), (3, True)]
    assert seqs(outbox.pending(3)) == [4, 5, 1]


def test_rows_on_the_card_are_deleted_in_batches_but_never_shown_again(
    open_outbox: OpenOutbox, card: Path, clock: SettableClock
) -> None:
    outbox = open_outbox(card)
    fill(outbox, 40)
    clock.now_s += SPILL_AFTER_S + 1
    outbox.pending(1)

    outbox.acknowledge(1)

    assert outbox.depth == 39
    assert seqs(outbox.pending(2)) == [2, 3]
    for seq in range(2, 41):
        outbox.acknowledge(seq)
    assert (outbox.depth, outbox.pending(10)) == (0, [])


@pytest.mark.parametrize("spilled", [False, True])
@pytest.mark.parametrize("bound", [{"max_rows": 4}, {"max_bytes": 4 * stored_bytes(a_window(1))}])
def test_a_full_queue_drops_the_oldest_and_counts_them(
    open_outbox: OpenOutbox, card: Path, clock: SettableClock, bound: dict[str, int], spilled: bool
) -> None:
    outbox = open_outbox(card, **bound)
    for _ in range(10):
        fill(outbox, 1)
        clock.now_s += SPILL_AFTER_S if spilled else 0

    assert (sorted(seqs(outbox.pending(10))), outbox.depth, outbox.dropped) == ([7, 8, 9, 10], 4, 6)


def test_the_age_is_that_of_the_oldest_row(open_outbox: OpenOutbox, card: Path, clock: SettableClock) -> None:
    outbox = open_outbox(card)
    assert outbox.oldest_age_s is None
    fill(outbox, 1)
    clock.now_s += 45
    fill(outbox, 1)

    assert outbox.oldest_age_s == 45


def test_a_row_of_an_earlier_boot_counts_its_age_from_this_run(
    open_outbox: OpenOutbox, card: Path, clock: SettableClock
) -> None:
    earlier = Outbox(card, clock=lambda: 9_000_000.0)
    fill(earlier, 1)
    earlier.close()
    outbox = open_outbox(card)

    clock.now_s += 7

    assert outbox.oldest_age_s == 7


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
    open_outbox: OpenOutbox, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    outbox = open_outbox(tmp_path / "file" / "outbox.db")

    fill(outbox, 3)

    assert seqs(outbox.pending(10)) == [1, 2, 3]
    assert "windows wait in memory" in str(outbox.degraded)


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


def test_a_full_disk_keeps_rows_in_memory_until_there_is_room(
    open_outbox: OpenOutbox, card: Path, clock: SettableClock
) -> None:
    outbox = open_outbox(card)
    fill(outbox, 3)
    limit_pages(outbox, 1)
    fill(outbox, 1, "x" * 100_000)
    clock.now_s += SPILL_AFTER_S + 1

    rows = outbox.pending(10)

    assert seqs(rows) == [1, 2, 3, 4]
    assert "full" in str(outbox.degraded)
    limit_pages(outbox, 1_000_000)
    clock.now_s += SPILL_AFTER_S + 1
    outbox.pending(1)
    assert outbox.degraded is None
