"""What ``watch`` remembers of the messages it receives."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from edge.commands.watch_registry import DeviceRegistry, Window
from edge.labels import EMOTIONS
from edge.mqtt.compose import aggregate, live, status
from edge.mqtt.messages import Availability, Context, Device
from edge.mqtt.wallclock import WallClock
from edge.records import Basis, Health, Paused, Problem, RoomReading, Suppression
from tests.edge.commands.conftest import only_room, receive
from tests.edge.conftest import Summary

CLOCK, EPOCH = WallClock(), "0a1b2c3d"


@pytest.fixture
def hot(health: Health) -> Health:
    """The health of a device that is too hot, and says so with a sequence that clears a terminal."""
    return dataclasses.replace(
        health, state="degraded", problems=(Problem("throttled", "The processor is \x1b[2Jtoo hot."),)
    )


def only_window(registry: DeviceRegistry) -> Window:
    window = only_room(registry).window
    assert window is not None
    return window


def test_every_message_of_a_device_ends_up_in_its_room(
    registry: DeviceRegistry, device: Device, summary: Summary, hot: Health
) -> None:
    room_reading = RoomReading(people=2, emotions=summary().emotions, suppressed=None)

    receive(
        registry,
        Availability(device.id, online=True),
        status(device, hot, CLOCK),
        device,
        live(device, room_reading, CLOCK),
        aggregate(device, "5eed0001", 12, summary(), CLOCK),
    )

    room, mood = only_room(registry), only_window(registry).mood
    assert (room.device, room.source, room.device_state.online) == ("fer-1a2b3c4d", "cam0", True)
    assert room.device_state.state == "degraded"
    assert room.live is not None
    assert (room.live.people, mood.dominant) == (2, "neutral")
    assert mood.emotions is not None
    assert mood.emotions["happy"] == 0.3


def test_nothing_from_the_network_moves_the_cursor(registry: DeviceRegistry, device: Device, hot: Health) -> None:
    receive(registry, device, status(device, hot, CLOCK))

    assert only_room(registry).device_state.problems == ("The processor is [2Jtoo hot.",)


def test_a_window_received_twice_is_news_once(registry: DeviceRegistry, device: Device, summary: Summary) -> None:
    window = aggregate(device, "5eed0001", 12, summary(), CLOCK)

    first, second = receive(registry, window, window)

    assert first is not None
    assert second is None


def test_a_replayed_window_is_news_but_does_not_replace_a_newer_one(
    registry: DeviceRegistry, device: Device, summary: Summary
) -> None:
    newer, older = (
        aggregate(device, "5eed0001", 12, summary(), CLOCK),
        aggregate(device, "5eed0001", 7, summary(people=1), CLOCK),
    )

    news = receive(registry, newer, older.replayed())

    assert [window.seq for _, window in filter(None, news)] == [12, 7]
    assert only_window(registry).seq == 12


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (None, None),
        ("too_few_people", "emotions withheld: too few people for privacy"),
        ("counts_only", "emotions withheld: this device only counts"),
        ("context", "emotions withheld: not allowed in this kind of place"),
    ],
)
def test_an_empty_window_and_a_withheld_one_are_told_apart(
    registry: DeviceRegistry, device: Device, summary: Summary, reason: Suppression | None, sentence: str | None
) -> None:
    withheld = summary(people=0, emotions=None, uncertain=None, suppressed=reason)

    receive(registry, aggregate(device, "5eed0001", 1, withheld, CLOCK))

    assert only_window(registry).mood.withheld == sentence


def test_visits_that_gather_are_counted(registry: DeviceRegistry, device: Device, summary: Summary) -> None:
    gathering = summary(emotions=None, uncertain=None, suppressed="gathering", visits=1, gathered=2)

    receive(registry, aggregate(device, "5eed0001", 1, gathering, CLOCK))

    assert only_window(registry).mood.withheld == "emotions withheld: 2 of 3 visits have ended"


@pytest.mark.parametrize(
    ("kind", "words"), [("room", "of at least 3 together"), ("visits", "of 3 visits"), ("crowd", "crowd")]
)
def test_a_mood_tells_whose_it_is(
    registry: DeviceRegistry, device: Device, summary: Summary, kind: Any, words: str
) -> None:
    window = aggregate(device, "5eed0001", 1, summary(basis=Basis(kind, 3, 100.0, 160.0)), CLOCK)

    receive(registry, window)

    assert only_window(registry).mood.basis == words


def test_a_reason_of_a_newer_device_is_shown_as_it_is(
    registry: DeviceRegistry, device: Device, summary: Summary
) -> None:
    window = aggregate(device, "5eed0001", 1, summary(emotions=None, uncertain=None), CLOCK)

    receive(registry, replace(window, suppressed="shyness"))

    assert only_window(registry).mood.withheld == "emotions withheld: shyness"


@pytest.mark.parametrize("payload", [b"", b"{}", b"\xff", b"[" * 50_000])
def test_what_is_not_of_the_contract_is_ignored(registry: DeviceRegistry, payload: bytes) -> None:
    for topic in ("fer/v1/fer-1a2b3c4d/cam0/aggregate", "fer/v1/fer-1a2b3c4d/info", "fer/v1/x", ""):
        assert registry.receive(topic, payload, 0.0) is None

    assert registry.rooms == {}


@pytest.mark.row(31, "strangers invent devices and cameras, to watch")
def test_strangers_cannot_fill_the_memory(registry: DeviceRegistry, device: Device, summary: Summary) -> None:
    for number in range(3000):
        receive(registry, aggregate(replace(device, id=f"fer-{number}"), "5eed0001", 1, summary(), CLOCK))

    assert len(registry.rooms) == 1000


def test_one_device_cannot_take_the_rooms_of_the_others(
    registry: DeviceRegistry, device: Device, summary: Summary
) -> None:
    for number in range(2000):
        receive(registry, aggregate(replace(device, source=f"cam{number}"), EPOCH, number + 1, summary(), CLOCK))
    (news,) = receive(registry, aggregate(replace(device, id="fer-other"), EPOCH, 1, summary(), CLOCK))

    assert news is not None
    assert len(registry.rooms) == 17


@pytest.mark.row(31, "a device publishes ids of another, to watch")
def test_one_device_cannot_make_another_ones_windows_old_news(
    registry: DeviceRegistry, device: Device, summary: Summary
) -> None:
    victim = aggregate(device, EPOCH, 12, summary(), CLOCK)
    stranger = replace(device, id="fer-stranger")
    forged = replace(victim, device=stranger.id)

    assert receive(registry, forged) == [None]
    assert receive(registry, victim) != [None]
    for seq in range(1, 4000):
        receive(registry, aggregate(stranger, EPOCH, seq, summary(), CLOCK))

    assert receive(registry, victim) == [None], "a flood of ids must not push out those of another device"


def test_with_many_rooms_each_keeps_fewer_windows(registry: DeviceRegistry, device: Device, summary: Summary) -> None:
    for number in range(1000):
        receive(registry, aggregate(replace(device, id=f"fer-{number}"), EPOCH, 1, summary(), CLOCK))

    for seq in range(2, 500):
        receive(registry, aggregate(replace(device, id="fer-7"), EPOCH, seq, summary(), CLOCK))

    assert len(registry.rooms["fer-7", "cam0"].history._windows) == 200


def test_no_more_problems_are_kept_than_a_screen_can_show(
    registry: DeviceRegistry, device: Device, hot: Health
) -> None:
    told = status(device, hot, CLOCK)
    long = replace(told.problems[0], sentence="long " * 100)

    receive(registry, device, replace(told, problems=(long,) * 50))

    problems = only_room(registry).device_state.problems
    assert len(problems) == 20
    assert {len(problem) for problem in problems} == {300}


def test_shares_are_kept_in_the_order_of_the_labels_and_others_follow(
    registry: DeviceRegistry, device: Device, summary: Summary
) -> None:
    window = aggregate(device, "5eed0001", 1, summary(), CLOCK)
    assert window.emotions is not None

    receive(registry, replace(window, emotions={"bored": 0.0, **dict(reversed(window.emotions.items()))}))

    emotions = only_window(registry).mood.emotions
    assert emotions is not None
    assert tuple(emotions) == (*EMOTIONS, "bored")


def test_a_room_is_named_after_where_it_is_and_else_after_its_address(registry: DeviceRegistry, device: Device) -> None:
    known, unknown = replace(device, context=Context("Museum", "Foyer")), replace(device, id="fer-2", context=Context())

    receive(registry, known, unknown)

    assert [room.name for room in registry.rooms.values()] == ["Foyer", "fer-2/cam0"]


@pytest.mark.parametrize(
    ("retained", "online", "now_s", "state"),
    [
        (False, True, 50.0, "degraded"),
        (False, True, 229.0, "degraded"),
        (False, True, 231.0, "silent"),
        (True, True, 1e6, "degraded"),
        (False, False, 50.0, "offline"),
        (False, False, 1e6, "offline"),
    ],
)
def test_a_device_is_silent_when_nothing_came_for_three_windows(
    registry: DeviceRegistry, device: Device, hot: Health, retained: bool, online: bool, now_s: float, state: str
) -> None:
    receive(registry, device, status(device, hot, CLOCK), Availability(device.id, online), retained=retained)

    room = only_room(registry)

    assert room.state(now_s) == state
    assert room.away(now_s) == (state in ("offline", "silent"))


def test_a_paused_device_says_why_and_is_not_silent_though_no_window_comes(
    registry: DeviceRegistry, device: Device, summary: Summary, health: Health
) -> None:
    paused = dataclasses.replace(health, state="paused", paused=Paused("quiet_hours", None))

    receive(registry, device, aggregate(device, "5eed0001", 12, summary(start_s=100.0, end_s=101.0), CLOCK))
    receive(registry, status(device, paused, CLOCK), now_s=60.0)

    assert only_room(registry).state(60.0) == "paused by quiet_hours"
    assert only_room(registry).state(60.0 + 170.0) == "paused by quiet_hours"
    assert only_room(registry).state(60.0 + 190.0) == "silent"
