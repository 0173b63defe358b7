"""How many images a second go on: a camera that ignores the rate it was asked for costs no more than one that obeys."""

from __future__ import annotations

import math


class Pace:
    """Lets at most ``fps`` images a second through, on average.

    An image may be half a period early, so that a camera at just this rate loses none to jitter.
    """

    def __init__(self, fps: float) -> None:
        self._period_s = 1 / fps
        self._due_s = -math.inf

    def due(self, captured_at_s: float) -> bool:
        """Whether the image of that moment is to be used; moments only grow."""
        if captured_at_s < self._due_s - self._period_s / 2:
            return False
        self._due_s = max(self._due_s + self._period_s, captured_at_s + self._period_s / 2)
        return True
