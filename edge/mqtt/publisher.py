"""The device's side of MQTT: greets on every connect, drains the outbox, says goodbye.

One thread owns the connection and does all publishing; the others only leave messages for it. What the broker has
acknowledged is the only proof of life: ``is_connected`` of any library lies on a frozen link.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from random import Random

from edge.errors import BrokerError, FerEdgeError
from edge.mqtt.backoff import Redial
from edge.mqtt.broker import Broker
from edge.mqtt.connection import Acknowledged, Connection, Lost, Received
from edge.mqtt.home_assistant import BIRTH_TOPIC, discovery
from edge.mqtt.messages import ONLINE, Device, Message, aggregate, availability, info, live, status
from edge.mqtt.outbox import Outbox
from edge.mqtt.sender import Session
from edge.mqtt.wallclock import WallClock
from edge.records import DeliveryHealth, Health, Problem, RoomReading, WindowSummary

ACK_LATE_S = 10.0
"""An acknowledgement this late is a problem in ``status``: the broker or the link is frozen."""
GIVE_UP_S = 60.0
"""An acknowledgement this late will not come any more; only a new connection may send again what waits for it."""
HUNG_S, DIALLING_S = 15.0, 120.0
"""The thread hangs when it is not back after this time; a dead name server or a TLS handshake may take it longer."""
BIRTH_JITTER_S = 10.0
"""A fleet answers Home Assistant's birth message spread over this time."""

_TICK_S = 1.0

_log = logging.getLogger(__name__)


