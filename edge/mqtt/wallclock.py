"""Wall time, which only messages carry; everything else runs on the monotonic clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

_TIMESYNCD = Path("/run/systemd/timesync")
_EARLIEST_S = datetime(2025, 1, 1, tzinfo=UTC).timestamp()


def clock_is_set(now_s: float, timesyncd: Path = _TIMESYNCD) -> bool:
    """Whether wall time ``now_s`` (Unix seconds) can be believed.

    A Pi boots without a clock, at the time of its last shutdown, so a likely year proves nothing there: where
    systemd-timesyncd runs, its own flag decides. Elsewhere (macOS, containers, chrony) any year from 2025 is believed.
    adjtimex would know more, but the unit's ``ProtectClock=`` forbids the call.
    """
    return now_s >= _EARLIEST_S and (not timesyncd.is_dir() or (timesyncd / "synchronized").exists())


class WallClock:
    """Wall time of moments on the monotonic clock; read anew each time, so that a step of the clock shows at once."""

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        is_set: Callable[[float], bool] = clock_is_set,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._is_set = is_set

    @property
    def state(self) -> str:
        """``synced`` or ``unsynced``."""
        return "synced" if self._is_set(self._wall()) else "unsynced"

    def stamps(self, *moments_s: float) -> tuple[datetime | None, ...]:
        """UTC wall times of the moments, to the millisecond; all None while the clock is not set."""
        now_s = self._wall()
        if not self._is_set(now_s):
            return tuple(None for _ in moments_s)
        offset_s = now_s - self._monotonic()
        return tuple(_to_the_millisecond(moment_s + offset_s) for moment_s in moments_s)

    def now(self) -> datetime | None:
        """The wall time now; None while the clock is not set."""
        return self.stamps(self._monotonic())[0]


def _to_the_millisecond(unix_s: float) -> datetime:
    moment = datetime.fromtimestamp(unix_s, tz=UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
