import json
from dataclasses import replace

import pytest

from edge.commands.watch_rooms import House
from edge.labels import EMOTIONS
from edge.mqtt.messages import aggregate, availability, historical, info, live, status
from edge.mqtt.wallclock import WallClock
from edge.records import (
    CameraHealth,
    DeliveryHealth,
    Health,
    HostHealth,
    InferenceHealth,
    Problem,
    RoomReading,
)

CLOCK = WallClock()
HEALTH = Health(
    state="degraded",
    problems=(Problem("throttled", "The processor is \x1b[2Jtoo hot."),),
    camera=CameraHealth("csi", 10.0, 0.1, 0, 0),
    inference=InferenceHealth("cpu", None, None),
    mqtt=DeliveryHealth(0, None, 0, 0, None),
    host=HostHealth(None, None, None, None),
    uptime_s=1.0,
    version="0.1.0",
)


def told(house, *messages):
    return [house.take(message.topic, message.payload, 50.0) for message in messages]


def test_every_message_of_a_device_ends_up_in_its_room(device, summary):
    house = House()

    told(
        house,
        availability(device, online=True),
        status(device, HEALTH, CLOCK),
        info(device),
        live(device, RoomReading(people=2, emotions=summary().emotions, suppressed=None), CLOCK),
        aggregate(device, 12, summary(), CLOCK),
    )

    (room,) = house.rooms.values()
    assert (room.device, room.source, room.appliance.online) == ("fer-1a2b3c4d", "cam0", True)
    assert (room.appliance.state, room.now.people, room.window.mood.dominant) == ("degraded", 2, "neutral")
    assert room.window.mood.emotions["happy"] == 0.3


def test_nothing_from_the_network_moves_the_cursor(device):
    house = House()

    told(house, info(device), status(device, HEALTH, CLOCK))

    (room,) = house.rooms.values()
    assert room.appliance.problems == ("The processor is [2Jtoo hot.",)


def test_a_window_heard_twice_is_news_once(device, summary):
    message = aggregate(device, 12, summary(), CLOCK)

    first, second = told(House(), message, message)

    assert first is not None
    assert second is None


def test_a_replayed_window_is_news_but_does_not_replace_a_newer_one(device, summary):
    house = House()

    news = told(
        house,
        aggregate(device, 12, summary(), CLOCK),
        historical(aggregate(device, 7, summary(people=1), CLOCK)),
    )

    assert [window.seq for _, window in news] == [12, 7]
    assert house.rooms["fer-1a2b3c4d", "cam0"].window.seq == 12


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [(None, None), ("too_few_people", "too few people"), ("counts_only", "only counts")],
)
def test_an_empty_window_and_a_withheld_one_are_told_apart(device, summary, reason, sentence):
    house = House()

    told(house, aggregate(device, 1, summary(people=0, emotions=None, uncertain=None, suppressed=reason), CLOCK))

    withheld = house.rooms["fer-1a2b3c4d", "cam0"].window.mood.withheld
    assert (withheld is None) if sentence is None else (sentence in withheld)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("fer/v1/x/y/z/aggregate", b"{}"),
        ("fer/v2/fer-1a2b3c4d/cam0/aggregate", b"{}"),
        ("fer/v1/fer-\x1b[2J/cam0/aggregate", b"{}"),
        ("fer/v1/fer-1a2b3c4d/cam0/aggregate", b""),
        ("fer/v1/fer-1a2b3c4d/cam0/aggregate", b"\xff\xfe"),
        ("fer/v1/fer-1a2b3c4d/cam0/aggregate", b"[]"),
        ("fer/v1/fer-1a2b3c4d/cam0/aggregate", b'{"seq": "x"}'),
        ("fer/v1/fer-1a2b3c4d/cam0/live", b'{"people": 1, "emotions": {"angry": 1}, "suppressed": null}'),
        ("fer/v1/fer-1a2b3c4d/status", b'{"state": "running", "problems": 7}'),
        ("fer/v1/fer-1a2b3c4d/info", b"null"),
        ("fer/v1/fer-1a2b3c4d/info", b'{"source": {"id": "\\u001b[2J"}}'),
        ("fer/v1/fer-1a2b3c4d/status", b"[" * 50_000),
        ("fer/v1/fer-1a2b3c4d/status", b'{"state": "running", "problems": []}'.ljust(70_000)),
    ],
)
def test_what_is_not_of_the_contract_is_ignored(topic, payload):
    house = House()

    assert house.take(topic, payload, 0.0) is None
    assert house.rooms == {}


