"""Sends messages and the windows of the outbox over one connection, within the broker's limits."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from edge.errors import BrokerError
from edge.mqtt.codec import Message, encode
from edge.mqtt.connection import Acknowledged, Connection
from edge.mqtt.outbox import Outbox

MAX_IN_FLIGHT = 20
"""Unacknowledged publications at once; less where the broker's Receive Maximum is lower."""
REPLAY_PER_S = 20.0
"""Pace of historical windows; what a slow subscriber has not read yet, mosquitto drops beyond its queue limit."""


class Sender:
    """What is in flight on one connection, and what waits for it. Used by one thread; times are monotonic."""

    def __init__(self, connection: Connection, outbox: Outbox, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection, self._outbox, self._clock = connection, outbox, clock
        self._quota = min(connection.receive_maximum, MAX_IN_FLIGHT)
        self._queue: deque[Message] = deque()
        self._in_flight: dict[int, int | None] = {}
        self._sent_s: dict[int, float] = {}
        self._replay_at_s = float("-inf")
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
        in_flight = set(self._in_flight.values())
        waiting = [row for row in self._outbox.pending(free + len(in_flight)) if row.seq not in in_flight]
        for row in waiting[:free]:
            if not row.historical:
                self._publish(encode(row.window), row.seq)
                continue
            if (wait_s := self._replay_at_s - self._clock()) > 0:
                return wait_s
            self._replay_at_s = self._clock() + 1 / REPLAY_PER_S
            self._publish(encode(row.window.replayed()), row.seq)
        return float("inf")

    def acknowledged(self, event: Acknowledged) -> bool:
        """Handle an acknowledgement; returns whether the broker sent it (paho reports QoS 0 messages as well).

        Raises:
            BrokerError: the broker refuses a window, which therefore stays in the outbox.
        """
        if event.mid not in self._in_flight:
            return False
        seq = self._in_flight.pop(event.mid)
        del self._sent_s[event.mid]
        self._note_oldest()
        if seq is not None:
            if event.refusal is not None:
                raise BrokerError(f"the broker refuses window {seq}: {event.refusal}; see its access list")
            self._outbox.acknowledge(seq)
        return True

    def _publish(self, message: Message, seq: int | None) -> None:
        mid = self._connection.publish(message)
        self._in_flight[mid] = seq
        self._sent_s[mid] = self._clock()
        self._note_oldest()

    def _note_oldest(self) -> None:
        self._unanswered_since_s = next(iter(self._sent_s.values()), None)
