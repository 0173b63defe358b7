"""The wall clock jumps: a Pi has none of its own and boots in the past."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.conftest import Compile, Figures
from tests.faults.witness import Window, Witness
from tests.support.daemon import Daemon, StartDaemon
from tests.support.mosquitto import Mosquitto

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.slow]

FIVE_YEARS_S = 5 * 365.25 * 86400


class WallClock:
    """The daemon's wall clock, ahead of ours by as much as ``set`` says."""

    def __init__(self, folder: Path, shim: Path) -> None:
        self._file = folder / "ahead"
        self.environment = {"LD_PRELOAD": str(shim), "WALL_AHEAD": str(self._file)}

    def set(self, ahead_s: float) -> None:
        draft = self._file.with_suffix(".new")
        draft.write_text(f"{ahead_s:.0f}\n")
        draft.replace(self._file)


@pytest.fixture
def clock(tmp_path: Path, compiled: Compile) -> WallClock:
    if Path("/run/systemd/timesync").is_dir():
        pytest.skip("needs a machine without systemd-timesyncd, whose word counts more than the year")
    return WallClock(tmp_path, compiled("wallclock_shim.c", "wallclock.so"))


def wall_s(window: Window) -> float:
    return datetime.fromisoformat(window["window"]["end"]).timestamp()


@pytest.mark.parametrize("step_s", [FIVE_YEARS_S, -3600.0], ids=["+5 years", "-1 hour"])
@pytest.mark.row(14, "preloaded library steps the wall clock of the running daemon")
def test_a_step_is_followed_and_disturbs_nothing(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, clock: WallClock, step_s: float, figures: Figures
) -> None:
    clock.set(0)
    running = daemon(broker.port, environment=clock.environment)
    witness.wait(2)

    clock.set(step_s)
    stepped_s = time.time()
    last_seq = witness.last_seq
    witness.wait(last_seq + 4)

    windows = witness.windows.entries()
    off_s = wall_s(windows[-1]) - (stepped_s + step_s)
    account = witness.account()
    figures(note=f"followed at once, every window 1.0 s long, no stall; state {state(running)}", **account)
    assert 0 < off_s < 20
    assert [window["seq"] for window in windows] == list(range(1, len(windows) + 1))
    assert {window["window"]["duration_s"] for window in windows} == {1.0}
    assert {window["window"]["clock"] for window in windows} == {"synced"}
    assert not any(window["historical"] for window in windows)
    assert not running.said("no image for")
    assert not running.said("acknowledged")
    assert account["lost"] == 0


def state(running: Daemon) -> str:
    """What systemd was told last."""
    return str([line for line in running.journal.entries() if line.startswith("STATUS=")][-1][7:].partition(":")[0])


@pytest.mark.row(14, "preloaded library: boot in 1970, then the time is set")
def test_windows_have_no_wall_time_until_the_clock_is_set(
    broker: Mosquitto, witness: Witness, daemon: StartDaemon, clock: WallClock, figures: Figures
) -> None:
    clock.set(-time.time() + 60)
    running = daemon(broker.port, environment=clock.environment)
    witness.wait(2)

    clock.set(0)
    witness.windows.wait(lambda window: window["window"]["clock"] == "synced")
    synced_at = len(witness.windows.entries())
    witness.wait(witness.last_seq + 2)

    windows = witness.windows.entries()
    account = witness.account()
    figures(note="null and unsynced before, right and synced after", **account)
    assert {(window["window"]["start"], window["window"]["clock"]) for window in windows[: synced_at - 1]} == {
        (None, "unsynced")
    }
    assert all(abs(wall_s(window) - datetime.now(UTC).timestamp()) < 30 for window in windows[synced_at:])
    assert {window["window"]["duration_s"] for window in windows} == {1.0}
    assert not running.said("no image for")
    assert account["lost"] == 0
