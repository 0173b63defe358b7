import subprocess
import sys
import threading
import time
from random import Random

import pytest

from edge import publisher as publisher_module
from edge.broker import Broker
from edge.errors import BrokerError
from edge.message import aggregate
from edge.mqtt import Connection
from edge.outbox import Outbox
from edge.publisher import Publisher
from edge.records import (
    CameraHealth,
    DeliveryHealth,
    Health,
    HostHealth,
    InferenceHealth,
    RoomReading,
)
from edge.session import MAX_IN_FLIGHT
from edge.wallclock import WallClock

pytestmark = pytest.mark.broker

HEALTH = Health(
    state="running",
    problems=(),
    camera=CameraHealth("replay", 10.0, 0.1, 0, 0),
    inference=InferenceHealth("cpu", None, None),
    mqtt=DeliveryHealth(0, None, 0, 0, None),
    host=HostHealth(None, None, None, None),
    uptime_s=1.0,
    version="0.1.0",
)


@pytest.fixture
def make_publisher(device):
    made = []

    def make(running, outbox=None, *, protocol="5", start=True, **options):
        outbox = outbox or Outbox(None)
        broker = Broker(running.host, running.port, protocol=protocol)
        publisher = Publisher(broker, device, outbox, WallClock(), random=Random(1), **options)
        made.append((publisher, outbox))
        if start:
            publisher.start()
        return publisher

    yield make
    for publisher, outbox in made:
        if publisher.alive:
            publisher.stop(2.0)
        outbox.close()


@pytest.fixture
def gate(monkeypatch):
    """While it is cleared no connection succeeds, so that a dashboard can be there first."""
    is_open = threading.Event()

    class GatedConnection(Connection):
        def __init__(self, *args, **options):
            if not is_open.is_set():
                raise BrokerError("the gate is closed")
            super().__init__(*args, **options)

    monkeypatch.setattr(publisher_module, "Connection", GatedConnection)
    monkeypatch.setattr("edge.redial.Redial._backoff", lambda _self: 0.05)
    return is_open


def seqs(dashboard):
    return [body["seq"] for body in dashboard.payloads("/aggregate")]


def eventually(condition, timeout_s=20.0):
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_connect_greets_with_everything_a_dashboard_needs(mosquitto, dashboard, make_publisher, protocol):
    running = mosquitto()
    publisher = make_publisher(running, protocol=protocol)
    publisher.publish_status(HEALTH)
    eventually(lambda: publisher.connected and publisher.last_ack_age_s is not None)

    late = dashboard(running)

    late.wait(lambda: len(late.messages) >= 4)
    assert late.payloads("/availability") == ["online"]
    assert late.payloads("/status")[0]["state"] == "running"
    assert late.payloads("/info")[0]["device"] == "fer-1a2b3c4d"
    assert late.payloads("/config")[0]["origin"]["name"] == "fer-edge"
    assert all(message.retain for message in late.messages)


def test_windows_arrive_once_in_order_and_leave_the_outbox(mosquitto, dashboard, make_publisher, summary):
    running = mosquitto()
    board = dashboard(running)
    outbox = Outbox(None)
    publisher = make_publisher(running, outbox)

    for _ in range(100):
        publisher.publish_window(summary())

    board.wait(lambda: len(seqs(board)) == 100)
    eventually(lambda: outbox.depth == 0)
    assert seqs(board) == list(range(1, 101))
    assert not any(body["historical"] for body in board.payloads("/aggregate"))


def test_a_broker_that_comes_late_gets_every_window(mosquitto, dashboard, make_publisher, summary, gate):
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

    board.wait(lambda: len(set(seqs(board))) == 5)
    assert seqs(board) == [1, 2, 3, 4, 5]
    assert publisher.problems == ()


def test_a_killed_broker_costs_no_window_and_gets_its_retained_topics_back(
    mosquitto, dashboard, make_publisher, summary, gate
):
    gate.set()
    running = mosquitto()
    board = dashboard(running)
    publisher = make_publisher(running)
    publisher.publish_status(HEALTH)
    publisher.publish_window(summary())
    board.wait(lambda: seqs(board) == [1])

    gate.clear()
    subscriptions = board.subscriptions
    running.kill()
    for _ in range(10):
        publisher.publish_window(summary())
    running.start()
    board.wait(lambda: board.subscriptions > subscriptions)
    gate.set()

    board.wait(lambda: set(seqs(board)) == set(range(1, 12)))
    assert list(dict.fromkeys(seqs(board))) == list(range(1, 12))
    assert publisher.reconnects == 1
    late = dashboard(running, "fer/v1/#")
    late.wait(lambda: len(late.messages) == 3)
    assert late.payloads("/availability") == ["online"]


