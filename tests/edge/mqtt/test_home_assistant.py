"""What Home Assistant would make of our discovery: its schema, its templates and its rules of expiry."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jsonschema import Draft202012Validator, ValidationError
from msgspec.structs import replace

from edge.labels import EMOTIONS
from edge.mqtt.codec import decode_pause, encode
from edge.mqtt.compose import aggregate, live, status
from edge.mqtt.home_assistant import LIVE_EXPIRES_S, announce, discovery, discovery_in_parts
from edge.mqtt.messages import Context, Device, PauseCommand, Privacy
from edge.mqtt.wallclock import WallClock
from edge.records import (
    CameraHealth,
    DeliveryHealth,
    EmotionScores,
    Health,
    HostHealth,
    InferenceHealth,
    Paused,
    Problem,
    RoomReading,
)

ACCEPTED = Draft202012Validator(
    json.loads((Path(__file__).parent / "home_assistant_discovery.json").read_text("utf-8")),
    format_checker=Draft202012Validator.FORMAT_CHECKER,
)
CLOCK = WallClock()
TEMPLATES = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
WITHHELD = {"emotions": None, "uncertain": None}


def described(device: Device) -> Any:
    return json.loads(discovery(device).payload)


class ExpiringEntity:
    """Home Assistant's MQTT sensor (``MqttSensor`` in homeassistant/components/mqtt/sensor.py, 2026.9)."""

    def __init__(self, device: Device, name: str) -> None:
        self.config = described(device)["components"][name]
        self.value: str | None = None
        self.expired = "expire_after" in self.config
        self.warnings: list[str] = []

    @property
    def state(self) -> str:
        if self.expired:
            return "unavailable"
        return "unknown" if self.value is None else self.value

    def expire(self) -> None:
        self.expired = "expire_after" in self.config

    def hear(self, payload: bytes) -> str:
        this, self.expired = {"state": self.state}, False
        template = TEMPLATES.from_string(self.config["value_template"])
        rendered = template.render(value_json=json.loads(payload), this=this).strip()
        numeric = "state_class" in self.config
        if rendered == "None":
            self.value = None
        elif "options" in self.config and rendered not in self.config["options"]:
            self.warnings.append(rendered)
        elif rendered or not numeric:
            self.value = rendered
        return self.state


def health(*problems: Problem) -> Health:
    return Health(
        state="degraded" if problems else "running",
        problems=problems,
        camera=CameraHealth("csi", 9.8, 0.1, 0, 0, 0),
        inference=InferenceHealth("cpu", None, None),
        mqtt=DeliveryHealth(3, 12.0, 0, 0, 0, "5eed0001", 0, None),
        host=HostHealth(None, None, None, None),
        uptime_s=1.0,
        version="0.1.0",
    )


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


def test_occupancy_and_people_now_follow_the_live_messages(device: Device) -> None:
    occupancy, people = ExpiringEntity(device, "occupancy"), ExpiringEntity(device, "people_now")
    somebody = encode(live(device, RoomReading(2, None, "windows_only"), CLOCK))
    nobody = encode(live(device, RoomReading(0, None, None), CLOCK))

    assert occupancy.config["state_topic"] == people.config["state_topic"] == somebody.topic
    assert [(occupancy.hear(m.payload), people.hear(m.payload)) for m in (somebody, nobody)] == [
        ("ON", "2"),
        ("OFF", "0"),
    ]


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


def test_the_basis_of_a_mood_or_the_reason_for_none_is_an_entity(device: Device, summary: Any) -> None:
    basis = ExpiringEntity(device, "basis")

    assert basis.hear(encode(aggregate(device, "5eed0001", 1, summary(), CLOCK)).payload) == "People in view together"
    few = summary(**WITHHELD, suppressed="too_few_people")
    assert basis.hear(encode(aggregate(device, "5eed0001", 2, few, CLOCK)).payload) == "Too few people"
    nobody = summary(**WITHHELD, people=0)
    assert basis.hear(encode(aggregate(device, "5eed0001", 3, nobody, CLOCK)).payload) == "Nobody in view"
    blind = summary(**WITHHELD, people=0, captured=0, analysed=0)
    assert basis.hear(encode(aggregate(device, "5eed0001", 4, blind, CLOCK)).payload) == "No images"


