"""Quiet hours: times of the local day in which the camera is closed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "|".join(_DAYS)
_PERIOD = re.compile(
    rf"(?:(?P<days>(?:{_DAY})(?:-(?:{_DAY}))?(?:,(?:{_DAY})(?:-(?:{_DAY}))?)*) +)?"
    r"(?P<start>[0-9]{2}:[0-9]{2})-(?P<end>[0-9]{2}:[0-9]{2})"
)
_EXPECTED = "expected times such as '22:00-06:00', 'mon-fri 18:00-08:00' or 'sat,sun 00:00-24:00'"
_MINUTE = timedelta(minutes=1)
_MINUTES_OF_A_DAY = 24 * 60
_FURTHEST = 8 * _MINUTES_OF_A_DAY


@dataclass(frozen=True, slots=True)
class _Period:
    """From ``start`` to ``end``, in minutes of the day, on each of ``days``; past midnight if the end is no later."""

    days: frozenset[int]
    start: int
    end: int

    def includes(self, day: int, minute: int) -> bool:
        if self.start < self.end:
            return day in self.days and self.start <= minute < self.end
        return (day in self.days and minute >= self.start) or ((day - 1) % 7 in self.days and minute < self.end)


class QuietHours:
    """Any number of periods, by the clock on the wall: an hour that comes twice in autumn is quiet twice.

    ``zone`` is the machine's own where it is None.
    """

    def __init__(self, periods: Iterable[str], zone: tzinfo | None = None) -> None:
        """Read periods such as ``22:00-06:00`` or ``mon-fri 18:00-08:00``; the day is that of the start.

        Raises:
            ValueError: one is no period; the text says which, and what is expected.
        """
        self._periods = [_parse(text) for text in periods]
        self._zone = zone

    def __bool__(self) -> bool:
        return bool(self._periods)

    def include(self, moment: datetime) -> bool:
        """Whether an aware ``moment`` is in one of them."""
        local = moment.astimezone(self._zone)
        minute = local.hour * 60 + local.minute
        return any(period.includes(local.weekday(), minute) for period in self._periods)

    def end(self, moment: datetime) -> datetime | None:
        """The first full minute after ``moment`` that is not quiet; None if there is none for a week."""
        # Looked up minute by minute in UTC: sums of local times go wrong where clocks are changed.
        whole = moment.astimezone(UTC).replace(second=0, microsecond=0)
        later = (whole + step * _MINUTE for step in range(1, _FURTHEST))
        return next((minute for minute in later if not self.include(minute)), None)


def _parse(text: str) -> _Period:
    match = _PERIOD.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r}; {_EXPECTED}")
    start, end = _minutes(match["start"]), _minutes(match["end"])
    if start is None or end is None or start == _MINUTES_OF_A_DAY:
        raise ValueError(f"{text!r}, which is no time of the day; {_EXPECTED}")
    if start == end:
        raise ValueError(f"{text!r}, which is no time at all; {_EXPECTED}")
    return _Period(_days(match["days"]), start, end)


def _minutes(text: str) -> int | None:
    hours, minutes = map(int, text.split(":"))
    total = hours * 60 + minutes
    return total if minutes < 60 and total <= _MINUTES_OF_A_DAY else None


def _days(text: str | None) -> frozenset[int]:
    """``mon-fri,sun`` as numbers from 0 for Monday; every day for None. ``fri-mon`` goes over the end of the week."""
    if text is None:
        return frozenset(range(7))
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin = _DAYS.index(first)
        days |= {(begin + step) % 7 for step in range((_DAYS.index(last or first) - begin) % 7 + 1)}
    return frozenset(days)