@pytest.mark.parametrize(
    "wrong",
    [
        '"seq": 1' + "0" * 400,
        '"seq": -1',
        '"emotions": {"angry": NaN, "disgust": 0, "fear": 0, "happy": 0, "sad": 0, "surprise": 0, "neutral": 0}',
        '"emotions": {"angry": 1e9, "disgust": 0, "fear": 0, "happy": 0, "sad": 0, "surprise": 0, "neutral": 0}',
        '"faces": {"people": Infinity, "max_at_once": 1}',
        '"id": "' + "x" * 60_000 + '"',
    ],
    ids=lambda text: text[:24],
)
def test_a_window_with_a_figure_that_cannot_be_is_ignored(device, summary, wrong):
    house = House()
    whole = aggregate(device, 1, summary(), CLOCK)

    assert house.take(whole.topic, whole.payload[:-1] + f", {wrong}}}".encode(), 0.0) is None
    assert house.take(whole.topic, whole.payload.decode().encode("utf-16"), 0.0) is None
    assert house.rooms == {}
    assert house.take(whole.topic, whole.payload, 0.0) is not None


def test_strangers_cannot_fill_the_memory(device, summary):
    house = House()

    for number in range(3000):
        stranger = replace(device, id=f"fer-{number}")
        told(house, aggregate(stranger, 1, summary(), CLOCK))
        told(house, aggregate(replace(device, source=f"cam{number}"), 1, summary(), CLOCK))

    assert len(house.rooms) == 1000


def test_of_a_problem_no_more_is_kept_than_a_screen_can_show(device):
    house = House()
    endless = [{"code": "x", "sentence": "long " * 100}] * 50

    house.take(device.topic("status"), json.dumps({"state": "running", "problems": endless}).encode(), 0.0)
    told(house, info(device))

    problems = house.rooms["fer-1a2b3c4d", "cam0"].appliance.problems
    assert len(problems) == 20
    assert {len(problem) for problem in problems} == {300}


def test_shares_are_kept_in_the_order_of_the_contract(device, summary):
    house = House()
    body = json.loads(aggregate(device, 1, summary(), CLOCK).payload)
    body["emotions"] = dict(reversed(body["emotions"].items()))

    house.take("fer/v1/fer-1a2b3c4d/cam0/aggregate", json.dumps(body).encode(), 0.0)

    assert tuple(house.rooms["fer-1a2b3c4d", "cam0"].window.mood.emotions) == EMOTIONS


def at(summary, end_s):
    return summary(start_s=end_s - 60, end_s=end_s)


def test_the_hour_holds_fresh_windows_when_they_came_and_replayed_ones_when_they_were(device, summary):
    house = House()
    clock = WallClock(wall=lambda: 1.8e9, monotonic=lambda: 4000.0)

    for message, now_s in (
        (aggregate(device, 3, at(summary, 3990.0), clock), 3990.0),
        (historical(aggregate(device, 1, at(summary, 2190.0), clock)), 3995.0),
        (historical(aggregate(device, 2, at(summary, 90.0), clock)), 3995.0),
    ):
        house.take(message.topic, message.payload, now_s)

    (room,) = house.rooms.values()
    assert [window and window.seq for window in room.hour.spaces(4, 3990.0)] == [None, 1, None, 3]


def test_a_replayed_window_without_a_clock_has_no_place_in_the_hour(device, summary):
    house = House()
    clock = WallClock(wall=lambda: 1.8e9, monotonic=lambda: 4000.0, is_set=lambda _now_s: False)

    told(house, aggregate(device, 3, summary(), clock), historical(aggregate(device, 1, summary(), clock)))

    (room,) = house.rooms.values()
    assert {window.seq for window in room.hour.spaces(60, 50.0) if window} == {3}


def test_a_room_has_the_name_of_its_place_and_else_its_address(device):
    house = House()

    told(
        house,
        info(replace(device, context={"site": "Museum", "room": "Foyer"})),
        info(replace(device, id="fer-2", context={})),
    )

    assert [room.name for room in house.rooms.values()] == ["Foyer", "fer-2/cam0"]


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
def test_a_device_is_silent_when_nothing_came_for_three_windows(device, retained, online, now_s, state):
    house = House()

    for message in (info(device), status(device, HEALTH, CLOCK), availability(device, online=online)):
        house.take(message.topic, message.payload, 50.0, retained=retained)

    (room,) = house.rooms.values()
    assert room.state(now_s) == state
    assert room.away(now_s) == (state in ("offline", "silent"))