def test_how_many_people_are_there_is_unknown_while_the_camera_delivers_no_images(device: Device, summary: Any) -> None:
    blind = summary(**WITHHELD, people=0, captured=0, analysed=0)

    shown = ExpiringEntity(device, "people").hear(encode(aggregate(device, "5eed0001", 1, blind, CLOCK)).payload)

    assert shown == "unknown"


def test_a_kiosk_keeps_the_mood_of_its_last_visits_until_the_next_have_gathered(device: Device, summary: Any) -> None:
    kiosk = replace(device, privacy=Privacy(3, counts_only=False, mode="visits"))
    dominant, visits = ExpiringEntity(kiosk, "dominant"), ExpiringEntity(kiosk, "visits")
    gathering = summary(**WITHHELD, suppressed="gathering", visits=1, gathered=1)

    assert dominant.hear(encode(aggregate(kiosk, "5eed0001", 1, summary(), CLOCK)).payload) == "Neutral"
    message = encode(aggregate(kiosk, "5eed0001", 2, gathering, CLOCK)).payload

    assert (dominant.hear(message), visits.hear(message)) == ("Neutral", "1")


def test_an_unchanged_device_is_described_by_the_same_bytes(device: Device) -> None:
    # Home Assistant ignores an unchanged description; a changed one lets every entity expire.
    assert discovery(device) == discovery(replace(device))


def test_every_entity_has_its_own_id_and_a_topic_of_this_device(device: Device) -> None:
    components = described(device)["components"].values()

    assert len({component["unique_id"] for component in components}) == len(components)
    assert len({component["default_entity_id"] for component in components}) == len(components)
    assert all(component["state_topic"].startswith("fer/v1/fer-1a2b3c4d/") for component in components)


def test_what_expires_is_not_retained_and_what_is_retained_is_a_diagnostic(device: Device, summary: Any) -> None:
    retained = {
        message.topic: message.retain
        for message in (
            encode(status(device, health(), CLOCK)),
            encode(aggregate(device, "5eed0001", 1, summary(), CLOCK)),
            encode(live(device, RoomReading(2, None, "windows_only"), CLOCK)),
        )
    }

    components = described(device)["components"].values()

    assert {
        ("expire_after" in one, retained[one["state_topic"]], one.get("entity_category")) for one in components
    } == {
        (True, False, None),
        (False, True, "diagnostic"),
    }
    assert {one["expire_after"] for one in components if "expire_after" in one} == {
        round(3 * device.window_s) + 10,
        LIVE_EXPIRES_S,
    }


@pytest.mark.parametrize(
    ("name", "changes", "state"),
    [
        ("people", {}, "7"),
        ("happy", {}, "30.0"),
        ("uncertain", {}, "10.0"),
        ("uncertain", {"people": 0, **WITHHELD}, "unknown"),
        ("dominant", {}, "Neutral"),
        ("people", {"people": 2, "suppressed": "too_few_people", **WITHHELD}, "2"),
        ("happy", {"people": 2, "suppressed": "too_few_people", **WITHHELD}, "unknown"),
        ("dominant", {"people": 2, "suppressed": "too_few_people", **WITHHELD}, "unknown"),
        ("people", {"people": 0, **WITHHELD}, "0"),
        ("happy", {"people": 0, **WITHHELD}, "unknown"),
        ("dominant", {"people": 0, **WITHHELD}, "unknown"),
    ],
)
def test_an_entity_shows_the_window(device: Device, summary: Any, name: str, changes: Any, state: str) -> None:
    entity = ExpiringEntity(device, name)

    assert entity.state == "unavailable"
    assert entity.hear(encode(aggregate(device, "5eed0001", 1, summary(**changes), CLOCK)).payload) == state


