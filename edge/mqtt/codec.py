"""Messages to MQTT publications and back: topic, payload and delivery of each kind."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from edge.errors import MessageError
from edge.mqtt.messages import (
    BASE_TOPIC,
    DEVICE,
    SOURCE,
    Aggregate,
    Availability,
    Device,
    Live,
    PauseCommand,
    Record,
    Status,
)

STATUS_PERIOD_S = 60.0
"""How often ``status`` is due; with MQTT 5 the broker forgets it after three periods."""
ONLINE, OFFLINE = b"online", b"offline"
MAX_COMMAND_BYTES = 1024
MAX_PAYLOAD_BYTES = 65_536
"""Longer payloads are refused unread; the longest of ours has 4 kB, with the longest labels."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How the messages of one topic are published: ``when``, and whether each source has a topic of its own."""

    record: type[Record]
    when: str
    per_source: bool = False
    qos: int = 1
    retain: bool = True
    expiry_s: int | None = None


KINDS = {
    "availability": Kind(Availability, "On connect, at a clean stop, and by the broker as the last will."),
    "status": Kind(Status, "Every 60 s, on change and on connect.", expiry_s=round(3 * STATUS_PERIOD_S)),
    "info": Kind(Device, "On connect."),
    "live": Kind(Live, "Twice a second while there is a connection.", per_source=True, qos=0, retain=False),
    "aggregate": Kind(Aggregate, "At the end of every window, empty ones too.", per_source=True, retain=False),
}
"""By the last level of the topic."""

_TOPIC = re.compile(rf"{BASE_TOPIC}/({DEVICE})/(?:({SOURCE})/)?([a-z]+)")
_NAMES = {kind.record: name for name, kind in KINDS.items()}
_PAUSE = msgspec.json.Decoder(PauseCommand)
_DECODERS = {name: msgspec.json.Decoder(kind.record) for name, kind in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT publication.

    ``expiry_s`` asks an MQTT 5 broker to forget it after that time. ``user_properties`` repeat a part of the payload,
    so that a broker's rules need not open it.
    """

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    expiry_s: int | None = None
    content_type: str = "application/json"
    user_properties: tuple[tuple[str, str], ...] = ()


def encode(record: Record) -> Message:
    """The publication of a record; figures are rounded to thousandths.

    Raises:
        ValueError: a number is not finite.
    """
    name = _NAMES[type(record)]
    kind = KINDS[name]
    if isinstance(record, Availability):
        payload = ONLINE if record.online else OFFLINE
        topic = f"{BASE_TOPIC}/{record.device}/{name}"
        return Message(topic, payload, kind.qos, kind.retain, content_type="text/plain")
    body = msgspec.to_builtins(record, builtin_types=(datetime,))
    level = f"{body['source']}/{name}" if kind.per_source else name
    return Message(
        f"{BASE_TOPIC}/{body['device']}/{level}",
        msgspec.json.encode(_plain(body)),
        kind.qos,
        kind.retain,
        kind.expiry_s,
        user_properties=(("schema", body["schema"]), ("device", body["device"])),
    )


def decode(topic: str, payload: bytes) -> Record:
    """The record that a message holds.

    Anybody may write to a broker. Its access list guards topics, so a record whose device, source or id contradicts
    the topic is refused.

    Raises:
        MessageError: it is not a message of this contract.
    """
    match = _TOPIC.fullmatch(topic)
    device, source, name = match.groups() if match else ("", None, "")
    if name not in KINDS or KINDS[name].per_source != (source is not None):
        raise MessageError(f"topic {topic[:100]!r} is not one of this contract")
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise MessageError(f"{topic}: payload of {len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are read")
    if name == "availability":
        if payload not in (ONLINE, OFFLINE):
            raise MessageError(f"{topic}: payload is neither online nor offline")
        return Availability(device, payload == ONLINE)
    try:
        record = _DECODERS[name].decode(payload)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"{topic}: {error}") from error
    claimed = record.id if isinstance(record, Device) else record.device
    if claimed != device or (isinstance(record, Aggregate | Live) and record.source != source):
        raise MessageError(f"{topic}: the payload names another device or source")
    if isinstance(record, Aggregate) and not _is_id(record.id, device, record.seq):
        raise MessageError(f"{topic}: id {record.id} belongs to another device or window")
    return record


def decode_pause(payload: bytes, *, retained: bool) -> PauseCommand:
    """The command that a message on ``command/pause`` holds.

    Raises:
        MessageError: it is none, or retained: the broker would repeat that one after every reconnect.
    """
    if retained:
        raise MessageError("it is retained, so the broker would repeat it for ever; send it without retain")
    if len(payload) > MAX_COMMAND_BYTES:
        raise MessageError(f"it has {len(payload)} bytes, at most {MAX_COMMAND_BYTES} are read")
    try:
        return _PAUSE.decode(payload)
    except (ValueError, RecursionError) as error:
        raise MessageError(f'{error}; expected JSON such as {{"paused": true, "minutes": 30}}') from error


def format_time(moment: datetime) -> str:
    """A UTC time as messages write it: ISO 8601 with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_id(window_id: str, device: str, seq: int) -> bool:
    """Whether an id is this window's: ``<device>-<seq>``, with or without an epoch of 8 digits between them."""
    return re.fullmatch(rf"{device}(-[0-9a-f]{{8}})?-{seq:012d}", window_id) is not None


def _plain(value: Any) -> Any:
    """The JSON values that are sent for a field."""
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot be sent; JSON has finite numbers only")
        return round(value, 3)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
