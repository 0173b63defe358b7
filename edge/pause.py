"""Whether the camera is closed for now: in quiet hours, by the button on the device, or by a command over MQTT.

Each holds for itself: a command does not end what somebody at the device began. A pause by button or command outlasts a
restart, in a small file beside the outbox.
"""

from __future__ import annotations

import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from edge.host.quiet_hours import QuietHours
from edge.mqtt.messages import PauseCommand
from edge.mqtt.wallclock import WallClock
from edge.records import PauseControl, Paused

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Hold:
    """Until when a control pauses: ``until_s`` on the monotonic clock of this process, ``until`` on the wall."""

    until_s: float = math.inf
    until: datetime | None = None


class Pause:
    """The pause, for any thread. ``controls`` are those that the configuration allows."""

    def __init__(
        self,
        quiet_hours: QuietHours,
        controls: Collection[PauseControl],
        clock: WallClock,
        file: Path | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quiet_hours, self._controls, self._clock = quiet_hours, controls, clock
        self._file, self._monotonic = file, monotonic
        self._lock = threading.Lock()
        self._holds = self._read()
        self._quiet_until: datetime | None = None

    def now(self) -> Paused | None:
        """Why and until when the camera is closed, the longest of the reasons; None if it is open."""
        with self._lock:
            reasons = [*self._held(), *self._quiet()]
        return max(reasons, key=_end, default=None)

    def obey(self, command: PauseCommand) -> None:
        """Pause, for so many minutes or until resumed; or end a pause that a command began."""
        self._set("command", paused=command.paused, minutes=command.minutes)

    def press(self) -> None:
        """The button was pressed: pause until it is pressed again."""
        with self._lock:
            held = "button" in self._holds
        self._set("button", paused=not held)

    def _set(self, control: PauseControl, *, paused: bool, minutes: float | None = None) -> None:
        with self._lock:
            self._holds.pop(control, None)
            if paused and minutes is None:
                self._holds[control] = _Hold()
            elif paused and minutes is not None:
                now = self._clock.now()
                until = None if now is None else now + timedelta(minutes=minutes)
                self._holds[control] = _Hold(self._monotonic() + 60 * minutes, until)
            self._write()
        limit = "" if minutes is None or not paused else f" for {minutes:g} min"
        _log.info("%s by %s%s", "paused" if paused else "resumed", control, limit)

    def _held(self) -> list[Paused]:
        if not self._holds:
            return []
        now = self._clock.now()
        over = [
            control
            for control, hold in self._holds.items()
            if self._monotonic() >= hold.until_s or (now is not None and hold.until is not None and now >= hold.until)
        ]
        for control in over:
            del self._holds[control]
            _log.info("the pause by %s is over", control)
        if over:
            self._write()
        return [Paused(control, hold.until) for control, hold in self._holds.items()]

    def _quiet(self) -> list[Paused]:
        if not self._quiet_hours:
            return []
        now = self._clock.now()
        if now is None:  # it may be any time of the day
            return [Paused("clock_unsynced", None)]
        if not self._quiet_hours.include(now):
            self._quiet_until = None
            return []
        if self._quiet_until is None or now >= self._quiet_until:
            self._quiet_until = self._quiet_hours.end(now)
        return [Paused("quiet_hours", self._quiet_until)]

    def _read(self) -> dict[PauseControl, _Hold]:
        """What the file holds of an earlier run. One that cannot be read was written by somebody who paused."""
        if self._file is None or not self._file.exists():
            return {}
        try:
            content = json.loads(self._file.read_text("utf-8"))
            if not isinstance(content, dict):
                raise ValueError("it holds no object")
            until = {control: content[control] for control in self._controls if control in content}
            return {
                control: _Hold(until=None if text is None else datetime.fromisoformat(text))
                for control, text in until.items()
            }
        except (OSError, ValueError, TypeError) as error:
            _log.warning("%s cannot be read (%s); paused until somebody resumes", self._file, error)
            return {control: _Hold() for control in self._controls}

    def _write(self) -> None:
        if self._file is None:
            return
        content = {control: hold.until and hold.until.isoformat() for control, hold in self._holds.items()}
        try:
            if not content:
                self._file.unlink(missing_ok=True)
                return
            new = self._file.with_suffix(".new")
            with new.open("w", encoding="utf-8") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._file)
        except OSError as error:
            _log.warning("%s cannot be written (%s); a restart would end the pause", self._file, error.strerror)


def _end(paused: Paused) -> float:
    return math.inf if paused.until is None else paused.until.timestamp()