def test_a_frozen_broker_is_a_problem_and_costs_no_window(mosquitto, dashboard, make_publisher, summary, monkeypatch):
    monkeypatch.setattr(publisher_module, "ACK_LATE_S", 0.3)
    running = mosquitto()
    board = dashboard(running)
    publisher = make_publisher(running)
    publisher.publish_window(summary())
    board.wait(lambda: seqs(board) == [1])

    running.freeze()
    for _ in range(2 * MAX_IN_FLIGHT):
        publisher.publish_window(summary())
    eventually(lambda: publisher.problems)
    problems = publisher.problems
    running.thaw()

    board.wait(lambda: len(seqs(board)) == 1 + 2 * MAX_IN_FLIGHT)
    assert [problem.code for problem in problems] == ["ack_late"]
    assert seqs(board) == list(range(1, 2 + 2 * MAX_IN_FLIGHT))
    eventually(lambda: not publisher.problems)


def test_windows_of_an_earlier_run_are_replayed_in_order_and_marked_after_the_fresh_one(
    mosquitto, dashboard, make_publisher, summary, device, tmp_path
):
    earlier = Outbox(tmp_path / "outbox.db")
    for _ in range(20):
        seq = earlier.next_seq()
        earlier.put(seq, aggregate(device, seq, summary(), WallClock()))
    earlier.close()
    running = mosquitto()
    board = dashboard(running)
    publisher = make_publisher(running, Outbox(tmp_path / "outbox.db"), start=False)
    publisher.publish_window(summary())

    publisher.start()

    board.wait(lambda: len(seqs(board)) == 21)
    bodies = board.payloads("/aggregate")
    assert [(body["seq"], body["historical"]) for body in bodies] == [
        (21, False),
        *((seq, True) for seq in range(1, 21)),
    ]


def test_replaying_leaves_a_slow_subscriber_time_to_read(mosquitto, dashboard, make_publisher, summary, monkeypatch):
    monkeypatch.setattr("edge.session.REPLAY_PER_S", 2.0)
    monkeypatch.setattr("edge.outbox.SPILL_AFTER_S", 0.0)
    running = mosquitto()
    board = dashboard(running)
    publisher = make_publisher(running, start=False)
    for _ in range(3):
        publisher.publish_window(summary())

    publisher.start()

    board.wait(lambda: len(seqs(board)) == 3)
    arrived_s = [message.timestamp for message in board.messages if message.topic.endswith("/aggregate")]
    assert arrived_s[-1] - arrived_s[0] >= 0.9


def test_the_quota_of_the_broker_is_kept(mosquitto, dashboard, make_publisher, summary, monkeypatch):
    class CountingConnection(Connection):
        most = under_way = 0

        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self.receive_maximum = 2

        def publish(self, publication):
            CountingConnection.under_way += publication.qos
            CountingConnection.most = max(CountingConnection.most, CountingConnection.under_way)
            return super().publish(publication)

        def next_event(self, timeout_s):
            event = super().next_event(timeout_s)
            CountingConnection.under_way -= type(event).__name__ == "Acknowledged"
            return event

    monkeypatch.setattr(publisher_module, "Connection", CountingConnection)
    running = mosquitto()
    board = dashboard(running)
    publisher = make_publisher(running)

    for _ in range(20):
        publisher.publish_window(summary())

    board.wait(lambda: len(seqs(board)) == 20)
    assert CountingConnection.most == 2


WORKING_DAEMON = """
import sys, time
from pathlib import Path
from edge.message import Device
from edge.broker import Broker
from edge.outbox import Outbox
from edge.publisher import Publisher
from edge.records import WindowSummary
from edge.wallclock import WallClock
port, folder = int(sys.argv[1]), Path(sys.argv[2])
outbox = Outbox(folder / "card.db", volatile=folder / "ram.db")
device = Device("fer-1a2b3c4d", "cam0", "0", "", "", "m", "0" * 64, "cpu", 1.0, 1, False)
publisher = Publisher(Broker("127.0.0.1", port), device, outbox, WallClock())
publisher.start()
while True:
    publisher.publish_window(WindowSummary(0, 1, 10, 10, 0, 0, 0.0, None, None, None))
    time.sleep(0.005)
"""


