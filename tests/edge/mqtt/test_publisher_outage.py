"""Brokers that come late, freeze, refuse or die, rivals, and a daemon that is killed: no window may be lost."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest

from edge.config import MqttConfig
from edge.errors import BrokerError
from edge.mqtt import publisher as publisher_module
from edge.mqtt.codec import Message
from edge.mqtt.connection import Acknowledged, Connection, Event
from edge.mqtt.messages import Device
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.sender import MAX_IN_FLIGHT
from edge.records import Health, RoomReading
from tests.edge.conftest import MakePublisher, Summary
from tests.support.dashboard import Dashboard, OpenDashboard
from tests.support.mosquitto import StartMosquitto
from tests.support.waiting import eventually

pytestmark = pytest.mark.broker


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """While it is cleared no connection succeeds, so that a dashboard can be there first."""
    is_open = threading.Event()

    class GatedConnection(Connection):
        def __init__(self, *args: Any, **options: Any) -> None:
            if not is_open.is_set():
                raise BrokerError("the gate is closed")
            super().__init__(*args, **options)

    monkeypatch.setattr(publisher_module, "Connection", GatedConnection)
    monkeypatch.setattr("edge.mqtt.backoff.Backoff._wait_s", lambda _self: 0.05)
    return is_open


def test_a_broker_that_comes_late_gets_every_window(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    summary: Summary,
    gate: threading.Event,
) -> None:
    gate.set()
    running = mosquitto(start=False)
    publisher = make_publisher(running)
    for _ in range(5):
        publisher.publish_window(summary())
    eventually(lambda: publisher.problems)
    assert [problem.code for problem in publisher.problems] == ["broker_unavailable"]
    assert "nothing listens there" in publisher.problems[0].sentence

    gate.clear()
    running.start()
    board = dashboard(running)
    gate.set()

    board.wait(lambda: len(set(board.seqs)) == 5)
    assert board.seqs == [1, 2, 3, 4, 5]
    assert publisher.problems == ()


@pytest.mark.parametrize(
    ("on_disk", "told"),
    [
        (True, "; see mqtt.host and mqtt.port; windows wait in the outbox"),
        (False, "; see mqtt.host and mqtt.port; windows wait in memory, and are lost if the daemon ends before"),
    ],
)
def test_where_windows_wait_meanwhile_is_told_as_it_is(
    mosquitto: StartMosquitto,
    make_publisher: MakePublisher,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    on_disk: bool,
    told: str,
) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite" if on_disk else None, "fer-1a2b3c4d")

    publisher = make_publisher(mosquitto(start=False), outbox)
    eventually(lambda: publisher.problems)

    eventually(lambda: any(line.endswith(told) for line in caplog.messages))


def test_a_killed_broker_costs_no_window(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    summary: Summary,
    gate: threading.Event,
    health: Health,
) -> None:
    gate.set()
    running = mosquitto()
    board = dashboard(running)
    publisher = make_publisher(running)
    publisher.publish_status(lambda: health)
    publisher.publish_window(summary())
    board.wait(lambda: board.seqs == [1])

    gate.clear()
    subscriptions = board.subscriptions
    running.kill()
    for _ in range(10):
        publisher.publish_window(summary())
    running.start()
    board.wait(lambda: board.subscriptions > subscriptions)
    gate.set()

    board.wait(lambda: set(board.seqs) == set(range(1, 12)))
    assert list(dict.fromkeys(board.seqs)) == list(range(1, 12))
    assert publisher.health.reconnects == 1


def test_a_broker_that_lost_everything_is_given_back_what_is_retained_and_no_old_window(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    summary: Summary,
    health: Health,
    gate: threading.Event,
) -> None:
    gate.set()
    running = mosquitto("allow_anonymous true", "persistence false")
    dashboard(running)
    publisher = make_publisher(running)
    publisher.publish_status(lambda: health)
    publisher.publish_window(summary())
    publisher.publish_live(RoomReading(2, None, "counts_only"))
    eventually(lambda: publisher.health.last_ack_age_s is not None and not publisher.health.outbox)

    gate.clear()
    running.kill()
    running.start()
    forgetful = dashboard(running)
    publisher.publish_status(lambda: replace(health, uptime_s=2.0))
    gate.set()
    forgetful.wait(lambda: len(forgetful.messages) == 4)
    late = dashboard(running)
    late.wait(lambda: len(late.messages) == 4)

    # What Home Assistant finds when it starts: descriptions and health, and no window that it would take for fresh.
    assert not any(message.retain for message in forgetful.messages)
    assert all(message.retain for message in late.messages)
    assert [late.payloads(topic)[0] for topic in ("/availability", "/status", "/info", "/config")] == [
        forgetful.payloads(topic)[0] for topic in ("/availability", "/status", "/info", "/config")
    ]
    assert late.payloads("/status")[0]["uptime_s"] == 2.0


def test_a_frozen_broker_is_a_problem_and_costs_no_window(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    summary: Summary,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publisher_module, "ACK_LATE_S", 0.3)
    running = mosquitto()
    board = dashboard(running)
    publisher = make_publisher(running)
    publisher.publish_window(summary())
    board.wait(lambda: board.seqs == [1])

    running.freeze()
    for _ in range(2 * MAX_IN_FLIGHT):
        publisher.publish_window(summary())
    eventually(lambda: publisher.problems)
    problems = publisher.problems
    running.thaw()

    board.wait(lambda: len(board.seqs) == 1 + 2 * MAX_IN_FLIGHT)
    assert [problem.code for problem in problems] == ["ack_late"]
    assert board.seqs == list(range(1, 2 + 2 * MAX_IN_FLIGHT))
    eventually(lambda: not publisher.problems)


def test_a_window_whose_acknowledgement_never_comes_is_sent_again_on_a_new_connection(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    summary: Summary,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class ForgetfulConnection(Connection):
        windows: ClassVar[list[int]] = []
        forgotten: ClassVar[list[Acknowledged]] = []

        def publish(self, message: Message) -> int:
            mid = super().publish(message)
            if message.topic.endswith("/aggregate"):
                self.windows.append(mid)
            return mid

        def next_event(self, timeout_s: float) -> Event | None:
            event = super().next_event(timeout_s)
            if isinstance(event, Acknowledged) and event.mid in self.windows and not self.forgotten:
                self.forgotten.append(event)
                return None
            return event

    monkeypatch.setattr(publisher_module, "Connection", ForgetfulConnection)
    monkeypatch.setattr("edge.mqtt.backoff.Backoff._wait_s", lambda _self: 0.05)
    monkeypatch.setattr(publisher_module, "GIVE_UP_S", 0.3)
    running = mosquitto()
    board = dashboard(running)
    outbox = Outbox(None, "fer-1a2b3c4d")
    publisher = make_publisher(running, outbox)

    publisher.publish_window(summary())

    eventually(lambda: ForgetfulConnection.forgotten and outbox.depth == 0)
    assert publisher.health.reconnects == 1
    assert board.seqs == [1, 1]


def test_a_thread_that_does_not_come_back_counts_as_dead(
    mosquitto: StartMosquitto, make_publisher: MakePublisher, summary: Summary, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = threading.Event()
    publisher = make_publisher(mosquitto())
    eventually(lambda: publisher.connected)
    monkeypatch.setattr(publisher_module, "HUNG_S", 0.2)
    assert publisher.alive

    monkeypatch.setattr(Connection, "next_event", lambda _connection, _timeout_s: hanging.wait())

    eventually(lambda: not publisher.alive)
    hanging.set()
    eventually(lambda: publisher.alive)


WORKING_DAEMON = """
import sys, time
from pathlib import Path
from edge.config import MqttConfig
from edge.mqtt.messages import Context, Device, Model, Privacy
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.records import WindowSummary
from edge.mqtt.wallclock import WallClock
port, folder = int(sys.argv[1]), Path(sys.argv[2])
outbox = Outbox(folder / "card.db", "fer-1a2b3c4d")
device = Device(
    id="fer-1a2b3c4d", source="cam0", version="0", camera="", detector="", model=Model("m", "0" * 64, "h", "cpu"),
    labels=("happy", "sad"), window_s=1.0, privacy=Privacy(1, False), context=Context(),
)
publisher = Publisher(MqttConfig("127.0.0.1", port), device, outbox, WallClock())
publisher.start()
while True:
    publisher.publish_window(WindowSummary(0, 1, 10, 10, 0, 0, 0.0, None, None, None))
    time.sleep(0.005)
