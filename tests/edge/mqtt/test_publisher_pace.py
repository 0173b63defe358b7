"""In what order windows go out, how fast, and how many at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.mqtt import publisher as publisher_module
from edge.mqtt.codec import Message
from edge.mqtt.compose import aggregate
from edge.mqtt.connection import Acknowledged, Connection, Event
from edge.mqtt.messages import Device
from edge.mqtt.outbox import Outbox
from edge.mqtt.wallclock import WallClock
from tests.edge.conftest import MakePublisher, Summary
from tests.support.dashboard import OpenDashboard
from tests.support.mosquitto import StartMosquitto

pytestmark = pytest.mark.broker


def test_windows_of_an_earlier_run_are_replayed_in_order_and_marked_after_the_fresh_one(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    summary: Summary,
    device: Device,
    tmp_path: Path,
) -> None:
    earlier = Outbox(tmp_path / "outbox.db", device.id)
    for _ in range(20):
        earlier.put(lambda epoch, seq: aggregate(device, epoch, seq, summary(), WallClock()))
    earlier.close()
    running = mosquitto()
    board = dashboard(running)
    publisher = make_publisher(running, Outbox(tmp_path / "outbox.db", device.id), start=False)
    publisher.publish_window(summary())

    publisher.start()

    board.wait(lambda: len(board.seqs) == 21)
    bodies = board.payloads("/aggregate")
    assert [(body["seq"], body["historical"]) for body in bodies] == [
        (21, False),
        *((seq, True) for seq in range(1, 21)),
    ]


def test_replaying_leaves_a_slow_subscriber_time_to_read(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    summary: Summary,
    device: Device,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge.mqtt.sender.REPLAY_PER_S", 2.0)
    running = mosquitto()
    board = dashboard(running)
    publisher = make_publisher(running, Outbox(None, device.id, window_s=0.0), start=False)
    for _ in range(3):
        publisher.publish_window(summary())

    publisher.start()

    board.wait(lambda: len(board.seqs) == 3)
    arrived_s = [message.timestamp for message in board.messages if message.topic.endswith("/aggregate")]
    assert arrived_s[-1] - arrived_s[0] >= 0.9


def test_the_quota_of_the_broker_is_kept(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    summary: Summary,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class CountingConnection(Connection):
        most = in_flight = 0

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.limits = replace(self.limits, receive_maximum=2)

        def publish(self, message: Message) -> int:
            CountingConnection.in_flight += message.qos
            CountingConnection.most = max(CountingConnection.most, CountingConnection.in_flight)
            return super().publish(message)

        def next_event(self, timeout_s: float) -> Event | None:
            event = super().next_event(timeout_s)
            CountingConnection.in_flight -= isinstance(event, Acknowledged)
            return event

    monkeypatch.setattr(publisher_module, "Connection", CountingConnection)
    running = mosquitto()
    board = dashboard(running)
    publisher = make_publisher(running)

    for _ in range(20):
        publisher.publish_window(summary())

    board.wait(lambda: len(board.seqs) == 20)
    assert CountingConnection.most == 2
