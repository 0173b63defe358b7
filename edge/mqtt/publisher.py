"""The device's MQTT client: introduces itself on every connect, delivers the outbox, and says when it leaves.

One thread owns the connection and does all publishing; other threads leave messages for it. Only an acknowledgement
proves that the connection works: on a frozen link a library's ``is_connected`` stays true.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import cycle
from random import Random

from edge.config import MqttConfig
from edge.errors import FerEdgeError, MessageError, UnreachableError
from edge.mqtt.backoff import Backoff
from edge.mqtt.codec import ONLINE, decode_pause, encode
from edge.mqtt.compose import aggregate, live, status
from edge.mqtt.connection import Acknowledged, Connection, Lost, Received
from edge.mqtt.credentials import check_credentials
from edge.mqtt.home_assistant import BIRTH_TOPIC, announce, retained_topics
from edge.mqtt.messages import Availability, Device, Live, PauseCommand
from edge.mqtt.outbox import Outbox
from edge.mqtt.sender import Sender
from edge.mqtt.wallclock import WallClock
from edge.records import DeliveryHealth, Health, Problem, RoomReading, WindowSummary

ACK_LATE_S = 10.0
"""An acknowledgement this late is a problem in ``status``: the broker or the link is frozen."""
GIVE_UP_S = 60.0
"""After this time without an acknowledgement, reconnect and send again what was not acknowledged."""
HUNG_S, CONNECTING_S = 15.0, 120.0
"""The thread counts as hung after this time; connecting may take longer (a dead name server, a TLS handshake)."""
READ_BACK_S = 1.0
"""The broker sends what it keeps of our discovery within this time after the connection; then we publish it anew."""
BIRTH_JITTER_S = 10.0
"""A fleet answers Home Assistant's birth message at random moments within this time."""
MAX_KEPT = 200
"""Of so many retained messages on the topics of our discovery, others are left alone: anybody may write there."""

_TICK_S = 1.0

_log = logging.getLogger(__name__)


