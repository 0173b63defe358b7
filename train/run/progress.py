"""Progress of a long step: a callback, and a bar for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (done, total), in any unit."""


def silent(done: int, total: int) -> None:
    """A ``Progress`` that shows nothing."""


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """A ``Progress`` that draws a bar on stderr; the first call shows it, so a cached step draws nothing."""
    from rich.console import Console
    from rich.progress import Progress as Bars

    bars = Bars(console=Console(stderr=True))
    task = bars.add_task(title, total=None)

    def show(done: int, total: int) -> None:
        bars.start()
        bars.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        if bars.live.is_started:
            bars.stop()
