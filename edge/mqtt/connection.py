"""One MQTT connection, from CONNECT to its end: the only importer of paho.

A lost connection is thrown away and a new one made. paho's own reconnecting sends everything it still holds at once,
past the broker's Receive Maximum (eclipse-paho/paho.mqtt.python#492), and has no jitter. paho's callbacks do nothing
but put an event into a queue: an exception in a callback would kill its network thread and leave ``is_connected()``
true and ``publish()`` successful.
"""

from __future__ import annotations

import itertools
import logging
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias, cast

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.config import MqttConfig
from edge.errors import BrokerError, UnreachableError
from edge.mqtt.codec import Message
from edge.mqtt.credentials import TCP_TIMEOUT_S, read_password, tls_context

KEEPALIVE_S = 15
"""A frozen broker is noticed after twice this time (measured with SIGSTOP)."""

MAX_PACKET_BYTES = 2**17
"""Anybody may write to a topic that we read; our longest message, the discovery of 20 long labels, has 30 kB."""

NOBODY = 0x10
"""PUBACK: the broker has it, but nobody has subscribed to the topic."""
TOO_LARGE = 0x95
REFUSED_FOR_GOOD = frozenset({0x87, 0x90, TOO_LARGE, 0x99})
"""PUBACK: not authorised, topic name invalid, too large, payload format invalid. Any other refusal may pass."""

_CONNACK_TIMEOUT_S = 10.0
_SESSION_TAKEN_OVER = 0x8E
_WILL_RETAIN_REFUSED, _WILL_QOS_REFUSED = 0x9A, 0x9B

_REFUSALS = {
    "Bad user name or password": "wrong user name or password; see mqtt.username and mqtt.password_file",
    "Not authorized": "not authorised; the broker wants a user name and password, or does not know this one",
    "Client identifier not valid": "client id not valid; see device.id",
    "Unsupported protocol version": "it does not speak this version; see mqtt.protocol",
}

_log = logging.getLogger(__name__)


def _reasons_of_puback() -> dict[int, dict[str, list[int]]]:
    """Paho's table with a name for every code. It ends the connection at a PUBACK with one that the standard does not
    list there, and brokers send such: mosquitto answers 0x95 to what is above its ``message_size_limit``.
    """
    table = {code: dict(names) for code, names in ReasonCode.names.items()}
    for code in range(256):
        names = table.setdefault(code, {f"reason code 0x{code:02x}": []})
        if not any(PacketTypes.PUBACK in packets for packets in names.values()):
            name = next(iter(names))
            names[name] = [*names[name], PacketTypes.PUBACK]
    return table


ReasonCode.names = _reasons_of_puback()


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker answered the message ``mid``, or a QoS 0 one was written to the network.

    ``code`` is the reason code of MQTT 5 and ``reason`` its name. MQTT 3.1.1 has none: there the code is always 0, also
    where the broker threw the message away.
    """

    mid: int
    code: int = 0
    reason: str = ""

    @property
    def refused(self) -> bool:
        """Whether the broker did not take it."""
        return self.code >= 0x80


@dataclass(frozen=True, slots=True)
class Received:
    """A message on a subscribed topic; ``retained`` when it is older than the subscription, or see ``subscribe``."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is over. ``contested`` when another client with our id may have taken it."""

    reason: str
    contested: bool


Event: TypeAlias = Acknowledged | Received | Lost


