import json

import pytest

from edge.contract import EMOTIONS
from edge.house import House
from edge.message import aggregate, availability, historical, info, live, status
from edge.records import (
    CameraHealth,
    DeliveryHealth,
    Health,
    HostHealth,
    InferenceHealth,
    Problem,
    RoomReading,
)
from edge.wallclock import WallClock

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
    ],
)
def test_what_is_not_of_the_contract_is_ignored(topic, payload):
    house = House()

    assert house.take(topic, payload, 0.0) is None
    assert house.rooms == {}


def test_shares_are_kept_in_the_order_of_the_contract(device, summary):
    house = House()
    body = json.loads(aggregate(device, 1, summary(), CLOCK).payload)
    body["emotions"] = dict(reversed(body["emotions"].items()))

    house.take("fer/v1/fer-1a2b3c4d/cam0/aggregate", json.dumps(body).encode(), 0.0)

    assert tuple(house.rooms["fer-1a2b3c4d", "cam0"].window.mood.emotions) == EMOTIONS
