"""The outbox of the tests, and a look into its file."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge.mqtt.outbox import Outbox, Row
from tests.support.clock import SettableClock
from tests.support.windows import a_window

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
from tests.edge.mqtt.conftest import fill, key_of
outbox = Outbox(Path({str(path)!r}), {DEVICE!r})
{doing}
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
