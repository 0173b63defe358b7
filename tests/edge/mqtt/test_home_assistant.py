"""What Home Assistant would make of our discovery: its schema, its templates and its rules of expiry."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from msgspec.structs import replace

from edge.labels import EMOTIONS
from edge.mqtt.codec import encode
from edge.mqtt.compose import aggregate
from edge.mqtt.home_assistant import announce, discovery, discovery_in_parts
from edge.mqtt.messages import Context, Device, Privacy
from edge.mqtt.wallclock import WallClock
from edge.records import EmotionScores
from tests.support.home_assistant_entity import ExpiringEntity, described

ACCEPTED = Draft202012Validator(
    json.loads((Path(__file__).parent / "home_assistant_discovery.json").read_text("utf-8")),
    format_checker=Draft202012Validator.FORMAT_CHECKER,
)
CLOCK = WallClock()
WITHHELD = {"emotions": None, "uncertain": None}


@pytest.mark.parametrize(
    "changes", [{}, {"commands": ("pause",)}, {"context": Context("museum", "Foyer")}, {"id": "a-" * 16}]
)
def test_home_assistant_accepts_the_description(device: Device, changes: dict[str, Any]) -> None:
    message = discovery(replace(device, **changes))

    ACCEPTED.validate(json.loads(message.payload))
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", message.topic)
    assert (message.retain, message.qos, message.expiry_s) == (True, 1, None)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.pop("origin"),
        lambda body: body["origin"].pop("name"),
        lambda body: body["device"].update(identifiers=[]),
        lambda body: body["device"].update(room="Foyer"),
        lambda body: body.update(retain=True),
        lambda body: body["components"]["people"].pop("unique_id"),
        lambda body: body["components"]["people"].pop("platform"),
        lambda body: body["components"]["people"].update(object_id="people"),
        lambda body: body["components"]["people"].update(default_entity_id="people"),
        lambda body: body["components"]["people"].update(state_topic="fer/v1/+/cam0/aggregate"),
        lambda body: body["components"]["dominant"].update(state_class="measurement"),
        lambda body: body["components"]["cpu_temperature"].pop("unit_of_measurement"),
        lambda body: body["components"]["pause"].pop("command_topic"),
        lambda body: body["components"]["pause"].update(command_topic="fer/v1/+/command/pause"),
    ],
)
def test_the_schema_of_home_assistant_refuses_what_it_would(device: Device, spoil: Any) -> None:
    body = described(replace(device, commands=("pause",)))

    spoil(body)

    with pytest.raises(ValidationError):
        ACCEPTED.validate(body)


def test_one_message_describes_the_whole_device(device: Device) -> None:
    body = described(replace(device, context=Context(room="Foyer")))

    assert (body["device"]["identifiers"], body["device"]["suggested_area"]) == (["fer-1a2b3c4d"], "Foyer")
    assert body["availability"] == [{"topic": "fer/v1/fer-1a2b3c4d/availability"}]
    assert (body["device"]["name"], body["device"]["serial_number"]) == ("Foyer", "fer-1a2b3c4d")
    assert set(body["components"]) == {
        *("people_now", "occupancy"),
        *("people", "dominant", "basis", "uncertain", "still", *EMOTIONS),
        *("problem", "state", "fps", "cpu_temperature", "outbox"),
    }


def test_a_device_without_a_room_is_called_by_its_id_and_its_page_is_linked(device: Device) -> None:
    page = "https://wall.example/#fer-1a2b3c4d"
    about = described(replace(device, context=Context(page=page)))["device"]

    assert (about["name"], about["configuration_url"]) == ("fer-1a2b3c4d", page)


COUNTS_ONLY = Privacy(3, counts_only=True, mode="room")


@pytest.mark.parametrize(
    ("changes", "thermometer", "gone"),
    [
        ({"privacy": COUNTS_ONLY}, True, {"dominant", "basis", "uncertain", *EMOTIONS}),
        ({}, False, {"cpu_temperature"}),
    ],
)
def test_what_a_device_can_never_have_is_no_entity(
    device: Device, changes: dict[str, Any], thermometer: bool, gone: set[str]
) -> None:
    components = described(device)["components"]

    changed = discovery(replace(device, **changes), thermometer=thermometer)

    assert components.keys() - json.loads(changed.payload)["components"].keys() == gone


ODD = ("gut gelaunt", "Müde", "mude", "1", "people", "don't know", "困惑", "退屈", "items", "happy")


def test_every_label_has_an_entity_with_a_key_of_its_own(device: Device) -> None:
    body = described(replace(device, labels=ODD))

    ACCEPTED.validate(body)
    shares = {
        key: value["name"]
        for key, value in body["components"].items()
        if value.get("unit_of_measurement") == "%" and key != "uncertain"
    }
    assert shares == {
        "share_gut_gelaunt": "Gut gelaunt",
        "share_mude": "Müde",
        "share_mude_3": "Mude",
        "share_1": "1",
        "share_people": "People",
        "share_don_t_know": "Don't know",
        "share_7": "困惑",
        "share_8": "退屈",
        "share_items": "Items",
        "happy": "Happy",
    }
    assert body["components"]["dominant"]["options"] == [label[:1].upper() + label[1:] for label in ODD]
    assert all(re.fullmatch("[a-z0-9_]+", component["unique_id"]) for component in body["components"].values())


def test_an_entity_shows_the_share_of_its_label_and_nothing_where_a_window_lacks_it(
    device: Device, summary: Any
) -> None:
    odd = replace(device, labels=ODD)
    scores = EmotionScores((0.4, 0.2, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0, 0), ODD)
    window = encode(aggregate(odd, "5eed0001", 1, summary(emotions=scores), CLOCK)).payload
    before = encode(aggregate(device, "5eed0001", 2, summary(), CLOCK)).payload

    for key, shown in {
        "share_gut_gelaunt": "40.0",
        "share_mude": "20.0",
        "share_7": "5.0",
        "share_items": "0.0",
    }.items():
        entity = ExpiringEntity(odd, key)
        assert entity.hear(window) == shown
        assert entity.hear(before) == "unknown"
    assert ExpiringEntity(odd, "dominant").hear(window) == "Gut gelaunt"


def test_entities_of_other_labels_are_removed(device: Device) -> None:
    topic, other = discovery(device).topic, replace(device, labels=("confused", "bored", "attentive"))

    (message,) = announce(other, {topic: discovery(device).payload}, lambda _: True)

    gone = {key: value for key, value in json.loads(message.payload)["components"].items() if len(value) == 1}
    assert gone == {emotion: {"platform": "sensor"} for emotion in EMOTIONS}
    assert announce(other, {topic: message.payload}, lambda _: True) == [discovery(other)]


def test_entities_of_other_labels_are_removed_where_each_has_a_message(device: Device) -> None:
    other = replace(device, labels=("confused", "bored", "attentive"))
    kept = {message.topic: message.payload for message in discovery_in_parts(device)}

    messages = announce(other, kept, lambda message: len(message.payload) < 2000)

    cleared = [message.topic for message in messages if not message.payload]
    assert cleared == sorted(f"homeassistant/sensor/fer-1a2b3c4d/{emotion}/config" for emotion in EMOTIONS)
    assert messages[len(cleared) :] == list(discovery_in_parts(other))


@pytest.mark.parametrize(
    "kept", [b"", b"{", b"[1]", b'{"components": {"people": 1}}', b'{"components": {"a": {"b": 1}}}']
)
def test_what_somebody_else_keeps_on_the_topic_of_discovery_changes_nothing(device: Device, kept: bytes) -> None:
    assert announce(device, {discovery(device).topic: kept}, lambda _: True) == [discovery(device)]


def test_an_unchanged_device_is_described_by_the_same_bytes(device: Device) -> None:
    # Home Assistant ignores an unchanged description; a changed one lets every entity expire.
    assert discovery(device) == discovery(replace(device))


def test_every_entity_has_its_own_id_and_a_topic_of_this_device(device: Device) -> None:
    components = described(device)["components"].values()

    assert len({component["unique_id"] for component in components}) == len(components)
    assert len({component["default_entity_id"] for component in components}) == len(components)
    assert all(component["state_topic"].startswith("fer/v1/fer-1a2b3c4d/") for component in components)
