"""Windows -> hours and their sums: what a report counts, before anything is drawn.

An hour is one of the local time zone, so that a day has the hours that people lived: 23 or 25 of them when the clocks
change. A window belongs to the hour in which it ended.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge.errors import ConfigError
from edge.mqtt.messages import Aggregate

Kind: TypeAlias = Literal["future", "gap", "no_images", "nobody", "withheld", "mood"]
"""What is known of an hour, the most telling of what its windows say."""

Span: TypeAlias = Literal["day", "week", "month"]

_ORDER: tuple[Kind, ...] = ("future", "gap", "no_images", "nobody", "withheld", "mood")
_JUST_BEFORE = timedelta(microseconds=1)


@dataclass(slots=True)
class Mood:
    """Sums over windows with the same labels. ``weight`` is window people: each person of a window weighs the same."""

    windows: int = 0
    weight: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)

    def add(self, emotions: Mapping[str, float], weight: float) -> None:
        """Count the shares of one window."""
        self.windows += 1
        self.weight += weight
        for name, share in emotions.items():
            self.sums[name] = self.sums.get(name, 0.0) + weight * share


@dataclass(slots=True)
class Hours:
    """Sums over the windows of an hour, or of any other time.

    ``people`` adds up the windows: who stays for several is in each. ``covered_s`` is how long windows lasted, and
    ``looked_s`` how long of it the camera delivered images. ``still`` are faces that never moved, ``unread`` readings
    left out, by reason. ``moods`` are by their labels: a share among seven and one among three are different figures.
    """

    kind: Kind = "gap"
    windows: int = 0
    people: int = 0
    max_at_once: int = 0
    covered_s: float = 0.0
    looked_s: float = 0.0
    withheld_s: float = 0.0
    person_s: float = 0.0
    reasons: set[str] = field(default_factory=set)
    still: int = 0
    unread: dict[str, int] = field(default_factory=dict)
    moods: dict[frozenset[str], Mood] = field(default_factory=dict)

    def add(self, window: Aggregate) -> None:
        """Count one window."""
        duration_s = window.window.duration_s
        kind = _kind(window)
        self.kind = max(self.kind, kind, key=_ORDER.index)
        self.windows += 1
        self.people += window.faces.people
        self.max_at_once = max(self.max_at_once, window.faces.max_at_once)
        self.covered_s += duration_s
        if kind != "no_images":
            self.looked_s += duration_s
            self.person_s += window.faces.mean_at_once * duration_s
        self.still += window.faces.still
        for reason, count in asdict(window.faces.unread).items():
            self.unread[reason] = self.unread.get(reason, 0) + count
        if window.suppressed is not None:
            self.withheld_s += duration_s
            self.reasons.add(window.suppressed)
        if window.emotions is not None:
            mood = self.moods.setdefault(frozenset(window.emotions), Mood())
            mood.add(window.emotions, max(window.faces.people, 1))

    @property
    def at_once(self) -> float | None:
        """People in view, as a mean over the time in which the camera delivered images; None without any."""
        return self.person_s / self.looked_s if self.looked_s else None

    @property
    def emotions(self) -> dict[str, float] | None:
        """The mean share of each emotion; None where none was published. Of several models, that of most people."""
        if not self.moods:
            return None
        mood = max(self.moods.values(), key=lambda mood: mood.weight)
        return {name: total / mood.weight for name, total in mood.sums.items()}

    @property
    def dominant(self) -> str | None:
        """The emotion with the largest share."""
        emotions = self.emotions
        return max(emotions, key=emotions.__getitem__) if emotions else None


@dataclass(frozen=True, slots=True)
class Period:
    """A day, week or month of one camera: all of its time, and its hours by day and hour of the day."""

    span: Span
    start: datetime
    end: datetime
    total: Hours
    hours: dict[tuple[date, int], Hours]
    windows: tuple[Aggregate, ...]

    @property
    def zone(self) -> tzinfo:
        """Whose days and hours these are."""
        assert self.start.tzinfo is not None
        return self.start.tzinfo

    @property
    def days(self) -> list[date]:
        """Its days in order."""
        count = (self.end.date() - self.start.date()).days
        return [self.start.date() + timedelta(days=number) for number in range(count)]

    def by_day(self) -> dict[date, Hours]:
        """The same by day."""
        days = {day: Hours() for day in self.days}
        for day, hours in days.items():
            if all(self.hours[day, hour].kind == "future" for hour in range(24)):
                hours.kind = "future"
        for window in self.windows:
            days[_belongs(window, self.zone)[0]].add(window)
        return days


def local_zone(name: str = "") -> ZoneInfo:
    """The time zone called ``name``, by default that of this machine.

    Raises:
        ConfigError: it is unknown here.
    """
    name = name or os.environ.get("TZ", "") or Path("/etc/localtime").resolve().as_posix().partition("/zoneinfo/")[2]
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f"time zone {name!r} is unknown; name one such as Europe/Berlin with --timezone") from error


def bounds(span: Span, day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """Start and end of the day, week (from Monday) or month that ``day`` is in."""
    if span == "day":
        first, last = day, day + timedelta(days=1)
    elif span == "week":
        first = day - timedelta(days=day.weekday())
        last = first + timedelta(days=7)
    else:
        first = day.replace(day=1)
        last = (first + timedelta(days=32)).replace(day=1)
    return _midnight(first, zone), _midnight(last, zone)


def previous(span: Span, start: datetime) -> date:
    """A day of the period before the one that begins at ``start``."""
    return (start - timedelta(days=1)).date()


def summarise(span: Span, start: datetime, end: datetime, windows: Iterable[Aggregate], now: datetime) -> Period:
    """Count ``windows``, which ended between ``start`` and ``end``.

    Hours that begin after ``now``, or that the change of the clocks left out, are in the future: nothing is missing.
    """
    period = Period(span, start, end, Hours(), {}, tuple(windows))
    zone = period.zone
    for day in period.days:
        for hour in range(24):
            begins = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
            exists = begins.astimezone(UTC).astimezone(zone).hour == hour
            period.hours[day, hour] = Hours(kind="gap" if exists and begins <= now else "future")
    for window in period.windows:
        period.total.add(window)
        period.hours[_belongs(window, zone)].add(window)
    return period


def _belongs(window: Aggregate, zone: tzinfo) -> tuple[date, int]:
    """The day and hour in which it ended; one that ends on the hour belongs to the hour before."""
    assert window.window.end is not None
    local = (window.window.end - _JUST_BEFORE).astimezone(zone)
    return local.date(), local.hour


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _kind(window: Aggregate) -> Kind:
    if window.emotions is not None:
        return "mood"
    if window.suppressed is not None:
        return "withheld"
    return "nobody" if window.frames.analysed else "no_images"
