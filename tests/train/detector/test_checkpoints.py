"""Backdrops with false positives: kept in a file, and used from the epoch after the next."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("keras", reason="needs the extra train")

from train.detector import checkpoints
from train.detector.checkpoints import HardBackdrops


def test_what_an_epoch_finds_is_given_to_the_one_after_the_next(tmp_path: Path) -> None:
    hard = HardBackdrops(tmp_path / "hard.json", done=0)
    hard.add(0, [(1, 0, 7), (1, 0, 9)])
    hard.add(1, [(1, 1, 3)])

    assert list(hard.before(1)) == []
    assert list(hard.before(2)) == [(1, 0, 7), (1, 0, 9)]
    assert list(hard.before(3)) == [(1, 0, 7), (1, 0, 9), (1, 1, 3)]


def test_a_resumed_run_knows_what_was_found_and_forgets_an_unfinished_epoch(tmp_path: Path) -> None:
    before = HardBackdrops(tmp_path / "hard.json", done=0)
    before.add(0, [(1, 0, 7)])
    before.add(1, [(1, 1, 3)])

    assert list(HardBackdrops(tmp_path / "hard.json", done=1).before(9)) == [(1, 0, 7)]
    assert list(HardBackdrops(tmp_path / "hard.json", done=0).before(9)) == []


def test_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "HARD_KEPT", 2)
    hard = HardBackdrops(tmp_path / "hard.json", done=0)

    hard.add(0, [(n,) for n in range(10)])

    assert list(hard.before(2)) == [(8,), (9,)]
