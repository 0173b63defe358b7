from __future__ import annotations

from pathlib import Path

import pytest

from edge.mqtt.sequence import BLOCK, SequenceNumbers

Files = tuple[Path, Path]
"""On the card and on the RAM disk."""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return tmp_path / "card.seq", tmp_path / "ram.seq"


def take(numbers: SequenceNumbers, count: int) -> list[int]:
    taken: list[int] = []
    for _ in range(count):
        taken.append(numbers.take())
        numbers.keep()
    return taken


def test_numbers_begin_at_one_and_grow_by_one(files: Files) -> None:
    assert take(SequenceNumbers(*files), 40) == list(range(1, 41))


def test_a_clean_restart_leaves_no_gap_even_without_a_ram_disk(files: Files) -> None:
    reserved, _ = files
    numbers = SequenceNumbers(reserved, None)
    take(numbers, 5)
    numbers.close()

    assert SequenceNumbers(reserved, None).take() == 6


def test_a_killed_process_goes_on_with_the_very_next_number(files: Files) -> None:
    take(SequenceNumbers(*files), 37)

    assert SequenceNumbers(*files).take() == 38


def test_a_number_whose_window_was_never_stored_is_taken_again(files: Files) -> None:
    numbers = SequenceNumbers(*files)
    take(numbers, 3)
    numbers.take()

    assert SequenceNumbers(*files).take() == 4


def test_a_power_cut_leaves_a_gap_of_at_most_one_block_and_repeats_nothing(files: Files) -> None:
    _, exact = files
    take(SequenceNumbers(*files), 37)
    exact.unlink()

    following = SequenceNumbers(*files).take()

    assert 38 <= following <= 37 + BLOCK


def test_the_card_is_written_once_a_block(files: Files) -> None:
    reserved, _ = files
    numbers = SequenceNumbers(*files)
    take(numbers, 1)
    written = reserved.stat().st_ino

    take(numbers, BLOCK - 1)

    assert reserved.stat().st_ino == written
    assert reserved.read_text() == f"{1 + BLOCK}\n"


@pytest.mark.parametrize("garbage", [b"", b"\x00\xff\x00", b"seventeen"])
def test_a_garbled_file_never_repeats_numbers_that_rows_still_carry(files: Files, garbage: bytes) -> None:
    reserved, _ = files
    reserved.write_bytes(garbage)

    assert SequenceNumbers(reserved, None, above=500).take() > 500


def test_a_stale_ram_disk_is_not_believed(files: Files) -> None:
    reserved, exact = files
    reserved.write_text("1000\n")
    exact.write_text("17\n")

    assert SequenceNumbers(reserved, exact).take() == 1000


def test_a_card_that_cannot_be_written_is_a_problem_and_not_the_end(tmp_path: Path) -> None:
    numbers = SequenceNumbers(tmp_path / "absent" / "card.seq", None)

    assert take(numbers, 3) == [1, 2, 3]
    assert "cannot be reserved" in str(numbers.problem)