def test_a_daemon_killed_at_random_moments_loses_no_finished_window(mosquitto, dashboard, make_publisher, tmp_path):
    # By default mosquitto drops what a slow subscriber has not read.
    running = mosquitto("allow_anonymous true", "max_queued_messages 0")
    board = dashboard(running, "fer/#")
    random = Random(5)
    for _ in range(5):
        heard = len(board.messages)
        with subprocess.Popen([sys.executable, "-c", WORKING_DAEMON, str(running.port), str(tmp_path)]) as daemon:
            try:
                board.wait(lambda heard=heard: len(board.messages) > heard + 20)
                time.sleep(random.uniform(0.0, 0.1))
            finally:
                daemon.kill()
    outbox = Outbox(tmp_path / "card.db", volatile=tmp_path / "ram.db")
    finished = outbox.next_seq() - 1

    make_publisher(running, outbox)

    board.wait(lambda: set(seqs(board)) == set(range(1, finished + 1)))
    eventually(lambda: outbox.depth == 0)


def test_stopping_delivers_what_waits_and_says_offline(mosquitto, dashboard, make_publisher, summary):
    running = mosquitto()
    board = dashboard(running)
    publisher = make_publisher(running)
    eventually(lambda: publisher.connected)
    for _ in range(30):
        publisher.publish_window(summary())

    publisher.stop(5.0)

    board.wait(lambda: board.payloads("/availability")[-1:] == ["offline"])
    assert seqs(board) == list(range(1, 31))
    assert not publisher.alive


def test_stopping_in_front_of_a_frozen_broker_keeps_its_time_and_its_windows(mosquitto, make_publisher, summary):
    running = mosquitto()
    outbox = Outbox(None)
    publisher = make_publisher(running, outbox)
    eventually(lambda: publisher.last_ack_age_s is not None)
    running.freeze()
    publisher.publish_window(summary())

    publisher.stop(1.0)

    eventually(lambda: not publisher.alive, timeout_s=3.0)
    assert outbox.depth == 1


def test_stopping_without_a_broker_is_immediate(mosquitto, make_publisher):
    publisher = make_publisher(mosquitto(start=False))
    eventually(lambda: publisher.problems)

    publisher.stop(10.0)

    assert not publisher.alive


def test_a_vanished_device_is_offline_by_its_last_will(mosquitto, dashboard, make_publisher):
    running = mosquitto()
    board = dashboard(running, "fer/#")
    publisher = make_publisher(running)
    board.wait(lambda: board.payloads("/availability") == ["online"])

    publisher._connection._cut()

    board.wait(lambda: board.payloads("/availability")[:3] == ["online", "offline", "online"])


def test_home_assistants_birth_brings_the_discovery_again(mosquitto, dashboard, make_publisher):
    running = mosquitto()
    board = dashboard(running)
    publisher = make_publisher(running, birth_jitter_s=0.05)
    board.wait(lambda: len(board.payloads("/config")) == 1)
    eventually(lambda: publisher.last_ack_age_s is not None)

    board.publish("homeassistant/status", "offline")
    board.publish("homeassistant/status", "online")

    board.wait(lambda: len(board.payloads("/config")) == 2)


def test_live_readings_come_while_connected_and_are_dropped_otherwise(mosquitto, dashboard, make_publisher):
    running = mosquitto(start=False)
    publisher = make_publisher(running)
    publisher.publish_live(RoomReading(people=1, emotions=None, suppressed="too_few_people"))
    running.start()
    board = dashboard(running)
    eventually(lambda: publisher.connected)

    publisher.publish_live(RoomReading(people=2, emotions=None, suppressed="too_few_people"))

    board.wait(lambda: board.payloads("/live") != [])
    assert [body["people"] for body in board.payloads("/live")] == [2]


def test_a_window_that_the_broker_does_not_take_stays_and_is_reported(mosquitto, make_publisher, summary, tmp_path):
    rules = tmp_path / "acl"
    rules.write_text("topic write fer/v1/fer-1a2b3c4d/availability\n")
    rules.chmod(0o600)
    outbox = Outbox(None)
    publisher = make_publisher(mosquitto("allow_anonymous true", f"acl_file {rules}"), outbox)

    publisher.publish_window(summary())

    eventually(lambda: "does not take window 1: Not authorized" in str(publisher.problems))
    assert outbox.depth == 1


def test_a_rival_with_the_same_id_is_reported_and_no_longer_fought(mosquitto, make_publisher, device, monkeypatch):
    monkeypatch.setattr("edge.redial.Redial._backoff", lambda _self: 0.01)
    running = mosquitto()
    publisher = make_publisher(running)
    broker = Broker(running.host, running.port)

    for connects in range(4):
        eventually(lambda: publisher.connected)
        assert publisher.reconnects == connects
        Connection(broker, device.id)._cut()
        eventually(lambda before=connects: publisher.reconnects > before or "client_id" in str(publisher.problems))

    assert publisher.reconnects == 3
    assert "Another client seems to use the id fer-1a2b3c4d." in [problem.sentence for problem in publisher.problems]
