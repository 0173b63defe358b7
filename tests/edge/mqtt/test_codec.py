"""Encoding and decoding: what was sent is what is read, and nothing that a stranger sends is believed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from edge.errors import MessageError
from edge.mqtt.codec import Message, decode, encode
from edge.mqtt.compose import aggregate, live, status
from edge.mqtt.home_assistant import discovery
from edge.mqtt.messages import Aggregate, Availability, Device, Live, Record, Status
from edge.mqtt.wallclock import WallClock
from edge.records import Health, RoomReading, Unread, WindowSummary

CLOCK = WallClock(wall=lambda: 1.8e9, monotonic=lambda: 200.0, is_set=lambda _now_s: True)

Window = Callable[..., Message]


@pytest.fixture
def window(device: Device, summary: Callable[..., WindowSummary]) -> Window:
    """``window(**changes)`` is the message of a window whose JSON fields were replaced."""

    def make(**changes: Any) -> Message:
        message = encode(aggregate(device, "5eed0001", 12, summary(), CLOCK))
        return Message(message.topic, json.dumps(json.loads(message.payload) | changes).encode())

    return make


def test_what_was_encoded_is_decoded(device: Device, summary: Callable[..., WindowSummary], health: Health) -> None:
    records: list[Record] = [
        aggregate(device, "5eed0001", 12, summary(), CLOCK),
        aggregate(device, "5eed0001", 13, summary(people=0, emotions=None, uncertain=None), CLOCK).replayed(),
        live(device, RoomReading(2, None, "windows_only"), CLOCK),
        status(device, health, CLOCK),
        device,
        Availability(device.id, online=True),
        Availability(device.id, online=False),
    ]

    messages = [encode(record) for record in records]

    assert [decode(message.topic, message.payload) for message in messages] == records


def test_a_message_repeats_its_schema_and_device_as_user_properties(
    device: Device, summary: Callable[..., WindowSummary]
) -> None:
    assert encode(device).user_properties == (("schema", "fer-edge/info/1"), ("device", "fer-1a2b3c4d"))
    assert encode(aggregate(device, "5eed0001", 7, summary(), CLOCK)).user_properties == (
        ("schema", "fer-edge/aggregate/1"),
        ("device", "fer-1a2b3c4d"),
    )


def test_a_word_and_the_discovery_of_home_assistant_have_no_user_properties(device: Device) -> None:
    assert encode(Availability(device.id, online=True)).user_properties == ()
    assert discovery(device).user_properties == ()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_never_sent(
    device: Device, summary: Callable[..., WindowSummary], value: float
) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        encode(aggregate(device, "5eed0001", 1, summary(mean_at_once=value), CLOCK))


def test_fields_and_words_of_a_newer_version_do_not_hide_a_message(
    window: Window, device: Device, health: Health
) -> None:
    newer = window(light={"kind": "dim"}, suppressed="shyness", emotions=None)
    message = encode(status(device, health, CLOCK))
    body = json.loads(message.payload)
    body["problems"] = [{"code": "lens_covered", "sentence": "The lens is covered.", "since_s": 7}]

    aggregated, told = decode(newer.topic, newer.payload), decode(message.topic, json.dumps(body).encode())

    assert isinstance(aggregated, Aggregate)
    assert aggregated.suppressed == "shyness"
    assert isinstance(told, Status)
    assert [problem.sentence for problem in told.problems] == ["The lens is covered."]


def test_a_window_of_an_older_version_is_understood_without_the_fields_that_came_later(window: Window) -> None:
    message = window()
    body = json.loads(message.payload)
    for later in ("basis", "gathering"):
        del body[later]
    for later in ("visits", "still", "unread"):
        del body["faces"][later]

    record = decode(message.topic, json.dumps(body).encode())

    assert isinstance(record, Aggregate)
    assert (record.basis, record.gathering, record.faces.visits) == (None, None, None)
    assert (record.faces.still, record.faces.unread) == (0, Unread())


def test_labels_are_those_of_the_device(window: Window) -> None:
    message = window(emotions={"bored": 0.25, "attentive": 0.75}, dominant="attentive")

    record = decode(message.topic, message.payload)

    assert isinstance(record, Aggregate)
    assert record.emotions == {"bored": 0.25, "attentive": 0.75}


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("fer/v1/x/y/z/aggregate", b"{}"),
        ("fer/v2/fer-1a2b3c4d/cam0/aggregate", b"{}"),
        ("fer/v1/fer-1a2b3c4d/aggregate", b"{}"),
        ("fer/v1/fer-1a2b3c4d/cam0/status", b"{}"),
        ("fer/v1/fer-1a2b3c4d/weather", b"{}"),
        ("fer/v1/fer-\x1b[2J/cam0/aggregate", b"{}"),
        ("fer/v1/fer-1a2b3c4d/cam0/aggregate", b""),
        ("fer/v1/fer-1a2b3c4d/cam0/aggregate", b"\xff\xfe"),
        ("fer/v1/fer-1a2b3c4d/cam0/aggregate", b"[]"),
        ("fer/v1/fer-1a2b3c4d/cam0/aggregate", b'{"seq": "x"}'),
        ("fer/v1/fer-1a2b3c4d/info", b"null"),
        ("fer/v1/fer-1a2b3c4d/status", b"[" * 50_000),
        ("fer/v1/fer-1a2b3c4d/status", b'{"state":' + b"[" * 50_000),
        ("fer/v1/fer-1a2b3c4d/availability", b""),
        ("fer/v1/fer-1a2b3c4d/availability", b"online "),
    ],
)
def test_what_is_not_of_the_contract_is_refused(topic: str, payload: bytes) -> None:
    with pytest.raises(MessageError):
        decode(topic, payload)


@pytest.mark.parametrize(
    "wrong",
    [
        '"seq": 1' + "0" * 400,
        '"seq": -1',
        '"seq": 1.5',
        '"emotions": {"angry": NaN, "happy": 0}',
        '"emotions": {"angry": 1e9, "happy": 0}',
        '"emotions": {"\\u001b[2J": 1, "happy": 0}',
        '"faces": {"people": Infinity, "max_at_once": 1, "mean_at_once": 1}',
        '"faces": {"people": 1e300, "max_at_once": 1, "mean_at_once": 1}',
        '"window": {"start": null, "end": "2026-02-31T00:00:00.000Z", "duration_s": 60, "clock": "synced"}',
        '"window": {"start": null, "end": "2026-02-28T00:00:00.000", "duration_s": 60, "clock": "synced"}',
        '"window": {"start": null, "end": null, "duration_s": -1, "clock": "synced"}',
        '"id": "fer-1a2b3c4d-1"',
        '"schema": "fer-edge/aggregate/2"',
        '"suppressed": "' + "x" * 100 + '"',
    ],
    ids=lambda text: text[:60],
)
def test_a_window_with_a_value_that_cannot_be_is_refused(window: Window, wrong: str) -> None:
    message = window()

    with pytest.raises(MessageError):
        decode(message.topic, message.payload[:-1] + f", {wrong}}}".encode())


@pytest.mark.parametrize(
    "claim",
    [
        {"device": "fer-b"},
        {"source": "cam1"},
        {"id": "fer-b-000000000012"},
        {"id": "fer-1a2b3c4d-room-000000000012"},
        {"id": "fer-1a2b3c4d-000000000013"},
    ],
    ids=["device", "source", "id", "id of a longer name", "id of another window"],
)
def test_a_window_that_claims_to_be_of_another_topic_is_refused(window: Window, claim: dict[str, str]) -> None:
    message = window(**claim)

    with pytest.raises(MessageError, match="another device"):
        decode(message.topic, message.payload)


def test_a_description_that_claims_another_device_is_refused(device: Device) -> None:
    stranger = encode(replace(device, id="fer-stranger"))

    with pytest.raises(MessageError, match="another device"):
        decode("fer/v1/fer-1a2b3c4d/info", stranger.payload)


def test_a_long_payload_is_refused_unread(window: Window) -> None:
    message = window()

    with pytest.raises(MessageError, match="payload of 70000 bytes"):
        decode(message.topic, message.payload.ljust(70_000))


def test_a_live_reading_of_another_source_is_refused(device: Device) -> None:
    message = encode(live(replace(device, source="cam1"), RoomReading(0, None, None), CLOCK))

    assert isinstance(decode(message.topic, message.payload), Live)
    with pytest.raises(MessageError, match="another device or source"):
        decode(device.topic("cam0/live"), message.payload)
