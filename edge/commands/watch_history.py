"""The last hour of something, in equal spaces of time; reads no clock."""

from __future__ import annotations

from bisect import insort
from math import ceil, floor
from typing import Generic, TypeVar

LENGTH_S = 3600.0

_MOST = 3600

T = TypeVar("T")


class Hour(Generic[T]):
    """Things that lasted from a moment to another, for as long as they ended within the last hour. Times are seconds
    on one clock, and each is noted once.
    """

    def __init__(self) -> None:
        self._notes: list[tuple[float, float, int, T]] = []
        self._count = 0

    def note(self, thing: T, start_s: float, end_s: float, now_s: float) -> None:
        """Remember ``thing``, in whatever order they come; the oldest are forgotten."""
        self._count += 1
        insort(self._notes, (end_s, start_s, self._count, thing), key=lambda note: note[:3])
        self._notes = [note for note in self._notes if note[0] > now_s - LENGTH_S][-_MOST:]

    def spaces(self, count: int, now_s: float) -> list[T | None]:
        """The hour before ``now_s`` in ``count`` spaces, the newest last: what ended last of that which overlaps."""
        width_s = LENGTH_S / count
        spaces: list[T | None] = [None] * count
        for end_s, start_s, _, thing in self._notes:
            first = floor((start_s - now_s + LENGTH_S) / width_s)
            last = ceil((end_s - now_s + LENGTH_S) / width_s) - 1
            for i in range(max(first, 0), min(last + 1, count)):
                spaces[i] = thing
        return spaces
