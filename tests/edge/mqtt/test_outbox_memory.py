"""The queue while its file cannot be written, and what the file and the log say of it."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from edge.mqtt.outbox import RETRY_S
from edge.mqtt.outbox_file import OutboxFile
from tests.edge.mqtt.conftest import DEVICE, OpenOutbox, codes, fill, ids, key_of, query, seqs
from tests.support.clock import SettableClock
from tests.support.windows import a_window

Break = Callable[[int], None]


class Failing(sqlite3.OperationalError):
    """What SQLite raises, with its code."""

    def __init__(self, code: int) -> None:
        super().__init__("the disk fails")
        self.sqlite_errorcode = code


@pytest.fixture
def break_disk(monkeypatch: pytest.MonkeyPatch) -> Break:
    """``break_disk(code)``: from now on the file is written with this error of SQLite; 0 heals it."""
    write, codes = OutboxFile.write, [0]

    def failing(*arguments: object, **options: object) -> None:
        if codes[0]:
            raise Failing(codes[0])
        write(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(OutboxFile, "write", failing)
    return lambda code: codes.__setitem__(0, code)


def test_a_disk_is_tried_again_after_a_pause(
    open_outbox: OpenOutbox, path: Path, clock: SettableClock, break_disk: Break
) -> None:
    outbox = open_outbox(path)
    break_disk(sqlite3.SQLITE_FULL)
    fill(outbox, 1)
    break_disk(0)

    clock.now_s += RETRY_S - 1
    outbox.pending(1)
    assert codes(outbox) == ["outbox_degraded"]
    clock.now_s += 1
    outbox.pending(1)
    assert codes(outbox) == []


def test_a_disk_that_fails_is_logged_once_and_so_is_its_return(
    open_outbox: OpenOutbox, path: Path, clock: SettableClock, break_disk: Break, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    outbox = open_outbox(path)

    break_disk(sqlite3.SQLITE_FULL)
    for _ in range(3):
        fill(outbox, 1)
        clock.now_s += RETRY_S
    break_disk(0)
    fill(outbox, 2)

    assert caplog.messages == [
        f"The outbox {path} cannot be written (the disk fails): windows wait in memory.",
        f"outbox {path} works again",
    ]


def test_a_disk_that_is_absent_at_the_start_is_named_with_the_reason(open_outbox: OpenOutbox, path: Path) -> None:
    path.parent.touch()

    (problem,) = open_outbox(path).problems

    assert str(path) in problem.sentence
    assert "File exists" in problem.sentence


def test_a_window_that_is_delivered_while_the_disk_fails_never_reaches_it(
    open_outbox: OpenOutbox, path: Path, clock: SettableClock, break_disk: Break
) -> None:
    outbox = open_outbox(path)
    fill(outbox, 1)
    stored = key_of(outbox, 1)
    break_disk(sqlite3.SQLITE_FULL)
    fill(outbox, 2)
    outbox.acknowledge(stored)
    outbox.acknowledge(key_of(outbox, 2))

    break_disk(0)
    clock.now_s += RETRY_S
    outbox.pending(1)

    assert codes(outbox) == []
    outbox.close()
    assert [b'"seq":3,' in row for (row,) in query(path, "SELECT row FROM outbox_rows")] == [True]


def test_windows_get_a_new_epoch_when_their_numbers_may_not_be_on_the_disk(
    open_outbox: OpenOutbox, path: Path, break_disk: Break
) -> None:
    outbox = open_outbox(path)
    fill(outbox, 2)
    before = outbox.epoch
    break_disk(sqlite3.SQLITE_FULL)
    outbox.refuse(key_of(outbox, 1), "it is refused")

    fill(outbox, 1)

    assert outbox.epoch != before
    assert len(outbox.epoch) == len(before) == 8


@pytest.mark.parametrize(
    ("code", "another"), [(sqlite3.SQLITE_IOERR_WRITE, True), (sqlite3.SQLITE_FULL, False)], ids=["I/O error", "full"]
)
def test_after_an_io_error_nobody_knows_whether_the_new_epoch_is_on_the_disk(
    open_outbox: OpenOutbox, path: Path, clock: SettableClock, break_disk: Break, code: int, another: bool
) -> None:
    outbox = open_outbox(path)
    break_disk(sqlite3.SQLITE_FULL)
    fill(outbox, 1)
    before = outbox.epoch

    clock.now_s += RETRY_S
    break_disk(code)
    fill(outbox, 1)

    assert (outbox.epoch != before) is another


def test_a_removed_folder_is_logged_and_one_that_cannot_be_made_again_leaves_the_queue_in_memory(
    open_outbox: OpenOutbox, path: Path, clock: SettableClock, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = open_outbox(path)
    fill(outbox, 1)
    shutil.rmtree(path.parent)
    path.parent.touch()

    fill(outbox, 1)

    assert codes(outbox) == ["outbox_degraded"]
    assert caplog.messages[0] == f"outbox {path} was removed while it was in use; it is written anew"
    path.parent.unlink()
    clock.now_s += RETRY_S
    outbox.pending(1)
    assert codes(outbox) == []


def test_windows_are_deleted_from_the_card_32_at_a_time(open_outbox: OpenOutbox, path: Path) -> None:
    outbox = open_outbox(path)
    fill(outbox, 40)
    assert outbox._file is not None
    left = []

    for seq in range(1, 34):
        outbox.acknowledge(key_of(outbox, seq))
        left.append(outbox._file._db.execute("SELECT count(*) FROM outbox_rows").fetchone()[0])

    assert left == [40] * 31 + [8] * 2


def test_without_a_file_nothing_is_remembered_of_what_was_delivered(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox(None)
    fill(outbox, 3)

    for seq in (1, 2, 3):
        outbox.acknowledge(key_of(outbox, seq))

    assert not outbox._unsaved
    assert not outbox._gone


def test_windows_of_several_epochs_are_sent_in_the_order_of_their_numbers(open_outbox: OpenOutbox, path: Path) -> None:
    file = OutboxFile(path)
    windows = [a_window("ffffffff", 1), a_window("00000000", 2), a_window("88888888", 3)]
    file.write([(each.id, msgspec.json.encode(each)) for each in windows], [], [], epoch="88888888", seq=3)
    file.close()

    assert seqs(open_outbox(path).pending(9)) == [1, 2, 3]


def test_a_lost_state_costs_the_epoch_and_not_the_count(open_outbox: OpenOutbox, path: Path) -> None:
    first = open_outbox(path)
    fill(first, 3)
    first.close()
    query(path, "DELETE FROM outbox_state")

    outbox = open_outbox(path)

    assert outbox.epoch != first.epoch
    assert outbox.seq == 3


@pytest.mark.parametrize(
    ("key", "device", "epoch"),
    [
        ("fer-y-01234567-000000000001", "fer-y", "01234567"),
        (f"{DEVICE}-01234567-000000000001", "fer-y", "01234567"),
    ],
    ids=["of another device", "of another device under our id"],
)
def test_a_window_under_an_id_that_is_not_its_own_is_set_aside_once(
    open_outbox: OpenOutbox, path: Path, key: str, device: str, epoch: str
) -> None:
    file = OutboxFile(path)
    body = msgspec.json.encode(a_window(epoch, 1, device=device))
    file.write([(key, body)], [], [], epoch="01234567", seq=1)
    file.close()

    first = open_outbox(path)
    first.close()
    second = open_outbox(path)

    assert (first.depth, first.set_aside, second.set_aside) == (0, 1, 0)


def test_why_a_stored_window_was_set_aside_is_told(open_outbox: OpenOutbox, path: Path) -> None:
    file = OutboxFile(path)
    file.write([(f"{DEVICE}-01234567-000000000001", b"{}")], [], [], epoch="01234567", seq=1)
    file.close()

    (problem,) = open_outbox(path).problems

    assert problem.sentence == "Windows set aside: 1, the last because it is no window of this version."


def test_what_was_read_from_a_damaged_file_is_in_the_new_one(open_outbox: OpenOutbox, path: Path) -> None:
    first = open_outbox(path)
    fill(first, 3)
    waiting = ids(first)
    first.close()
    query(path, "PRAGMA user_version = 99")  # of a version nobody knows: set aside, and read

    open_outbox(path).close()

    assert path.with_name(path.name + ".damaged").exists()
    assert ids(open_outbox(path)) == waiting
    assert seqs(open_outbox(None).pending(1)) == []
