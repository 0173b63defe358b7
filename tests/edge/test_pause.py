"""Pauses: who begins and ends them, how long they last, and what a restart leaves of them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.host.quiet_hours import QuietHours
from edge.mqtt.messages import PauseCommand
from edge.mqtt.wallclock import WallClock
from edge.pause import Pause
from edge.records import PauseControl, Paused

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
BOTH: Collection[PauseControl] = ("command", "button")


class Clocks:
    """Wall and monotonic time that a test moves."""

    def __init__(self) -> None:
        self.wall, self.monotonic_s, self.synced = NOON, 1000.0, True

    def move(self, minutes: float) -> None:
        self.wall += timedelta(minutes=minutes)
        self.monotonic_s += 60 * minutes

    def pause(self, *quiet_hours: str, controls: Collection[PauseControl] = BOTH, file: Path | None = None) -> Pause:
        """A new process on the same machine, whose monotonic clock may begin anywhere."""
        wall = WallClock(
            wall=lambda: self.wall.timestamp(), monotonic=lambda: self.monotonic_s, is_set=lambda _: self.synced
        )
        hours = QuietHours(quiet_hours, UTC)
        return Pause(hours, controls, wall, file, monotonic=lambda: self.monotonic_s)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def test_nothing_pauses_a_device_by_itself(clocks: Clocks) -> None:
    assert clocks.pause().now() is None


def test_a_command_pauses_until_another_resumes(clocks: Clocks) -> None:
    pause = clocks.pause()

    pause.obey(PauseCommand(paused=True))
    clocks.move(10_000)
    during = pause.now()
    pause.obey(PauseCommand(paused=False))

    assert during == Paused("command", None)
    assert pause.now() is None


def test_a_command_with_a_limit_ends_by_itself(clocks: Clocks) -> None:
    pause = clocks.pause()

    pause.obey(PauseCommand(paused=True, minutes=30))
    clocks.move(29.9)
    during = pause.now()
    clocks.move(0.2)

    assert during == Paused("command", NOON + timedelta(minutes=30))
    assert pause.now() is None


def test_a_newer_command_replaces_the_limit_of_an_older(clocks: Clocks) -> None:
    pause = clocks.pause()

    pause.obey(PauseCommand(paused=True, minutes=30))
    pause.obey(PauseCommand(paused=True))
    clocks.move(60)

    assert pause.now() == Paused("command", None)


def test_a_limit_holds_without_a_clock_that_is_set_and_its_end_is_not_known(clocks: Clocks) -> None:
    clocks.synced = False
    pause = clocks.pause()

    pause.obey(PauseCommand(paused=True, minutes=30))
    during = pause.now()
    clocks.move(31)

    assert during == Paused("command", None)
    assert pause.now() is None


def test_the_button_pauses_and_resumes_in_turn(clocks: Clocks) -> None:
    pause, seen = clocks.pause(), []

    for _ in range(3):
        pause.press()
        seen.append(pause.now())

    assert seen == [Paused("button", None), None, Paused("button", None)]


def test_a_command_does_not_end_what_somebody_at_the_device_began(clocks: Clocks) -> None:
    pause = clocks.pause()

    pause.press()
    pause.obey(PauseCommand(paused=False))

    assert pause.now() == Paused("button", None)


def test_quiet_hours_begin_and_end_by_the_clock(clocks: Clocks) -> None:
    pause = clocks.pause("12:30-14:00")
    before = pause.now()

    clocks.move(30)
    during = pause.now()
    clocks.move(90)

    assert before is None
    assert during == Paused("quiet_hours", NOON + timedelta(hours=2))
    assert pause.now() is None


def test_quiet_hours_of_the_next_day_have_an_end_of_their_own(clocks: Clocks) -> None:
    pause = clocks.pause("12:00-13:00")
    pause.now()

    clocks.move(24 * 60)

    assert pause.now() == Paused("quiet_hours", NOON + timedelta(days=1, hours=1))


def test_no_command_and_no_button_opens_the_camera_in_quiet_hours(clocks: Clocks) -> None:
    pause = clocks.pause("12:00-13:00")

    pause.obey(PauseCommand(paused=False))
    pause.press()
    pause.press()

    assert pause.now() == Paused("quiet_hours", NOON + timedelta(hours=1))


def test_while_the_time_is_not_known_every_hour_may_be_a_quiet_one(clocks: Clocks) -> None:
    clocks.synced = False
    pause = clocks.pause("22:00-06:00")
    unknown = pause.now()

    clocks.synced = True

    assert unknown == Paused("clock_unsynced", None)
    assert pause.now() is None
    clocks.synced = False
    assert clocks.pause().now() is None


def test_of_several_reasons_the_one_that_lasts_longest_is_told(clocks: Clocks) -> None:
    pause = clocks.pause("12:00-13:00")

    pause.obey(PauseCommand(paused=True, minutes=30))
    short = pause.now()
    pause.obey(PauseCommand(paused=True, minutes=90))
    longer = pause.now()
    pause.press()

    assert short == Paused("quiet_hours", NOON + timedelta(hours=1))
    assert longer == Paused("command", NOON + timedelta(minutes=90))
    assert pause.now() == Paused("button", None)


def test_a_pause_outlasts_a_restart_and_a_reboot(clocks: Clocks, tmp_path: Path) -> None:
    file = tmp_path / "pause"
    before = clocks.pause(file=file)
    before.obey(PauseCommand(paused=True, minutes=30))
    before.press()

    clocks.monotonic_s = 5.0
    after = clocks.pause(file=file)

    assert after.now() == Paused("button", None)
    after.press()
    assert after.now() == Paused("command", NOON + timedelta(minutes=30))
    clocks.move(31)
    assert after.now() is None
    assert clocks.pause(file=file).now() is None


def test_after_a_reboot_without_the_time_a_limit_waits_for_it(clocks: Clocks, tmp_path: Path) -> None:
    clocks.pause(file=tmp_path / "pause").obey(PauseCommand(paused=True, minutes=30))

    clocks.synced = False
    clocks.move(31)
    after = clocks.pause(file=tmp_path / "pause")
    unknown = after.now()
    clocks.synced = True

    assert unknown == Paused("command", NOON + timedelta(minutes=30))
    assert after.now() is None


def test_what_resumed_stays_so_after_a_restart(clocks: Clocks, tmp_path: Path) -> None:
    pause = clocks.pause(file=tmp_path / "pause")

    pause.obey(PauseCommand(paused=True))
    pause.obey(PauseCommand(paused=False))

    assert clocks.pause(file=tmp_path / "pause").now() is None
    assert list(tmp_path.iterdir()) == []


def test_a_control_that_was_taken_out_of_the_configuration_holds_nothing(clocks: Clocks, tmp_path: Path) -> None:
    clocks.pause(file=tmp_path / "pause").press()

    assert clocks.pause(controls=["command"], file=tmp_path / "pause").now() is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"command": 3}', b'{"command": "soon"}', b"\xff\xfe"])
def test_a_damaged_file_means_paused_because_somebody_wrote_it(
    clocks: Clocks, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "pause").write_bytes(content)
    pause = clocks.pause(controls=["command"], file=tmp_path / "pause")

    assert pause.now() == Paused("command", None)
    assert "cannot be read" in caplog.text
    pause.obey(PauseCommand(paused=False))
    assert clocks.pause(file=tmp_path / "pause").now() is None


def test_a_pause_that_cannot_be_kept_holds_and_is_told(
    clocks: Clocks, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pause = clocks.pause(file=tmp_path / "absent" / "pause")

    pause.obey(PauseCommand(paused=True))

    assert pause.now() == Paused("command", None)
    assert "a restart would end the pause" in caplog.text