class Publisher:
    """Publishes what it is given, from ``start`` to ``stop``. The outbox is closed by whoever opened it."""

    def __init__(
        self,
        broker: Broker,
        device: Device,
        outbox: Outbox,
        clock: WallClock,
        *,
        random: Random | None = None,
        birth_jitter_s: float = BIRTH_JITTER_S,
        discoverable: bool = True,
    ) -> None:
        """``discoverable`` is whether Home Assistant is told of the device."""
        self._broker, self._device, self._outbox, self._clock = broker, device, outbox, clock
        self._random = random or Random()
        self._birth_jitter_s = birth_jitter_s
        self._discoverable = discoverable
        self._redial = Redial(self._random)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._stopping = threading.Event()
        self._stop_at_s = self._back_by_s = float("inf")
        self._connection: Connection | None = None
        self._session: Session | None = None
        self._connects = 0
        self._live: deque[Message] = deque(maxlen=1)
        self._status: Message | None = None
        self._status_sent: Message | None = None
        self._last_ack_s: float | None = None
        self._trouble: str | None = None
        self._discover_at_s = float("-inf")

    def start(self) -> None:
        """Begin to connect; an absent broker is waited for.

        Raises:
            ConfigError: the password or a TLS file cannot be used.
        """
        self._broker.check_files()
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Deliver what waits if there is time, publish ``offline`` and disconnect, all within ``timeout_s``."""
        self._stop_at_s = time.monotonic() + timeout_s
        self._stopping.set()
        self._wake()
        self._thread.join(timeout_s)

    def publish_window(self, summary: WindowSummary) -> None:
        """Queue a finished window until the broker has it."""
        seq = self._outbox.next_seq()
        self._outbox.put(seq, aggregate(self._device, seq, summary, self._clock))
        self._wake()

    def publish_live(self, room: RoomReading) -> None:
        """Show the room now; lost without a connection, and when a newer one overtakes it."""
        if self.connected:
            self._live.append(live(self._device, room, self._clock))
            self._wake()

    def publish_status(self, health: Health) -> None:
        """Publish the health now, and again after every connect."""
        self._status = status(self._device, health, self._clock)
        self._wake()

    @property
    def alive(self) -> bool:
        """Whether the thread runs and does not hang; without it nothing is ever published again."""
        return self._thread.is_alive() and time.monotonic() < self._back_by_s

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._session is not None

    @property
    def reconnects(self) -> int:
        """Connections made after the first."""
        return max(self._connects - 1, 0)

    @property
    def last_ack_age_s(self) -> float | None:
        """Seconds since the broker last acknowledged anything; None before the first time."""
        return None if self._last_ack_s is None else time.monotonic() - self._last_ack_s

    @property
    def health(self) -> DeliveryHealth:
        """Counters of outbox and connection."""
        outbox = self._outbox
        return DeliveryHealth(outbox.depth, outbox.oldest_age_s, outbox.dropped, self.reconnects, self.last_ack_age_s)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with broker or outbox."""
        now_s, session, problems = time.monotonic(), self._session, []
        if session is None and self._trouble is not None:
            problems.append(Problem("broker_unavailable", self._trouble))
        if self._redial.client_id_conflict and (session is None or now_s - session.opened_s < Redial.SETTLED_S):
            problems.append(Problem("client_id_conflict", f"Another client seems to use the id {self._device.id}."))
        if session is not None and (late_s := session.unanswered_for_s) > ACK_LATE_S:
            problems.append(Problem("ack_late", f"The broker has not acknowledged a message for {late_s:.0f} s."))
        if self._outbox.degraded is not None:
            problems.append(Problem("outbox_degraded", self._outbox.degraded))
        return tuple(problems)

    def _wake(self) -> None:
        if (connection := self._connection) is not None:
            connection.wake()

    def _run(self) -> None:
        will = availability(self._device, online=False)
        while not self._stopping.is_set():
            self._back_by_s = time.monotonic() + DIALLING_S
            try:
                connection = Connection(self._broker, self._device.id, will=will)
            except FerEdgeError as error:
                self._report(f"{error}")
                pause_s = self._redial.after_refusal()
            else:
                pause_s = self._serve(connection)
            self._back_by_s = time.monotonic() + pause_s + HUNG_S
            self._stopping.wait(pause_s)

    def _serve(self, connection: Connection) -> float:
        """Work on one connection until it ends; seconds to wait before the next."""
        session = Session(connection, self._outbox)
        self._connection, self._session = connection, session
        self._connects += 1
        _log.info("connected to %s", self._broker)
        try:
            lost = self._work(connection, session)
        except BrokerError as error:
            lost = Lost(str(error), contested=False)
        finally:
            self._connection = self._session = None
            connection.close(min(1.0, self._stop_at_s - time.monotonic()))
        if lost is None:
            return 0.0
        self._report(f"{self._broker} lost: {lost.reason}")
        return self._redial.after_loss(time.monotonic() - session.opened_s, contested=lost.contested)

    def _work(self, connection: Connection, session: Session) -> Lost | None:
        """Greet and publish until the connection is lost, or None when the publisher is to stop."""
        if self._discoverable:
            connection.subscribe(BIRTH_TOPIC)
        for greeting in (availability(self._device, online=True), info(self._device)):
            session.send(greeting)
        self._status_sent = None
        self._discover_at_s = float("-inf") if self._discoverable else float("inf")
        while not self._stopping.is_set():
            self._send_status(session)
            if time.monotonic() >= self._discover_at_s:
                self._discover_at_s = float("inf")
                session.send(discovery(self._device))
            while self._live:
                session.send(self._live.popleft())
            wait_s = min(session.advance(), self._discover_at_s - time.monotonic(), _TICK_S)
            if lost := self._listen(connection, session, wait_s):
                return lost
            if session.unanswered_for_s > GIVE_UP_S:
                return Lost(f"no acknowledgement for {GIVE_UP_S:.0f} s", contested=False)
        self._send_status(session)
        return self._part(connection, session)

    def _send_status(self, session: Session) -> None:
        """The newest status, once per connection."""
        if self._status is not None and self._status is not self._status_sent:
            self._status_sent = self._status
            session.send(self._status)

    def _part(self, connection: Connection, session: Session) -> Lost | None:
        """Deliver what waits in the first half of the time that is left, then say goodbye."""
        left_s = max(self._stop_at_s - time.monotonic(), 0.0)
        last_row_s, last_word_s = self._stop_at_s - left_s / 2, self._stop_at_s - left_s / 5
        while self._outbox.depth and (left_s := last_row_s - time.monotonic()) > 0:
            if lost := self._listen(connection, session, min(session.advance(), left_s)):
                return lost
        session.send(availability(self._device, online=False))
        while not session.idle and (left_s := last_word_s - time.monotonic()) > 0:
            if lost := self._listen(connection, session, min(session.advance(), left_s)):
                return lost
        return None

    def _listen(self, connection: Connection, session: Session, timeout_s: float) -> Lost | None:
        """Wait for one event and take it in."""
        self._back_by_s = time.monotonic() + HUNG_S
        match connection.next_event(timeout_s):
            case Lost() as lost:
                return lost
            case Acknowledged() as answer if session.acknowledged(answer):
                self._last_ack_s = time.monotonic()
                if answer.refusal is not None:
                    _log.warning("%s does not take a message: %s; see its access list", self._broker, answer.refusal)
            case Received(payload=payload, retained=False) if payload == ONLINE:
                self._discover_at_s = time.monotonic() + self._random.uniform(0.0, self._birth_jitter_s)
            case _:
                pass
        return None

    def _report(self, trouble: str) -> None:
        if trouble != self._trouble:
            _log.warning("%s; windows wait in the outbox", trouble)
        self._trouble = trouble