"""


def has_heard(board: Dashboard, count: int) -> bool:
    return len(board.messages) > count


def test_a_daemon_killed_at_random_moments_loses_no_finished_window(
    mosquitto: StartMosquitto, dashboard: OpenDashboard, make_publisher: MakePublisher, tmp_path: Path
) -> None:
    # By default mosquitto drops what a slow subscriber has not read.
    running = mosquitto("allow_anonymous true", "max_queued_messages 0")
    board = dashboard(running, "fer/#")
    random = Random(5)
    for _ in range(5):
        more = len(board.messages) + 20
        with subprocess.Popen([sys.executable, "-c", WORKING_DAEMON, str(running.port), str(tmp_path)]) as daemon:
            try:
                board.wait(partial(has_heard, board, more))
                time.sleep(random.uniform(0.0, 0.1))
            finally:
                daemon.kill()
    outbox = Outbox(tmp_path / "card.db", "fer-1a2b3c4d")
    finished = outbox.seq

    make_publisher(running, outbox)

    board.wait(lambda: set(board.seqs) == set(range(1, finished + 1)))
    eventually(lambda: outbox.depth == 0)


def lost_or_given_up(publisher: Publisher, reconnects: int) -> bool:
    return publisher.health.reconnects > reconnects or "client_id" in str(publisher.problems)


def test_a_rival_with_the_same_id_is_reported_and_no_longer_fought(
    mosquitto: StartMosquitto, make_publisher: MakePublisher, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.mqtt.backoff.Backoff._wait_s", lambda _self: 0.01)
    running = mosquitto()
    publisher = make_publisher(running)
    broker = MqttConfig(running.host, running.port)

    for connects in range(4):
        eventually(lambda: publisher.connected)
        assert publisher.health.reconnects == connects
        Connection(broker, device.id).cut()
        eventually(partial(lost_or_given_up, publisher, connects))

    assert publisher.health.reconnects == 3
    assert "Another client seems to use the id fer-1a2b3c4d." in [problem.sentence for problem in publisher.problems]
