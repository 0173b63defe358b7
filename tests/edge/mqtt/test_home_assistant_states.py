"""What the entities of Home Assistant show of windows, health and pauses."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from edge.mqtt.codec import decode_pause, encode
from edge.mqtt.compose import aggregate, live, status
from edge.mqtt.home_assistant import LIVE_EXPIRES_S
from edge.mqtt.messages import Device, PauseCommand, Privacy
from edge.mqtt.wallclock import WallClock
from edge.records import Health, Paused, Problem, RoomReading
from tests.support.home_assistant_entity import TEMPLATES, ExpiringEntity, described, health

CLOCK = WallClock()
WITHHELD = {"emotions": None, "uncertain": None}


def test_occupancy_and_people_now_follow_the_live_messages(device: Device) -> None:
    occupancy, people = ExpiringEntity(device, "occupancy"), ExpiringEntity(device, "people_now")
    somebody = encode(live(device, RoomReading(2, None, "windows_only"), CLOCK))
    nobody = encode(live(device, RoomReading(0, None, None), CLOCK))

    assert occupancy.config["state_topic"] == people.config["state_topic"] == somebody.topic
    assert [(occupancy.hear(m.payload), people.hear(m.payload)) for m in (somebody, nobody)] == [
        ("ON", "2"),
        ("OFF", "0"),
    ]


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
