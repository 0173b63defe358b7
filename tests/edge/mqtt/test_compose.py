"""What the daemon's records become on the wire."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.labels import EMOTIONS
from edge.mqtt.codec import encode
from edge.mqtt.compose import aggregate, live, status
from edge.mqtt.messages import Aggregate, Availability, Device, Live, Model, Status
from edge.mqtt.wallclock import WallClock
from edge.records import (
    CameraHealth,
    DeliveryHealth,
    EmotionScores,
    Health,
    HostHealth,
    InferenceHealth,
    Percentiles,
    Problem,
    RoomReading,
    Suppression,
    Unread,
    WindowSummary,
)

Summary = Callable[..., WindowSummary]

NOON_S = datetime.fromisoformat("2026-11-20T12:00:00+00:00").timestamp()


def clock(*, is_set: bool = True) -> WallClock:
    return WallClock(wall=lambda: NOON_S, monotonic=lambda: 200.0, is_set=lambda _now_s: is_set)


def sent(record: Aggregate | Live | Status | Device) -> dict[str, Any]:
    """The JSON of a record."""
    body = json.loads(encode(record).payload)
    assert isinstance(body, dict)
    return body


def test_an_aggregate_says_exactly_what_the_contract_promises(device: Device, summary: Summary) -> None:
    message = encode(aggregate(device, "5eed0001", 12345, summary(), clock()))

    assert (message.topic, message.qos, message.retain) == ("fer/v1/fer-1a2b3c4d/cam0/aggregate", 1, False)
    assert json.loads(message.payload) == {
        "schema": "fer-edge/aggregate/1",
        "id": "fer-1a2b3c4d-5eed0001-000000012345",
        "seq": 12345,
        "device": "fer-1a2b3c4d",
        "source": "cam0",
        "window": {
            "start": "2026-11-20T11:58:20.000Z",
            "end": "2026-11-20T11:59:20.000Z",
            "duration_s": 60.0,
            "clock": "synced",
        },
        "historical": False,
        "frames": {"captured": 600, "analysed": 580, "dropped": 20},
        "faces": {
            "people": 7,
            "max_at_once": 3,
            "mean_at_once": 1.4,
            "visits": None,
            "still": 0,
            "unread": {"too_small": 0, "blurred": 0, "dark": 0, "turned": 0},
        },
        "emotions": {
            "angry": 0.0,
            "disgust": 0.0,
            "fear": 0.05,
            "happy": 0.3,
            "sad": 0.05,
            "surprise": 0.05,
            "neutral": 0.55,
        },
        "dominant": "neutral",
        "uncertain": 0.1,
        "suppressed": None,
        "model": {"id": "student-0-1408ba4a", "sha256": "ab" * 32, "head": "ferplus", "device": "cpu"},
        "basis": {
            "kind": "room",
            "people": 3,
            "from": "2026-11-20T11:58:21.000Z",
            "to": "2026-11-20T11:59:19.000Z",
        },
        "gathering": None,
    }


def test_visits_on_the_way_to_the_next_mood_are_counted_beside_those_that_are_needed(
    device: Device, summary: Summary
) -> None:
    gathering = summary(emotions=None, uncertain=None, suppressed="gathering", visits=1, gathered=2)

    window = sent(aggregate(device, "5eed0001", 1, gathering, clock()))

    assert (window["suppressed"], window["basis"]) == ("gathering", None)
    assert window["faces"]["visits"] == 1
    assert window["gathering"] == {"visits": 2, "needed": 3}


def test_faces_that_are_not_behind_emotions_are_counted(device: Device, summary: Summary) -> None:
    window = sent(aggregate(device, "5eed0001", 1, summary(still=2, unread=Unread(1, 2, 3, 4)), clock()))

    assert window["faces"]["still"] == 2
    assert window["faces"]["unread"] == {"too_small": 1, "blurred": 2, "dark": 3, "turned": 4}


def test_wall_times_are_null_until_the_clock_is_set(device: Device, summary: Summary) -> None:
    window = sent(aggregate(device, "5eed0001", 1, summary(), clock(is_set=False)))["window"]

    assert window == {"start": None, "end": None, "duration_s": 60.0, "clock": "unsynced"}


@pytest.mark.parametrize("reason", get_args(Suppression))
def test_withheld_emotions_leave_only_their_reason(device: Device, summary: Summary, reason: str) -> None:
    withheld = summary(emotions=None, uncertain=None, suppressed=reason)

    window = aggregate(device, "5eed0001", 1, withheld, clock())

    assert (window.emotions, window.dominant, window.uncertain) == (None, None, None)
    assert window.suppressed == reason


def test_an_empty_room_is_not_suppressed(device: Device, summary: Summary) -> None:
    window = aggregate(device, "5eed0001", 1, summary(people=0, emotions=None, uncertain=None), clock())

    assert (window.emotions, window.suppressed, window.faces.people) == (None, None, 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(lambda weights: sum(weights) > 1e-3))
def test_rounded_emotions_sum_to_one_and_stay_within_a_thousandth(device: Device, weights: list[float]) -> None:
    scores = EmotionScores(tuple(weight / sum(weights) for weight in weights))
    room = RoomReading(people=3, emotions=scores, suppressed=None)

    emotions = sent(live(device, room, clock()))["emotions"]

    assert math.isclose(sum(emotions.values()), 1.0, abs_tol=1e-9)
    assert all(abs(emotions[name] - p) < 1e-3 for name, p in zip(EMOTIONS, scores.probabilities, strict=True))


def test_shares_carry_the_labels_of_the_model(device: Device, summary: Summary) -> None:
    labels = ("bored", "confused", "a", "b", "c", "d", "attentive")

    scores = EmotionScores((0, 0, 0, 0.25, 0, 0, 0.75), labels)

    window = aggregate(replace(device, labels=labels), "5eed0001", 1, summary(emotions=scores), clock())

    assert window.emotions is not None
    assert tuple(window.emotions) == labels
    assert (window.emotions["attentive"], window.dominant) == (0.75, "attentive")


def test_the_longest_aggregate_fits_in_two_kilobytes(device: Device, summary: Summary) -> None:
    longest = replace(device, id="x" * 32, source="y" * 32, model=Model("m" * 64, "ab" * 32, "h" * 16, "edgetpu"))
    seventh = EmotionScores((1 / 7,) * 7)
    crowded = summary(
        start_s=-1e6, captured=10**9, analysed=10**9 - 1, people=10**6, mean_at_once=1234.56789, emotions=seventh
    )

    message = encode(aggregate(longest, "5eed0001", 999_999_999_999, crowded, clock()).replayed())

    assert len(message.payload) <= 2048


def test_a_replayed_window_differs_only_in_the_word_historical(device: Device, summary: Summary) -> None:
    window = aggregate(device, "5eed0001", 7, summary(), clock())

    fresh, replayed = encode(window), encode(window.replayed())

    assert json.loads(replayed.payload) == json.loads(fresh.payload) | {"historical": True}
    assert (replayed.topic, replayed.qos, replayed.user_properties) == (fresh.topic, fresh.qos, fresh.user_properties)


@pytest.mark.parametrize(("online", "payload"), [(True, b"online"), (False, b"offline")])
def test_availability_is_one_retained_word(online: bool, payload: bytes) -> None:
    message = encode(Availability("fer-1a2b3c4d", online))

    assert (message.topic, message.payload) == ("fer/v1/fer-1a2b3c4d/availability", payload)
    assert (message.retain, message.qos, message.content_type) == (True, 1, "text/plain")


def test_live_is_neither_retained_nor_acknowledged(device: Device) -> None:
    room = RoomReading(people=2, emotions=None, suppressed="windows_only")

    message = encode(live(device, room, clock()))

    assert (message.topic, message.qos, message.retain) == ("fer/v1/fer-1a2b3c4d/cam0/live", 0, False)
    assert json.loads(message.payload) == {
        "schema": "fer-edge/live/1",
        "device": "fer-1a2b3c4d",
        "source": "cam0",
        "time": "2026-11-20T12:00:00.000Z",
        "clock": "synced",
        "people": 2,
        "emotions": None,
        "dominant": None,
        "suppressed": "windows_only",
    }


def test_a_reading_taken_while_the_clock_is_being_set_does_not_contradict_itself(device: Device) -> None:
    answers = iter([False, True, True])
    jumping = WallClock(wall=lambda: NOON_S, monotonic=lambda: 200.0, is_set=lambda _now_s: next(answers))

    reading = live(device, RoomReading(people=0, emotions=None, suppressed=None), jumping)

    assert (reading.time, reading.clock) == (None, "unsynced")


def test_status_is_retained_for_three_periods_and_rounded(device: Device) -> None:
    health = Health(
        state="degraded",
        problems=(Problem("throttled", "The processor is too hot."),),
        camera=CameraHealth("csi imx708", 9.987654, 0.0987654, 1, 2, 0),
        inference=InferenceHealth("cpu", Percentiles(31.4159, 55.5), None),
        mqtt=DeliveryHealth(4, 12.3456, 0, 0, 0, "5eed0001", 1, None),
        host=HostHealth(71.23456, True, 101.5, None),
        uptime_s=3600.123456,
        version="0.1.0",
    )

    message = encode(status(device, health, clock(is_set=False)))

    body = json.loads(message.payload)
    assert (message.topic, message.retain, message.expiry_s) == ("fer/v1/fer-1a2b3c4d/status", True, 180)
    assert body["problems"] == [{"code": "throttled", "sentence": "The processor is too hot."}]
    assert body["camera"] == {
        "name": "csi imx708",
        "fps": 9.988,
        "last_frame_age_s": 0.099,
        "stalls": 1,
        "reopens": 2,
        "bad_frames": 0,
    }
    assert body["inference"] == {"device": "cpu", "detect_ms": {"p50": 31.416, "p95": 55.5}, "classify_ms": None}
    assert body["mqtt"] == {
        "outbox": 4,
        "oldest_s": 12.346,
        "dropped": 0,
        "unheard": 0,
        "set_aside": 0,
        "epoch": "5eed0001",
        "reconnects": 1,
        "last_ack_age_s": None,
    }
    assert body["host"] == {"cpu_temp_c": 71.235, "throttled": True, "rss_mb": 101.5, "disk_free_mb": None}
    assert (body["clock"], body["state"], body["uptime_s"]) == ("unsynced", "degraded", 3600.123)


def test_info_is_what_the_device_is(device: Device) -> None:
    message = encode(device)

    assert (message.topic, message.retain) == ("fer/v1/fer-1a2b3c4d/info", True)
    assert json.loads(message.payload) == {
        "schema": "fer-edge/info/1",
        "device": "fer-1a2b3c4d",
        "version": "0.1.0",
        "source": "cam0",
        "camera": "replay astronaut.mp4",
        "detector": "haar-alt2",
        "model": {"id": "student-0-1408ba4a", "sha256": "ab" * 32, "head": "ferplus", "device": "cpu"},
        "labels": list(EMOTIONS),
        "window_s": 60.0,
        "privacy": {"min_people": 3, "counts_only": False, "mode": "room"},
        "context": {"site": "foyer"},
        "deployment": {},
        "commands": [],
    }
