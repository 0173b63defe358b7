"""Quiet hours: what is read, which moments they include, and when they end."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge.host.quiet_hours import QuietHours

BERLIN = ZoneInfo("Europe/Berlin")


def berlin(text: str) -> datetime:
    """A moment by Berlin's clocks, such as ``2026-11-25 22:00``; 2026-11-25 is a Wednesday."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("period", "quiet", "not_quiet"),
    [
        ("12:00-13:30", ["2026-11-25 12:00", "2026-11-25 13:29"], ["2026-11-25 11:59", "2026-11-25 13:30"]),
        ("22:00-06:00", ["2026-11-25 22:00", "2026-11-26 05:59"], ["2026-11-25 21:59", "2026-11-26 06:00"]),
        ("wed 22:00-06:00", ["2026-11-26 05:59"], ["2026-11-25 05:59", "2026-11-26 22:00"]),
        ("sat,sun 00:00-24:00", ["2026-11-28 00:00", "2026-11-29 23:59"], ["2026-11-27 23:59", "2026-11-30 00:00"]),
        ("Fri-Mon 08:00-09:00", ["2026-11-27 08:00", "2026-11-30 08:00"], ["2026-11-25 08:00", "2026-12-01 08:00"]),
        ("sun 23:00-01:00", ["2026-11-30 00:59"], ["2026-11-29 00:59"]),
    ],
)
def test_a_period_includes_its_start_and_not_its_end(period: str, quiet: list[str], not_quiet: list[str]) -> None:
    hours = QuietHours([period], BERLIN)

    assert [moment for moment in quiet if not hours.include(berlin(moment))] == []
    assert [moment for moment in not_quiet if hours.include(berlin(moment))] == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("22-6", "'22-6'; expected times such as '22:00-06:00'"),
        ("", "''; expected times"),
        ("25:00-06:00", "'25:00-06:00', which is no time of the day"),
        ("08:60-09:00", "which is no time of the day"),
        ("24:00-06:00", "which is no time of the day"),
        ("08:00-08:00", "'08:00-08:00', which is no time at all"),
        ("montag 08:00-09:00", "'montag 08:00-09:00'; expected times"),
        ("22:00-06:00\n", None),
    ],
)
def test_what_is_no_period_is_named_with_an_example(text: str, complaint: str | None) -> None:
    if complaint is None:
        assert QuietHours([text])
        return
    with pytest.raises(ValueError, match=re.escape(complaint)):
        QuietHours([text])


def test_without_periods_no_moment_is_quiet() -> None:
    assert not QuietHours([])
    assert not QuietHours([]).include(berlin("2026-11-25 03:00"))


def test_the_end_is_that_of_the_last_of_periods_that_touch() -> None:
    hours = QuietHours(["22:00-24:00", "00:00-06:00"], BERLIN)

    assert hours.end(berlin("2026-11-25 22:30:10")) == berlin("2026-11-26 06:00")


def test_what_is_always_quiet_has_no_end() -> None:
    assert QuietHours(["00:00-24:00"], BERLIN).end(berlin("2026-11-25 22:30")) is None


def test_on_the_day_when_clocks_go_forward_quiet_hours_end_by_the_clock_on_the_wall() -> None:
    hours = QuietHours(["22:00-06:00"], BERLIN)

    assert hours.end(berlin("2026-03-28 22:00")) == datetime(2026, 3, 29, 4, 0, tzinfo=UTC)


def test_an_end_that_clocks_skip_is_when_they_have_skipped_it() -> None:
    hours = QuietHours(["01:00-02:30"], BERLIN)

    assert hours.end(berlin("2026-03-29 01:30")) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    hours = QuietHours(["02:00-03:00"], BERLIN)
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    assert hours.include(first)
    assert hours.include(first + timedelta(hours=1))
    assert hours.end(first) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)), st.integers(0, 23), st.integers(1, 24))
def test_the_end_is_the_first_moment_that_is_not_quiet(moment: datetime, start: int, end: int) -> None:
    assume(start != end and (start, end) != (0, 24))
    hours, now = QuietHours([f"{start:02}:00-{end:02}:00"], BERLIN), moment.replace(tzinfo=UTC)

    over = hours.end(now)

    assert over is not None
    assert not hours.include(over)
    if hours.include(now):
        assert hours.include(over - timedelta(seconds=1))
