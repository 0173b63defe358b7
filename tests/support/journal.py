"""What happened, in order, and when: filled by one thread, waited for by another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from tests.support.waiting import PATIENCE

T = TypeVar("T")


class Journal(Generic[T]):
    """Entries with their time on the monotonic clock. Thread-safe."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, T]] = []
        self._changed = threading.Condition()

    def add(self, entry: T) -> None:
        with self._changed:
            self._entries.append((time.monotonic(), entry))
            self._changed.notify_all()

    def entries(self, since_s: float = 0.0) -> list[T]:
        """All of them, or those from ``since_s`` on."""
        return [entry for at_s, entry in self.timed() if at_s >= since_s]

    def timed(self) -> list[tuple[float, T]]:
        with self._changed:
            return list(self._entries)

    def wait(self, fits: Callable[[T], bool], timeout_s: float = 20.0, *, since_s: float = 0.0) -> float:
        """When the first entry that fits came, from ``since_s`` on; fails with the newest entries."""
        looked_at = 0
        found: list[float] = []

        def look() -> bool:
            nonlocal looked_at
            new, looked_at = self._entries[looked_at:], len(self._entries)
            found.extend(at_s for at_s, entry in new if at_s >= since_s and fits(entry))
            return bool(found)

        with self._changed:
            assert self._changed.wait_for(look, PATIENCE * timeout_s), "\n".join(
                f"{entry}"[:200] for _, entry in self._entries[-40:]
            )
        return found[0]
