"""How long to wait before connecting again."""

from __future__ import annotations

from random import Random


class Backoff:
    """Exponential backoff with jitter, and detection of a second client with our id.

    The limit grows by half from 2 s to 60 s; the wait is drawn from 25 to 100 % of it, so that devices that lost the
    same broker do not return in step. After more than three contested connections in a row, each shorter than 30 s,
    another client must be using our id: then at most one attempt a minute.
    """

    SETTLED_S = 30.0

    def __init__(self, random: Random) -> None:
        self._random = random
        self._failures = 0
        self._contested = 0

    @property
    def client_id_conflict(self) -> bool:
        """Whether another client seems to use our id."""
        return self._contested > 3

    def after_refusal(self) -> float:
        """Seconds to wait after an attempt to connect that failed."""
        self._contested = 0
        return self._wait_s()

    def after_loss(self, lasted_s: float, *, contested: bool) -> float:
        """Seconds to wait after a connection that lasted ``lasted_s``."""
        short = lasted_s < self.SETTLED_S
        self._contested = self._contested + 1 if short and contested else 0
        if not short:
            self._failures = 0
        if self.client_id_conflict:
            return self._random.uniform(60.0, 90.0)
        return self._wait_s()

    def _wait_s(self) -> float:
        longest = min(60.0, 2.0 * 1.5**self._failures)
        self._failures = min(self._failures + 1, 20)
        return longest * self._random.uniform(0.25, 1.0)
