"""Keeps the processor from overheating: fewer frames are analysed while it is too hot or slowed down."""

from __future__ import annotations

import logging
import math

from edge.records import HostHealth, Problem

HOT_C, COOL_C = 80.0, 75.0
"""From 80 °C on a Pi slows its cores down (Raspberry Pi documentation, "Frequency management and thermal control")."""
MIN_HZ = 3.0
"""Below this rate the tracker's detections come over a second apart, and it counts one person as several."""
LOWER_AFTER_S, RAISE_AFTER_S = 30.0, 60.0
"""How long a lower rate has to take effect, and how long the processor must stay cool before a higher one."""

_log = logging.getLogger(__name__)


class Throttle:
    """Limits how many frames are analysed; ``max_hz`` is infinite while the processor is cool.

    One thread reports the machine's health (``observe``), another asks about frames (``should_analyse``).
    """

    def __init__(self) -> None:
        self.max_hz = math.inf
        self._limits_hz: list[float] = []
        self._changed_s: float | None = None
        self._cool_since_s: float | None = None
        self._due_s = -math.inf

    def observe(self, host: HostHealth, analysed_hz: float | None, now_s: float) -> None:
        """Halve the rate when the processor is hot, and again if it still is half a minute later.

        Once it has been cool for a minute, the rate goes back up in the same steps. A processor that is slowed down
        for another reason, such as a weak power supply, counts as hot.

        Args:
            host: the machine's health now.
            analysed_hz: frames a second over the last half minute, if known; the first half minute only measures it.
            now_s: monotonic.
        """
        if self._changed_s is None:
            self._changed_s = now_s
        temperature_c = host.cpu_temp_c or 0.0
        if host.throttled or temperature_c >= COOL_C:
            self._cool_since_s = None
        elif self._cool_since_s is None:
            self._cool_since_s = now_s
        analysed_hz = analysed_hz or 0.0
        next_hz = max(analysed_hz / 2, MIN_HZ)
        if host.throttled or temperature_c >= HOT_C:
            if next_hz < min(analysed_hz, self.max_hz) and now_s - self._changed_s >= LOWER_AFTER_S:
                self._set_limits([*self._limits_hz, next_hz], now_s)
        elif self._limits_hz and self._cool_since_s is not None and now_s - self._cool_since_s >= RAISE_AFTER_S:
            self._set_limits(self._limits_hz[:-1], now_s)
            self._cool_since_s = now_s

    def _set_limits(self, limits_hz: list[float], now_s: float) -> None:
        self._limits_hz, self._changed_s = limits_hz, now_s
        self.max_hz = limits_hz[-1] if limits_hz else math.inf
        _log.info("at most %.1f frames/s are analysed from now on", self.max_hz)

    def should_analyse(self, captured_at_s: float) -> bool:
        """Whether to analyse the frame captured then, on the frames' own clock; on average ``max_hz`` are."""
        if captured_at_s < self._due_s:
            return False
        self._due_s = max(self._due_s + 1 / self.max_hz, captured_at_s)
        return True

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The lower rate, while there is one."""
        if math.isinf(self.max_hz):
            return ()
        return (Problem("frame_rate_lowered", f"Only {self.max_hz:.0f} frames a second are analysed, to cool down."),)
