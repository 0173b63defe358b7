"""Keeps the processor from overheating: fewer frames are analysed while it is too hot or slowed down."""

from __future__ import annotations

import logging
import math

from edge.records import HostHealth, Problem

HOT_C, COOL_C = 80.0, 75.0
"""From 80 °C on a Pi slows its cores down (Raspberry Pi documentation, "Frequency management and thermal control")."""
LEAST_HZ = 3.0
"""With fewer frames the tracker's detections come over a second apart, and it takes one person for several."""
WORSE_S, BETTER_S = 30.0, 60.0
"""How long a lower rate is given to help, and how long it must have been cool before a higher one."""

_log = logging.getLogger(__name__)


class Cooling:
    """The rate of frames that the processor can stand; ``most_hz`` is infinite while it is cool.

    One thread tells of heat (``feel``), another asks about frames (``allows``).
    """

    def __init__(self) -> None:
        self.most_hz = math.inf
        self._lower_hz: list[float] = []
        self._changed_s: float | None = None
        self._cool_since_s: float | None = None
        self._due_s = -math.inf

    def feel(self, host: HostHealth, analysed_hz: float, now_s: float) -> None:
        """Halve the rate when it is hot, and again after half a minute if it still is; go back in the same steps.

        A processor that is slowed down for another reason, such as a weak power supply, counts as hot. ``analysed_hz``
        is the rate of the last half minute, ``now_s`` monotonic; the first half minute only shows the rate.
        """
        if self._changed_s is None:
            self._changed_s = now_s
        temperature_c = host.cpu_temp_c or 0.0
        if host.throttled or temperature_c >= COOL_C:
            self._cool_since_s = None
        elif self._cool_since_s is None:
            self._cool_since_s = now_s
        lower_hz = max(analysed_hz / 2, LEAST_HZ)
        if host.throttled or temperature_c >= HOT_C:
            if lower_hz < min(analysed_hz, self.most_hz) and now_s - self._changed_s >= WORSE_S:
                self._change([*self._lower_hz, lower_hz], now_s)
        elif self._lower_hz and self._cool_since_s is not None and now_s - self._cool_since_s >= BETTER_S:
            self._change(self._lower_hz[:-1], now_s)
            self._cool_since_s = now_s

    def _change(self, lower_hz: list[float], now_s: float) -> None:
        self._lower_hz, self._changed_s = lower_hz, now_s
        self.most_hz = lower_hz[-1] if lower_hz else math.inf
        _log.info("at most %.1f frames/s are analysed from now on", self.most_hz)

    def allows(self, captured_at_s: float) -> bool:
        """Whether to analyse the frame captured then, on the frames' own clock; on average ``most_hz`` are."""
        if captured_at_s < self._due_s:
            return False
        self._due_s = max(self._due_s + 1 / self.most_hz, captured_at_s)
        return True

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The lower rate, while there is one."""
        if math.isinf(self.most_hz):
            return ()
        return (Problem("frame_rate_lowered", f"Only {self.most_hz:.0f} frames a second are analysed, to cool down."),)
