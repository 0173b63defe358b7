"""Fixtures of the tests of the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from edge.mqtt.outbox import Outbox, Row
from tests.support.clock import SettableClock
from tests.support.windows import a_window


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
    """Put windows; their numbers. A long ``model`` makes large rows."""
    seqs: list[int] = []
    for _ in range(count):
        seqs.append(outbox.next_seq())
        outbox.put(a_window(seqs[-1], model=model))
    return seqs


def seqs(rows: list[Row]) -> list[int]:
    return [row.seq for row in rows]