@pytest.mark.parametrize(("name", "state"), [("people", "7"), ("happy", "30.0"), ("dominant", "Neutral")])
def test_a_replayed_window_moves_nothing_and_revives_no_old_value(
    device: Device, summary: Any, name: str, state: str
) -> None:
    entity = ExpiringEntity(device, name)
    fresh = encode(aggregate(device, "5eed0001", 9, summary(), CLOCK))
    replayed = encode(aggregate(device, "5eed0001", 3, summary(people=1, **WITHHELD), CLOCK).replayed())

    assert entity.hear(fresh.payload) == state
    assert entity.hear(replayed.payload) == state
    entity.expire()
    assert entity.hear(replayed.payload) == "unknown"
    assert entity.hear(replayed.payload) == "unknown"
    assert entity.hear(fresh.payload) == state
    assert entity.warnings == []


@pytest.mark.parametrize(
    ("name", "state"),
    [("problem", "ON"), ("state", "Degraded"), ("fps", "9.8"), ("outbox", "3"), ("cpu_temperature", "unknown")],
)
def test_a_diagnostic_shows_the_health(device: Device, name: str, state: str) -> None:
    hot = health(Problem("throttled", 'It is "hot".'))

    assert ExpiringEntity(device, name).hear(encode(status(device, hot, CLOCK)).payload) == state


def test_the_problem_entity_carries_the_sentences(device: Device) -> None:
    component = described(device)["components"]["problem"]
    message = encode(status(device, health(Problem("throttled", 'It is "hot".')), CLOCK))

    template = TEMPLATES.from_string(component["json_attributes_template"])

    assert component["json_attributes_topic"] == message.topic
    assert json.loads(template.render(value_json=json.loads(message.payload))) == {"problems": ['It is "hot".']}


MORNING = datetime(2026, 11, 26, 6, tzinfo=UTC)


@pytest.fixture
def paused() -> Health:
    """The health of a device that is closed until the morning."""
    return dataclasses.replace(health(), state="paused", paused=Paused("quiet_hours", MORNING))


def test_a_device_that_takes_no_commands_has_no_switch(device: Device) -> None:
    assert "pause" not in described(device)["components"]


def test_the_switch_sends_what_the_device_obeys_and_shows_what_it_answers(device: Device, paused: Health) -> None:
    device = replace(device, commands=("pause",))
    switch = described(device)["components"]["pause"]
    state = TEMPLATES.from_string(switch["value_template"])

    def shown(health: Health) -> str:
        return state.render(value_json=json.loads(encode(status(device, health, CLOCK)).payload))

    assert switch["command_topic"] == "fer/v1/fer-1a2b3c4d/command/pause"
    assert decode_pause(switch["payload_on"].encode(), retained=False) == PauseCommand(paused=True)
    assert decode_pause(switch["payload_off"].encode(), retained=False) == PauseCommand(paused=False)
    assert (shown(paused), shown(health())) == (switch["state_on"], switch["state_off"])
    assert not switch.get("retain"), "the device refuses retained commands"


def test_the_state_entity_says_why_and_until_when_the_device_is_paused(device: Device, paused: Health) -> None:
    component = described(device)["components"]["state"]
    attributes = TEMPLATES.from_string(component["json_attributes_template"])

    def shown(health: Health) -> Any:
        return json.loads(attributes.render(value_json=json.loads(encode(status(device, health, CLOCK)).payload)))

    assert ExpiringEntity(device, "state").hear(encode(status(device, paused, CLOCK)).payload) == "Paused"
    assert shown(paused) == {"paused_by": "quiet_hours", "paused_until": "2026-11-26T06:00:00.000Z"}
    assert shown(health()) == {"paused_by": None, "paused_until": None}
