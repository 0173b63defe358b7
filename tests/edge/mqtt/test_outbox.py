"""The queue: order, bounds, age, pauses, what is set aside, and what a restart finds."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edge.mqtt.outbox import TOLD_S
from edge.mqtt.outbox_file import KEPT_ASIDE
from tests.edge.mqtt.conftest import WINDOW_S, OpenOutbox, codes, crashed, fill, ids, key_of, query, seqs
from tests.support.clock import SettableClock
from tests.support.windows import a_window, stored_bytes


def test_windows_come_in_order_and_go_when_acknowledged(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox(None)
    fill(outbox, 3)

    outbox.acknowledge(key_of(outbox, 2))

    assert seqs(outbox.pending(10)) == [1, 3]
    assert (outbox.depth, outbox.problems) == (2, ())


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


@pytest.mark.row(33, "windows two lengths late, and later")
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


def test_the_size_of_the_queue_is_exact_and_counts_what_an_earlier_run_left(
    open_outbox: OpenOutbox, path: Path
) -> None:
    size = stored_bytes(a_window("01234567", 1))
    earlier = open_outbox(path, max_bytes=3 * size)
    fill(earlier, 3)
    assert earlier.dropped == 0
    earlier.close()

    outbox = open_outbox(path, max_bytes=2 * size)
    fill(outbox, 1)

    assert (seqs(outbox.pending(10)), outbox.dropped) == ([4, 3], 2)


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
        "Windows set aside: 1, the last because the broker refuses fer/v1/x: Not authorized."
    ]
    clock.now_s += TOLD_S
    assert not codes(outbox)
    outbox.close()
    ((body, reason),) = query(path, "SELECT window, reason FROM outbox_aside")
    assert msgspec.json.decode(body)["seq"] == 1
    assert reason == "the broker refuses fer/v1/x: Not authorized"


def test_what_is_set_aside_is_logged_and_bounded_without_a_file_too(
    open_outbox: OpenOutbox, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = open_outbox(None)
    fill(outbox, KEPT_ASIDE + 1)

    for seq in range(1, KEPT_ASIDE + 2):
        outbox.refuse(key_of(outbox, seq), "it is refused")

    assert len(outbox._aside) == KEPT_ASIDE
    assert set(caplog.messages) == {"a window was set aside because it is refused"}


def test_what_is_set_aside_is_bounded(open_outbox: OpenOutbox, path: Path) -> None:
    outbox = open_outbox(path)
    fill(outbox, KEPT_ASIDE + 5)
    outbox.close()
    query(path, "UPDATE outbox_rows SET row = CAST(replace(row, 'cam0', 'cam1') AS BLOB)")

    again = open_outbox(path)

    assert again.set_aside == KEPT_ASIDE + 5
    again.close()
    assert query(path, "SELECT count(*) FROM outbox_aside") == [(KEPT_ASIDE,)]
