"""Sends messages and the windows of the outbox over one connection, and acts on what the broker answers."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable

from edge.mqtt.codec import Message, encode
from edge.mqtt.connection import NOBODY, REFUSED_FOR_GOOD, Acknowledged, Connection
from edge.mqtt.outbox import Outbox

MAX_IN_FLIGHT = 20
"""Unacknowledged publications at once; less where the broker's Receive Maximum is lower."""
REPLAY_PER_S = 20.0
"""Pace of historical windows; what a slow subscriber has not read yet, mosquitto drops beyond its queue limit."""
PROBE_MAX_S = 30.0
"""While nobody listens, an old window is offered after 1 s, 2 s, 4 s and so on up to this, and fresh ones as always."""

_log = logging.getLogger(__name__)


class Sender:
    """What is in flight on one connection, and what waits for it. Used by one thread; times are monotonic."""

    def __init__(self, connection: Connection, outbox: Outbox, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection, self._outbox, self._clock = connection, outbox, clock
        self.limits = connection.limits
        self._quota = min(self.limits.receive_maximum, MAX_IN_FLIGHT)
        self._queue: deque[Message] = deque()
        self._in_flight: dict[int, tuple[str, str | None, float]] = {}
        self._next_old_s = float("-inf")
        self._probe_s = 1.0
        self._nobody_since_s: float | None = None
        self.refusals: dict[str, str] = {}
        """The topics whose last message the broker refused, and why; a new one at each change, for any thread."""
        self.opened_s = clock()
        self._unanswered_since_s: float | None = None

    @property
    def idle(self) -> bool:
        """Whether everything that was sent has been acknowledged."""
        return not self._in_flight and not self._queue

    @property
    def unanswered_for_s(self) -> float:
        """How long ago the oldest message in flight was sent; 0 when all are acknowledged. For any thread."""
        since_s = self._unanswered_since_s
        return 0.0 if since_s is None else self._clock() - since_s

    def send(self, message: Message) -> None:
        """Publish ahead of any window: QoS 0 at once, QoS 1 as soon as the quota allows."""
        if message.qos:
            self._queue.append(message)
        else:
            self._connection.publish(message)

    def advance(self) -> float:
        """Publish what the quota allows; returns the seconds until more may be sent if nothing else happens."""
        while self._queue and len(self._in_flight) < self._quota:
            self._publish(self._queue.popleft(), None)
        free = self._quota - len(self._in_flight)
        if free <= 0:
            return float("inf")
        for row in self._outbox.pending(free, {key for _, key, _ in self._in_flight.values()}):
            if not row.fresh:
                if (wait_s := self._next_old_s - self._clock()) > 0:
                    return wait_s
                self._next_old_s = self._clock() + 1 / REPLAY_PER_S
            self._publish(encode(row.window.replayed() if row.historical else row.window), row.window.id)
        return float("inf")

    def acknowledged(self, answer: Acknowledged) -> bool:
        """Handle an acknowledgement; returns whether it is one of ours (paho reports QoS 0 messages as well)."""
        if answer.mid not in self._in_flight:
            return False
        topic, key, _ = self._in_flight.pop(answer.mid)
        self._note_oldest()
        if not answer.refused:
            self.refusals = {other: why for other, why in self.refusals.items() if other != topic}
        elif self.refusals.get(topic) != answer.reason:
            self.refusals = self.refusals | {topic: answer.reason}
            _log.warning("%s refuses %s: %s", self._connection.name, topic, answer.reason)
        if key is None:
            return True
        if answer.code in REFUSED_FOR_GOOD:
            self._outbox.refuse(key, f"the broker refuses {topic}: {answer.reason}")
        elif answer.refused:
            self._outbox.postpone(key)
        elif answer.code == NOBODY:
            self._not_heard(key)
        else:
            self._outbox.acknowledge(key)
            self._nobody_since_s, self._probe_s = None, 1.0
            self._next_old_s = min(self._next_old_s, self._clock() + 1 / REPLAY_PER_S)
        return True

    def _not_heard(self, key: str) -> None:
        """Nobody has subscribed to the topic; after an outage devices are often back before their subscribers."""
        now_s = self._clock()
        if self._nobody_since_s is None:
            self._nobody_since_s = now_s
            _log.info("nobody has subscribed to our windows; they are offered again")
        self._outbox.not_heard(key, self._nobody_since_s)
        if now_s >= self._next_old_s - 1 / REPLAY_PER_S:
            self._next_old_s = now_s + self._probe_s
            self._probe_s = min(2 * self._probe_s, PROBE_MAX_S)

    def _publish(self, message: Message, key: str | None) -> None:
        self._in_flight[self._connection.publish(message)] = (message.topic, key, self._clock())
        self._note_oldest()

    def _note_oldest(self) -> None:
        self._unanswered_since_s = next((sent_s for _, _, sent_s in self._in_flight.values()), None)
