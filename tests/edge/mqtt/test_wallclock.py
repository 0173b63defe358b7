from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.mqtt.wallclock import WallClock, clock_is_set

IN_2026_S = 1_790_000_000.0
IN_1970_S = 60.0
MOMENT = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now_s", "timesyncd_files", "is_set"),
    [
        (IN_2026_S, None, True),
        (IN_2026_S, [], False),
        (IN_2026_S, ["synchronized"], True),
        (IN_1970_S, None, False),
        (IN_1970_S, ["synchronized"], False),
    ],
)
def test_a_likely_year_is_believed_unless_timesyncd_says_otherwise(
    tmp_path: Path, now_s: float, timesyncd_files: list[str] | None, is_set: bool
) -> None:
    timesyncd = tmp_path / "timesync"
    if timesyncd_files is not None:
        timesyncd.mkdir()
        for name in timesyncd_files:
            (timesyncd / name).touch()

    assert clock_is_set(now_s, timesyncd) is is_set


def test_a_step_of_the_wall_clock_is_followed_at_once() -> None:
    wall_s = [IN_2026_S]
    clock = WallClock(wall=lambda: wall_s[0], monotonic=lambda: 50.0, is_set=lambda _now_s: True)
    before = clock.stamps(50.0)

    wall_s[0] += 3600

    assert (before, clock.stamps(50.0)) == ((MOMENT,), (MOMENT + timedelta(hours=1),))


def test_a_clock_that_gets_set_says_so_from_then_on() -> None:
    wall_s = [IN_1970_S]
    clock = WallClock(wall=lambda: wall_s[0], monotonic=lambda: 50.0, is_set=lambda now_s: now_s > IN_1970_S)
    assert (clock.state, clock.now(), clock.stamps(1.0, 2.0)) == ("unsynced", None, (None, None))

    wall_s[0] = IN_2026_S

    assert (clock.state, clock.now()) == ("synced", MOMENT)