@dataclass(frozen=True, slots=True)
class Limits:
    """What the broker said in CONNACK; MQTT 3.1.1 has no such words, and a broker hangs up on what it does not take."""

    receive_maximum: int
    packet_bytes: int
    retain: bool
    qos: int

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a person should know of them."""
        told = []
        if not self.retain:
            told.append("The broker keeps no retained messages: who subscribes later learns nothing until we publish.")
        if self.qos == 0:
            told.append("The broker acknowledges nothing (maximum QoS 0): windows may be lost on the way.")
        return tuple(told)


@dataclass(frozen=True, slots=True)
class _Connack:
    code: int
    reason: str
    limits: Limits


class Connection:
    """An open connection. One thread owns it; ``wake`` alone may be called by others."""

    def __init__(self, broker: MqttConfig, client_id: str, *, will: Message | None = None) -> None:
        """Connect.

        Raises:
            ConfigError: the password or a TLS file cannot be used.
            BrokerError: the broker cannot be reached or refuses us.
        """
        self._broker = broker
        self.name = f"broker {broker.host}:{broker.port}"
        self._network: threading.Thread | None = None
        self._refused_mids = itertools.count(-1, -1)
        self.limits = self._connect(client_id, will)

    def _connect(self, client_id: str, will: Message | None) -> Limits:
        self._events: SimpleQueue[Event | _Connack | None] = SimpleQueue()
        self._client = self._make_client(client_id, will)
        try:
            connack = self._open()
        except BrokerError:
            self.cut()
            raise
        if not connack.code:
            return connack.limits
        self.cut()
        # The limits are told after the will is: a broker that cannot keep it so gets it as far as it can.
        if will is not None and connack.code == _WILL_RETAIN_REFUSED and will.retain:
            return self._connect(client_id, replace(will, retain=False))
        if will is not None and connack.code == _WILL_QOS_REFUSED and will.qos:
            return self._connect(client_id, replace(will, qos=0))
        raise BrokerError(f"{self.name} refused: {_REFUSALS.get(connack.reason, connack.reason)}")

    def subscribe(self, topic: str, qos: int = 1, *, as_published: bool = False) -> None:
        """Ask for ``topic``, which may hold wildcards; the messages come as ``Received``.

        ``as_published``: ``retained`` is how it was sent, also of a message that is new. MQTT 3.1.1 cannot tell that.
        """
        if self._broker.protocol == "5":
            options = SubscribeOptions(qos, retainAsPublished=as_published)
            self._client.subscribe(topic, options=options)
        else:
            self._client.subscribe(topic, qos)

    def publish(self, message: Message) -> int:
        """Send; the returned ``mid`` comes back in ``Acknowledged`` when the broker has it (QoS 1).

        What the broker does not take by its limits is sent without retain or with QoS 0; what is too large is not sent,
        and answered as the broker would. The caller keeps to ``limits.receive_maximum``; nothing here does.
        """
        if not self.takes(message):
            mid = next(self._refused_mids)
            self._events.put(Acknowledged(mid, TOO_LARGE, "Packet too large"))
            return mid
        qos, retain = min(message.qos, self.limits.qos), message.retain and self.limits.retain
        properties = self._properties(message, PacketTypes.PUBLISH)
        return self._client.publish(message.topic, message.payload, qos, retain, properties).mid

    def takes(self, message: Message) -> bool:
        """Whether the broker takes a message of this size."""
        properties = self._properties(message, PacketTypes.PUBLISH)
        beside = 0 if properties is None else len(properties.pack())  # type: ignore[no-untyped-call]
        # The fixed header, the length of the topic and the packet's id.
        return 5 + 2 + len(message.topic) + 2 + beside + len(message.payload) <= self.limits.packet_bytes

    def next_event(self, timeout_s: float) -> Event | None:
        """Wait for what happens next; None after ``timeout_s`` or ``wake``."""
        try:
            event = self._events.get(timeout=max(timeout_s, 0.0))
        except Empty:
            event = None
        if event is None and self._events.empty() and self._network is not None and not self._network.is_alive():
            return Lost("the network thread ended", contested=False)
        return None if isinstance(event, _Connack) else event

    def wake(self) -> None:
        """Make ``next_event`` return; for any thread."""
        self._events.put(None)

    def close(self, timeout_s: float) -> None:
        """Send DISCONNECT, so that the will is not published; cut the line if that takes longer than ``timeout_s``."""
        if self._client.socket() is not None:
            self._client.disconnect()
        if self._network is not None:
            self._network.join(max(timeout_s, 0.0))
        self.cut()

    def cut(self) -> None:
        """End the connection without DISCONNECT, so that the broker publishes the will."""
        if (line := self._client.socket()) is not None:
            with suppress(OSError):
                cast(socket.socket, line).shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()
        # paho closes its two wake-up sockets when the client is deleted. Referring to us, who refer to it, it would
        # stay until the garbage collector comes: 11 file descriptors became 29 in 22 connections.
        self._client.on_connect = self._client.on_publish = self._client.on_message = None
        self._client.on_disconnect = self._client.on_log = None

    def _make_client(self, client_id: str, will: Message | None) -> Client:
        five = self._broker.protocol == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if five else True,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = TCP_TIMEOUT_S
        client.suppress_exceptions = True
        client.on_log = self._on_log
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        if self._broker.username:
            client.username_pw_set(self._broker.username, read_password(self._broker))
        if context := tls_context(self._broker):
            client.tls_set_context(context)
        if will is not None:
            properties = self._properties(will, PacketTypes.WILLMESSAGE)
            client.will_set(will.topic, will.payload, will.qos, will.retain, properties)
        return client

    def _properties(self, message: Message, packet: int) -> Properties | None:
        """What MQTT 5 sends beside the payload; None in 3.1.1."""
        if self._broker.protocol != "5":
            return None
        properties = Properties(packet)  # type: ignore[no-untyped-call]
        properties.PayloadFormatIndicator = 1  # UTF-8
        properties.ContentType = message.content_type
        if message.user_properties:
            properties.UserProperty = list(message.user_properties)
        if message.expiry_s is not None:
            properties.MessageExpiryInterval = message.expiry_s
        return properties

    def _our_limits(self) -> Properties | None:
        """The largest packet that the broker may send us; in 3.1.1 it may be 256 MB."""
        if self._broker.protocol != "5":
            return None
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        return properties

    def _open(self) -> _Connack:
        try:
            self._client.connect(self._broker.host, self._broker.port, KEEPALIVE_S, properties=self._our_limits())
        except (OSError, ValueError) as error:
            raise UnreachableError(f"{self.name} cannot be reached: {explain(error)}") from error
        self._client.loop_start()
        try:
            answer = self._events.get(timeout=_CONNACK_TIMEOUT_S)
        except Empty:
            raise UnreachableError(
                f"{self.name} did not answer within {_CONNACK_TIMEOUT_S:.0f} s; is it an MQTT broker?"
            ) from None
        if not isinstance(answer, _Connack):
            raise UnreachableError(
                f"{self.name} hung up at once; is it an MQTT broker, and does it expect TLS or another version?"
            )
        return answer

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, properties: Any) -> None:
        self._network = threading.current_thread()
        limits = Limits(
            receive_maximum=getattr(properties, "ReceiveMaximum", 65535),
            packet_bytes=getattr(properties, "MaximumPacketSize", 2**28),
            retain=bool(getattr(properties, "RetainAvailable", 1)),
            qos=getattr(properties, "MaximumQoS", 1),
        )
        self._events.put(_Connack(reason.value if reason.is_failure else 0, str(reason), limits))

    def _on_publish(self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _properties: Any) -> None:
        self._events.put(Acknowledged(mid, reason.value, str(reason) if reason.is_failure else ""))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._events.put(Received(message.topic, bytes(message.payload), message.retain))

    def _on_log(self, _client: Client, _data: Any, _level: int, text: str) -> None:
        # paho also logs the ordinary end of a connection, some of it as errors.
        if text.startswith("Caught exception"):
            _log.error("%s", text)

    def _on_disconnect(self, _client: Client, _data: Any, flags: Any, reason: ReasonCode, _properties: Any) -> None:
        explained = flags.is_disconnect_packet_from_server
        sentence = "the connection broke" if str(reason) == "Unspecified error" else str(reason)
        self._events.put(Lost(sentence, contested=not explained or reason.value == _SESSION_TAKEN_OVER))


def connect(broker: MqttConfig, client_id: str) -> Connection:
    """Connect to the first of the broker's hosts that lets us in.

    Raises:
        ConfigError: the password or a TLS file cannot be used.
        BrokerError: none does; the error is the last one's.
    """
    *others, last = broker.brokers()
    for one in others:
        with suppress(BrokerError):
            return Connection(one, client_id)
    return Connection(last, client_id)


def explain(error: OSError | ValueError) -> str:
    """Why a broker cannot be reached, for people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason}); does this port speak TLS?"
    if isinstance(error, socket.gaierror):
        return f"the name is not known ({error.strerror})"
    if isinstance(error, TimeoutError):
        return f"no answer within {TCP_TIMEOUT_S:.0f} s"
    if isinstance(error, ConnectionResetError):
        return "it hung up; is it TLS on a plain port, or the reverse?"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return str(error)
