"""The order, bounds, age and durability of the queue on disks that work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge.mqtt.outbox import SPILL_AFTER_S, Outbox
from edge.mqtt.sequence import BLOCK
from tests.edge.mqtt.conftest import OpenOutbox, fill, seqs
from tests.support.clock import SettableClock
from tests.support.windows import a_window, stored_bytes


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


def test_acknowledging_an_unknown_row_leaves_those_on_the_card(
    open_outbox: OpenOutbox, card: Path, clock: SettableClock
) -> None:
    outbox = open_outbox(card)
    fill(outbox, 3)
    clock.now_s += SPILL_AFTER_S + 1
    outbox.pending(1)

    outbox.acknowledge(77)

    assert outbox.depth == 3


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
    assert ram.with_name("ram.db.seq").exists()
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


def test_a_lost_file_of_numbers_repeats_none_that_waits(open_outbox: OpenOutbox, card: Path) -> None:
    first = Outbox(card)
    waiting = fill(first, 2 * BLOCK)
    first.close()
    card.with_name("outbox.db.seq").unlink()

    assert open_outbox(card).next_seq() > max(waiting)


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


def test_a_window_is_historical_when_it_has_waited_longer_than_half_a_minute(
    open_outbox: OpenOutbox, card: Path, clock: SettableClock
) -> None:
    outbox = open_outbox(card)
    fill(outbox, 1)

    clock.now_s += SPILL_AFTER_S
    assert not outbox.pending(1)[0].historical
    clock.now_s += 0.5
    assert outbox.pending(1)[0].historical


def test_rows_on_the_card_are_deleted_32_at_a_time_but_never_shown_again(
    open_outbox: OpenOutbox, card: Path, clock: SettableClock
) -> None:
    outbox = open_outbox(card)
    fill(outbox, 40)
    clock.now_s += SPILL_AFTER_S + 1
    outbox.pending(1)
    assert outbox._cold is not None

    deleted_at = []
    for seq in range(1, 41):
        before = outbox._cold.rows
        outbox.acknowledge(seq)
        if outbox._cold.rows < before:
            deleted_at.append(seq)
        assert outbox.depth == 40 - seq
        assert seqs(outbox.pending(2)) == [number for number in (seq + 1, seq + 2) if number <= 40]

    assert deleted_at == [32, 40]


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


def test_a_full_queue_without_a_card_drops_the_oldest_too(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox(None, max_bytes=4 * stored_bytes(a_window(1)))

    fill(outbox, 5)

    assert (seqs(outbox.pending(10)), outbox.dropped) == ([2, 3, 4, 5], 1)


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
