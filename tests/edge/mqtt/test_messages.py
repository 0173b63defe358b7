import json
import math
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.labels import EMOTIONS
from edge.mqtt.home_assistant import discovery
from edge.mqtt.messages import Model, aggregate, availability, historical, info, live, status
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
)

NOON_S = datetime.fromisoformat("2026-11-20T12:00:00+00:00").timestamp()


def clock(*, is_set=True, origin_s=0.0):
    return WallClock(origin_s=origin_s, wall=lambda: NOON_S, monotonic=lambda: 200.0, is_set=lambda _now_s: is_set)


def test_an_aggregate_says_exactly_what_the_contract_promises(device, summary):
    message = aggregate(device, 12345, summary(), clock())

    assert (message.topic, message.qos, message.retain) == ("fer/v1/fer-1a2b3c4d/cam0/aggregate", 1, False)
    assert json.loads(message.payload) == {
        "schema": "fer-edge/aggregate/1",
        "id": "fer-1a2b3c4d-000000012345",
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
        "faces": {"people": 7, "max_at_once": 3, "mean_at_once": 1.4},
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
        "model": {"id": "fer-int8-1", "sha256": "ab" * 32, "head": "ferplus", "device": "cpu"},
    }


def test_wall_times_are_null_until_the_clock_is_set(device, summary):
    window = json.loads(aggregate(device, 1, summary(), clock(is_set=False)).payload)["window"]

    assert window == {"start": None, "end": None, "duration_s": 60.0, "clock": "unsynced"}


def test_a_clip_replayed_fast_counts_from_its_opening(device, summary):
    window = json.loads(aggregate(device, 1, summary(start_s=0.0, end_s=2.0), clock(origin_s=190.0)).payload)["window"]

    assert (window["start"], window["end"]) == ("2026-11-20T11:59:50.000Z", "2026-11-20T11:59:52.000Z")


@pytest.mark.parametrize("reason", ["too_few_people", "counts_only"])
def test_withheld_emotions_leave_only_their_reason(device, summary, reason):
    body = json.loads(aggregate(device, 1, summary(emotions=None, uncertain=None, suppressed=reason), clock()).payload)

    assert (body["emotions"], body["dominant"], body["uncertain"]) == (None, None, None)
    assert body["suppressed"] == reason


def test_an_empty_room_is_not_suppressed(device, summary):
    body = json.loads(aggregate(device, 1, summary(people=0, emotions=None, uncertain=None), clock()).payload)

    assert (body["emotions"], body["suppressed"], body["faces"]["people"]) == (None, None, 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(lambda weights: sum(weights) > 1e-3))
def test_rounded_emotions_sum_to_one_and_stay_within_a_thousandth(device, weights):
    scores = EmotionScores(tuple(weight / sum(weights) for weight in weights))
    room = RoomReading(people=3, emotions=scores, suppressed=None)

    emotions = json.loads(live(device, room, clock()).payload)["emotions"]

    assert math.isclose(sum(emotions.values()), 1.0, abs_tol=1e-9)
    assert all(abs(emotions[name] - p) < 1e-3 for name, p in zip(EMOTIONS, scores.probabilities, strict=True))


def test_the_longest_aggregate_fits_in_two_kilobytes(device, summary):
    longest = replace(device, id="x" * 32, source="y" * 32, model=Model("m" * 64, "ab" * 32, "h" * 16, "edgetpu"))
    seventh = EmotionScores((1 / 7,) * 7)
    crowded = summary(
        start_s=-1e6, captured=10**9, analysed=10**9 - 1, people=10**6, mean_at_once=1234.56789, emotions=seventh
    )

    message = historical(aggregate(longest, 999_999_999_999, crowded, clock()))

    assert len(message.payload) <= 2048


def test_a_replayed_window_differs_only_in_the_word_historical(device, summary):
    message = aggregate(device, 7, summary(), clock())

    replayed = historical(message)

    assert json.loads(replayed.payload) == json.loads(message.payload) | {"historical": True}
    assert (replayed.topic, replayed.qos) == (message.topic, message.qos)


@pytest.mark.parametrize(("online", "payload"), [(True, b"online"), (False, b"offline")])
def test_availability_is_one_retained_word(device, online, payload):
    message = availability(device, online=online)

    assert (message.topic, message.payload, message.retain, message.qos) == (
        "fer/v1/fer-1a2b3c4d/availability",
        payload,
        True,
        1,
    )


def test_live_is_neither_retained_nor_acknowledged(device):
    message = live(device, RoomReading(people=2, emotions=None, suppressed="windows_only"), clock())

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


def test_a_reading_taken_while_the_clock_is_being_set_does_not_contradict_itself(device):
    answers = iter([False, True, True])
    jumping = WallClock(wall=lambda: NOON_S, monotonic=lambda: 200.0, is_set=lambda _now_s: next(answers))

    body = json.loads(live(device, RoomReading(people=0, emotions=None, suppressed=None), jumping).payload)

    assert (body["time"], body["clock"]) == (None, "unsynced")


def test_json_repeats_its_schema_and_device_as_user_properties(device, summary):
    window = aggregate(device, 7, summary(), clock())

    assert info(device).user_properties == [("schema", "fer-edge/info/1"), ("device", "fer-1a2b3c4d")]
    assert window.user_properties == [("schema", "fer-edge/aggregate/1"), ("device", "fer-1a2b3c4d")]
    assert historical(window).user_properties == window.user_properties


def test_a_word_and_a_description_for_others_have_no_user_properties(device):
    assert availability(device, online=True).user_properties == []
    assert discovery(device).user_properties == []


def test_status_is_retained_for_three_periods_and_rounded(device):
    health = Health(
        state="degraded",
        problems=(Problem("throttled", "The processor is too hot."),),
        camera=CameraHealth("csi imx708", 9.987654, 0.0987654, 1, 2),
        inference=InferenceHealth("cpu", Percentiles(31.4159, 55.5), None),
        mqtt=DeliveryHealth(4, 12.3456, 0, 1, None),
        host=HostHealth(71.23456, True, 101.5, None),
        uptime_s=3600.123456,
        version="0.1.0",
    )

    message = status(device, health, clock(is_set=False))

    body = json.loads(message.payload)
    assert (message.topic, message.retain, message.expiry_s) == ("fer/v1/fer-1a2b3c4d/status", True, 180)
    assert body["problems"] == [{"code": "throttled", "sentence": "The processor is too hot."}]
    assert body["camera"] == {"source": "csi imx708", "fps": 9.99, "last_frame_age_s": 0.1, "stalls": 1, "reopens": 2}
    assert body["inference"] == {"device": "cpu", "detect_ms": {"p50": 31.42, "p95": 55.5}, "classify_ms": None}
    assert body["mqtt"] == {"outbox": 4, "oldest_s": 12.35, "dropped": 0, "reconnects": 1, "last_ack_age_s": None}
    assert (body["clock"], body["state"], body["uptime_s"]) == ("unsynced", "degraded", 3600.12)


def test_info_tells_labels_model_and_privacy(device):
    message = info(device)

    body = json.loads(message.payload)
    assert (message.topic, message.retain) == ("fer/v1/fer-1a2b3c4d/info", True)
    assert body["labels"] == list(EMOTIONS)
    assert body["model"]["sha256"] == "ab" * 32
    assert body["privacy"] == {"min_people": 3, "counts_only": False}
    assert body["context"] == {"site": "foyer"}


def test_a_number_that_is_not_finite_never_leaves(device, summary):
    with pytest.raises(ValueError, match="not JSON compliant"):
        aggregate(device, 1, summary(mean_at_once=math.nan), clock())