class Publisher:
    """Publishes what it is given, from ``start`` to ``stop``. Whoever opened the outbox closes it."""

    def __init__(
        self,
        broker: MqttConfig,
        device: Device,
        outbox: Outbox,
        clock: WallClock,
        *,
        random: Random | None = None,
        birth_jitter_s: float = BIRTH_JITTER_S,
        discoverable: bool = True,
        thermometer: bool = True,
        on_pause: Callable[[PauseCommand], None] | None = None,
    ) -> None:
        """``discoverable``: publish Home Assistant's discovery message; ``thermometer``: with the temperature of the
        processor. ``on_pause`` obeys the commands on ``command/pause``; without it nothing is subscribed to.
        """
        self._broker, self._device, self._outbox, self._clock = broker, device, outbox, clock
        self._random = random or Random()
        self._brokers = cycle(self._random.sample(nodes := broker.brokers(), len(nodes)))  # so that a fleet spreads
        self._birth_jitter_s = birth_jitter_s
        self._discoverable, self._thermometer = discoverable, thermometer
        self._on_pause, self._pause_topic = on_pause, device.topic("command/pause")
        self._backoff = Backoff(self._random)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._stopping = threading.Event()
        self._stop_at_s = self._back_by_s = float("inf")
        self._connection: Connection | None = None
        self._sender: Sender | None = None
        self._connects = 0
        self._live: deque[Live] = deque(maxlen=1)
        self._read_health: Callable[[], Health] | None = None
        self._status_due = False
        self._last_ack_s: float | None = None
        self._trouble: str | None = None
        self._discover_at_s = float("-inf")
        self._kept: dict[str, bytes] = {}

    def start(self) -> None:
        """Start connecting; retries until the broker is there.

        Raises:
            ConfigError: the password or a TLS file cannot be used.
        """
        check_credentials(self._broker)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Deliver waiting windows if there is time, publish ``offline`` and disconnect, all within ``timeout_s``."""
        self._stop_at_s = time.monotonic() + timeout_s
        self._stopping.set()
        self._wake()
        self._thread.join(timeout_s)

    def publish_window(self, summary: WindowSummary) -> None:
        """Put a finished window into the outbox, where it stays until the broker has it."""
        self._outbox.put(lambda epoch, seq: aggregate(self._device, epoch, seq, summary, self._clock))
        self._wake()

    def publish_live(self, room: RoomReading) -> None:
        """Publish the room now; dropped without a connection, or if a newer one comes first."""
        if self.connected:
            self._live.append(live(self._device, room, self._clock))
            self._wake()

    def publish_status(self, read_health: Callable[[], Health]) -> None:
        """Publish the health now, and again after every connect; each time as it is when it is sent."""
        self._read_health, self._status_due = read_health, True
        self._wake()

    @property
    def alive(self) -> bool:
        """Whether the publisher's thread runs and does not hang."""
        return self._thread.is_alive() and time.monotonic() < self._back_by_s

    @property
    def connected(self) -> bool:
        """Whether a connection is open, as far as is known."""
        return self._sender is not None

    @property
    def health(self) -> DeliveryHealth:
        """Counters of outbox and connection."""
        outbox, last_ack_s = self._outbox, self._last_ack_s
        return DeliveryHealth(
            outbox=outbox.depth,
            oldest_s=outbox.oldest_age_s,
            dropped=outbox.dropped,
            unheard=outbox.unheard,
            set_aside=outbox.set_aside,
            epoch=outbox.epoch,
            reconnects=max(self._connects - 1, 0),
            last_ack_age_s=None if last_ack_s is None else time.monotonic() - last_ack_s,
        )

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the broker or the outbox."""
        now_s, sender, problems = time.monotonic(), self._sender, []
        if sender is None and self._trouble is not None:
            problems.append(Problem("broker_unavailable", self._trouble))
        if self._backoff.client_id_conflict and (sender is None or now_s - sender.opened_s < Backoff.SETTLED_S):
            problems.append(Problem("client_id_conflict", f"Another client seems to use the id {self._device.id}."))
        if sender is not None and (late_s := sender.unanswered_for_s) > ACK_LATE_S:
            problems.append(Problem("ack_late", f"The broker has not acknowledged a message for {late_s:.0f} s."))
        if sender is not None:
            refusals = (f"The broker refuses {topic}: {why}." for topic, why in sender.refusals.items())
            problems += [Problem("publication_refused", sentence) for sentence in refusals]
            problems += [Problem("broker_limited", sentence) for sentence in sender.limits.sentences]
        return (*problems, *self._outbox.problems)

    def _wake(self) -> None:
        if (connection := self._connection) is not None:
            connection.wake()

    def _run(self) -> None:
        will = encode(Availability(self._device.id, online=False))
        while not self._stopping.is_set():
            self._back_by_s = time.monotonic() + CONNECTING_S
            try:
                connection = Connection(next(self._brokers), self._device.id, will=will)
            except FerEdgeError as error:
                keys = f"; see {self._broker.address_keys}" if isinstance(error, UnreachableError) else ""
                self._report(f"{error}{keys}")
                pause_s = self._backoff.after_refusal()
            else:
                pause_s = self._serve(connection)
            self._back_by_s = time.monotonic() + pause_s + HUNG_S
            self._stopping.wait(pause_s)

    def _serve(self, connection: Connection) -> float:
        """Use one connection until it ends; returns the seconds to wait before the next."""
        sender = Sender(connection, self._outbox)
        self._connection, self._sender = connection, sender
        self._connects += 1
        _log.info("connected to %s", connection.name)
        try:
            lost = self._publish_until_lost(connection, sender)
        finally:
            self._connection = self._sender = None
        if lost is None:
            connection.close(min(1.0, self._stop_at_s - time.monotonic()))
            return 0.0
        connection.cut()  # so that the broker tells, by our will, that we are away
        self._report(f"{connection.name} lost: {lost.reason}")
        return self._backoff.after_loss(time.monotonic() - sender.opened_s, contested=lost.contested)

    def _publish_until_lost(self, connection: Connection, sender: Sender) -> Lost | None:
        """Publish until the connection is lost; returns None if the publisher was stopped."""
        if self._discoverable:
            for topic in (BIRTH_TOPIC, *retained_topics(self._device)):
                connection.subscribe(topic, qos=0)  # Home Assistant sends it so; NATS keeps a queue for each of QoS 1
        if self._on_pause is not None:
            connection.subscribe(self._pause_topic, as_published=True)
        sender.send(encode(Availability(self._device.id, online=True)))
        sender.send(encode(self._device))
        self._status_due = True
        self._kept = {}
        self._discover_at_s = time.monotonic() + READ_BACK_S if self._discoverable else float("inf")
        while not self._stopping.is_set():
            self._send_status(sender)
            self._send_discovery(connection, sender)
            while self._live:
                sender.send(encode(self._live.popleft()))
            wait_s = min(sender.advance(), self._discover_at_s - time.monotonic(), _TICK_S)
            if lost := self._handle_event(connection, sender, wait_s):
                return lost
            if sender.unanswered_for_s > GIVE_UP_S:
                return Lost(f"no acknowledgement for {GIVE_UP_S:.0f} s", contested=False)
        self._send_status(sender)
        self._send_discovery(connection, sender)
        return self._say_goodbye(connection, sender)

    def _send_status(self, sender: Sender) -> None:
        """The status as it is now, if it is due: one made during an outage would raise an alarm after it."""
        if self._status_due and self._read_health is not None:
            self._status_due = False
            sender.send(encode(status(self._device, self._read_health(), self._clock)))

    def _send_discovery(self, connection: Connection, sender: Sender) -> None:
        """What describes us to Home Assistant, once it is due or we stop before."""
        due = time.monotonic() >= self._discover_at_s
        if due or (self._stopping.is_set() and self._discover_at_s < float("inf")):
            self._discover_at_s = float("inf")
            for message in announce(self._device, self._kept, connection.takes, thermometer=self._thermometer):
                sender.send(message)
            self._kept = {}

    def _say_goodbye(self, connection: Connection, sender: Sender) -> Lost | None:
        """Deliver the outbox in the first half of the time that is left, then publish ``offline``."""
        left_s = max(self._stop_at_s - time.monotonic(), 0.0)
        rows_until_s, until_s = self._stop_at_s - left_s / 2, self._stop_at_s - left_s / 5
        while self._outbox.depth and (left_s := rows_until_s - time.monotonic()) > 0:
            wait_s = sender.advance()
            if sender.idle and wait_s > left_s:
                break  # the rest cannot be delivered now
            if lost := self._handle_event(connection, sender, min(wait_s, left_s)):
                return lost
        sender.send(encode(Availability(self._device.id, online=False)))
        while not sender.idle and (left_s := until_s - time.monotonic()) > 0:
            if lost := self._handle_event(connection, sender, min(sender.advance(), left_s)):
                return lost
        return None

    def _handle_event(self, connection: Connection, sender: Sender, timeout_s: float) -> Lost | None:
        """Wait for one event and handle it; returns it if the connection is lost."""
        self._back_by_s = time.monotonic() + HUNG_S
        match connection.next_event(timeout_s):
            case Lost() as lost:
                return lost
            case Acknowledged() as answer if sender.acknowledged(answer):
                self._last_ack_s = time.monotonic()
            case Received(topic=topic, payload=payload, retained=retained) if topic == self._pause_topic:
                self._obey(payload, retained=retained)
            case Received(topic=topic, payload=payload, retained=True) if payload and topic != BIRTH_TOPIC:
                if len(self._kept) < MAX_KEPT:
                    self._kept[topic] = payload
            case Received(payload=payload, retained=False) if payload == ONLINE:
                self._discover_at_s = time.monotonic() + self._random.uniform(0.0, self._birth_jitter_s)
            case _:
                pass
        return None

    def _obey(self, payload: bytes, *, retained: bool) -> None:
        """Pause or resume; the status that follows is the answer."""
        if self._on_pause is None or (retained and not payload):  # an empty one: a retained command was removed
            return
        try:
            self._on_pause(decode_pause(payload, retained=retained))
        except MessageError as error:
            _log.warning("a command on %s is refused: %s", self._pause_topic, error)
        self._status_due = True

    def _report(self, trouble: str) -> None:
        if trouble != self._trouble:
            where = "the outbox" if self._outbox.is_kept else "memory, and are lost if the daemon ends before"
            _log.warning("%s; windows wait in %s", trouble, where)
        self._trouble = trouble
