"""What the publisher says to a broker that works, from the greeting to the goodbye."""

from __future__ import annotations

from functools import partial
from typing import Literal

import pytest

from edge.labels import EMOTIONS
from edge.mqtt.outbox import Outbox
from edge.records import Health, RoomReading
from tests.edge.conftest import MakePublisher, Summary
from tests.support.dashboard import Dashboard, OpenDashboard
from tests.support.mosquitto import StartMosquitto
from tests.support.waiting import eventually

pytestmark = pytest.mark.broker

OTHER_LABELS = ("confused", "bored", "attentive")


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_connect_greets_with_everything_a_dashboard_needs(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    protocol: Literal["5", "3.1.1"],
    health: Health,
) -> None:
    running = mosquitto()
    early = dashboard(running)
    publisher = make_publisher(running, protocol=protocol)
    publisher.publish_status(lambda: health)
    early.wait(lambda: len(early.payloads("/config")) == 1)

    late = dashboard(running)

    late.wait(lambda: len(late.messages) >= 4)
    assert late.payloads("/availability") == ["online"]
    assert late.payloads("/status")[0]["state"] == "running"
    assert late.payloads("/info")[0]["device"] == "fer-1a2b3c4d"
    assert late.payloads("/config")[0]["origin"]["name"] == "fer-edge"
    assert all(message.retain for message in late.messages)


def _has_more(board: Dashboard, than: int) -> bool:
    return len(board.messages) > than


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_entities_of_the_labels_before_are_removed_at_the_next_start(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    protocol: Literal["5", "3.1.1"],
) -> None:
    running = mosquitto()
    board = dashboard(running, "homeassistant/#")

    for labels in (EMOTIONS, OTHER_LABELS, OTHER_LABELS):
        heard = len(board.messages)
        publisher = make_publisher(running, protocol=protocol, labels=labels)
        board.wait(partial(_has_more, board, heard))
        publisher.stop(2.0)

    changed, after = (body["components"] for body in board.payloads("/config")[1:])
    assert all(changed[emotion] == {"platform": "sensor"} for emotion in EMOTIONS)
    assert set(changed) == {*after, *EMOTIONS}
    assert {"share_confused", "share_bored", "share_attentive"} < set(after)


def test_windows_arrive_once_in_order_and_leave_the_outbox(
    mosquitto: StartMosquitto, dashboard: OpenDashboard, make_publisher: MakePublisher, summary: Summary
) -> None:
    running = mosquitto()
    board = dashboard(running)
    outbox = Outbox(None, "fer-1a2b3c4d")
    publisher = make_publisher(running, outbox)

    for _ in range(100):
        publisher.publish_window(summary())

    board.wait(lambda: len(board.seqs) == 100)
    eventually(lambda: outbox.depth == 0)
    assert board.seqs == list(range(1, 101))
    assert not any(body["historical"] for body in board.payloads("/aggregate"))


def test_stopping_delivers_what_waits_and_says_offline(
    mosquitto: StartMosquitto, dashboard: OpenDashboard, make_publisher: MakePublisher, summary: Summary
) -> None:
    running = mosquitto()
    board = dashboard(running)
    publisher = make_publisher(running)
    eventually(lambda: publisher.connected)
    for _ in range(30):
        publisher.publish_window(summary())

    publisher.stop(5.0)

    board.wait(lambda: board.payloads("/availability")[-1:] == ["offline"])
    assert board.seqs == list(range(1, 31))
    assert not publisher.alive


def test_stopping_in_front_of_a_frozen_broker_keeps_its_time_and_its_windows(
    mosquitto: StartMosquitto, make_publisher: MakePublisher, summary: Summary
) -> None:
    running = mosquitto()
    outbox = Outbox(None, "fer-1a2b3c4d")
    publisher = make_publisher(running, outbox)
    eventually(lambda: publisher.health.last_ack_age_s is not None)
    running.freeze()
    publisher.publish_window(summary())

    publisher.stop(1.0)

    eventually(lambda: not publisher.alive, timeout_s=3.0)
    assert outbox.depth == 1


def test_stopping_without_a_broker_is_immediate(mosquitto: StartMosquitto, make_publisher: MakePublisher) -> None:
    publisher = make_publisher(mosquitto(start=False))
    eventually(lambda: publisher.problems)

    publisher.stop(10.0)

    assert not publisher.alive


def test_a_vanished_device_is_offline_by_its_last_will(
    mosquitto: StartMosquitto, dashboard: OpenDashboard, make_publisher: MakePublisher
) -> None:
    running = mosquitto()
    board = dashboard(running, "fer/#")
    publisher = make_publisher(running)
    board.wait(lambda: board.payloads("/availability") == ["online"])

    assert publisher._connection is not None
    publisher._connection.cut()

    board.wait(lambda: board.payloads("/availability")[:3] == ["online", "offline", "online"])


def test_a_birth_message_of_a_stranger_changes_nothing(
    mosquitto: StartMosquitto, dashboard: OpenDashboard, make_publisher: MakePublisher
) -> None:
    running = mosquitto("allow_anonymous true", "message_size_limit 0")
    board = dashboard(running)
    publisher = make_publisher(running, birth_jitter_s=0.0)
    board.wait(lambda: len(board.payloads("/config")) == 1)

    for payload in ("", "offline", "ONLINE", "online ", '"online"', "[" * 50_000, "online" * 1_000_000):
        board.publish("homeassistant/status", payload)
    board.publish("homeassistant/status", "online")
    board.wait(lambda: len(board.payloads("/config")) == 2)

    assert publisher.connected
    assert publisher.health.reconnects == 0


def test_home_assistants_birth_brings_the_discovery_again(
    mosquitto: StartMosquitto, dashboard: OpenDashboard, make_publisher: MakePublisher
) -> None:
    running = mosquitto()
    board = dashboard(running)
    publisher = make_publisher(running, birth_jitter_s=0.05)
    board.wait(lambda: len(board.payloads("/config")) == 1)
    eventually(lambda: publisher.health.last_ack_age_s is not None)

    board.publish("homeassistant/status", "offline")
    board.publish("homeassistant/status", "online")

    board.wait(lambda: len(board.payloads("/config")) == 2)


def test_live_readings_come_while_connected_and_are_dropped_otherwise(
    mosquitto: StartMosquitto, dashboard: OpenDashboard, make_publisher: MakePublisher
) -> None:
    running = mosquitto(start=False)
    publisher = make_publisher(running)
    publisher.publish_live(RoomReading(people=1, emotions=None, suppressed="windows_only"))
    running.start()
    board = dashboard(running)
    eventually(lambda: publisher.connected)

    publisher.publish_live(RoomReading(people=2, emotions=None, suppressed="windows_only"))

    board.wait(lambda: board.payloads("/live") != [])
    assert [body["people"] for body in board.payloads("/live")] == [2]
