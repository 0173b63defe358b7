"""What the publisher makes of a broker's answers: refused for good, refused for now, heard by nobody."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.mqtt import publisher as publisher_module
from edge.mqtt import sender as sender_module
from edge.mqtt.home_assistant import discovery_in_parts
from edge.mqtt.messages import Device
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.records import Health, RoomReading
from tests.edge.conftest import MakePublisher, Summary
from tests.support.dashboard import OpenDashboard
from tests.support.fake_broker import FakeBroker, MakeFakeBroker
from tests.support.mosquitto import StartMosquitto
from tests.support.waiting import eventually

TOPIC = "fer/v1/fer-1a2b3c4d/cam0/aggregate"


def windows(broker: FakeBroker) -> list[int]:
    """The numbers of all windows that came, in order."""
    return [json.loads(payload)["seq"] for topic, payload in broker.messages.entries() if topic == TOPIC]


def topics(broker: FakeBroker, *, since_s: float = 0.0) -> list[str]:
    return [topic for topic, _ in broker.messages.entries(since_s)]


def codes(publisher: Publisher) -> list[str]:
    return [problem.code for problem in publisher.problems]


def only_first(code: int) -> Callable[[str, bytes], int]:
    """The answer ``code`` to window 1, and success to all else."""
    return lambda topic, payload: code if topic == TOPIC and json.loads(payload)["seq"] == 1 else 0


@pytest.mark.parametrize("code", [0x87, 0x90, 0x95, 0x99])
def test_a_window_that_is_refused_for_good_is_set_aside_and_all_else_goes_on(
    fake_broker: MakeFakeBroker, make_publisher: MakePublisher, summary: Summary, health: Health, code: int
) -> None:
    broker = fake_broker()
    broker.answer = only_first(code)
    outbox = Outbox(None, "fer-1a2b3c4d")
    publisher = make_publisher(broker, outbox)

    for _ in range(3):
        publisher.publish_window(summary())
    eventually(lambda: outbox.set_aside == 1 and not outbox.depth)
    publisher.publish_status(lambda: health)
    publisher.publish_live(RoomReading(1, None, "windows_only"))

    broker.messages.wait(lambda message: message[0].endswith("/status"))
    broker.messages.wait(lambda message: message[0].endswith("/live"))
    assert windows(broker) == [1, 2, 3]
    assert codes(publisher) == ["windows_set_aside"]
    assert f"the broker refuses {TOPIC}: " in publisher.problems[0].sentence
    assert len(broker.connects.entries()) == 1


@pytest.mark.parametrize("code", [0x80, 0x83, 0x91, 0x97, 0xFF])
def test_a_window_that_is_refused_for_now_is_offered_again_and_holds_back_no_other(
    fake_broker: MakeFakeBroker, make_publisher: MakePublisher, summary: Summary, code: int
) -> None:
    broker = fake_broker()
    broker.answer = only_first(code)
    outbox = Outbox(None, "fer-1a2b3c4d")
    publisher = make_publisher(broker, outbox)

    for _ in range(3):
        publisher.publish_window(summary())
    broker.messages.wait(lambda message: message[0] == TOPIC and json.loads(message[1])["seq"] == 3)
    broker.answer = lambda _topic, _payload: 0
    eventually(lambda: not outbox.depth)

    assert windows(broker) == [1, 2, 3, 1]
    assert (outbox.set_aside, publisher.problems) == (0, ())
    assert len(broker.connects.entries()) == 1


@pytest.mark.row(25, "access list: status, for a while")
def test_what_is_refused_is_reported_with_topic_and_reason_until_it_is_taken(
    fake_broker: MakeFakeBroker, make_publisher: MakePublisher, summary: Summary
) -> None:
    broker = fake_broker()
    broker.answer = lambda topic, _payload: 0x97 if topic == TOPIC else 0
    publisher = make_publisher(broker)

    publisher.publish_window(summary())
    eventually(lambda: publisher.problems)
    problems = publisher.problems
    broker.answer = lambda _topic, _payload: 0

    assert [problem.code for problem in problems] == ["publication_refused"]
    assert problems[0].sentence == f"The broker refuses {TOPIC}: Quota exceeded."
    eventually(lambda: not publisher.problems)


@pytest.mark.broker
def test_a_window_that_nobody_hears_waits_for_a_subscriber(
    mosquitto: StartMosquitto, dashboard: OpenDashboard, make_publisher: MakePublisher, summary: Summary
) -> None:
    running = mosquitto()
    outbox = Outbox(None, "fer-1a2b3c4d")
    publisher = make_publisher(running, outbox)
    for _ in range(5):
        publisher.publish_window(summary())
    eventually(lambda: outbox._rows and all(row.attempts for row in outbox._rows.values()))

    board = dashboard(running)
    publisher.publish_window(summary())

    board.wait(lambda: len(board.seqs) == 6)
    eventually(lambda: not outbox.depth)
    assert sorted(board.seqs) == [1, 2, 3, 4, 5, 6]
    assert (publisher.health.reconnects, publisher.health.unheard) == (0, 0)


def test_while_nobody_listens_old_windows_are_probed_ever_more_slowly_and_fresh_ones_go_at_once(
    fake_broker: MakeFakeBroker, make_publisher: MakePublisher, summary: Summary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "PROBE_MAX_S", 2.0)
    broker = fake_broker()
    broker.answer = lambda topic, _payload: 0x10 if topic == TOPIC else 0
    publisher = make_publisher(broker)

    for _ in range(20):
        publisher.publish_window(summary())
    broker.messages.wait(lambda message: message[0] == TOPIC and json.loads(message[1])["seq"] == 20)
    begun_s = time.monotonic()
    time.sleep(4.5)
    probes = len([topic for topic in topics(broker, since_s=begun_s) if topic == TOPIC])
    publisher.publish_window(summary())
    broker.messages.wait(lambda message: message[0] == TOPIC and json.loads(message[1])["seq"] == 21, 0.5)

    assert 1 <= probes <= 4
    assert codes(publisher) == []


def test_windows_that_nobody_heard_for_too_long_are_counted(
    fake_broker: MakeFakeBroker, make_publisher: MakePublisher, summary: Summary
) -> None:
    broker = fake_broker()
    broker.answer = lambda topic, _payload: 0x10 if topic == TOPIC else 0
    outbox = Outbox(None, "fer-1a2b3c4d", unheard_s=1.5)
    publisher = make_publisher(broker, outbox)

    for _ in range(3):
        publisher.publish_window(summary())
    eventually(lambda: not outbox.depth)

    assert publisher.health.unheard == 3


def test_stopping_does_not_wait_for_windows_that_nobody_takes(
    fake_broker: MakeFakeBroker, make_publisher: MakePublisher, summary: Summary
) -> None:
    broker = fake_broker()
    broker.answer = lambda topic, _payload: 0x83 if topic == TOPIC else 0
    outbox = Outbox(None, "fer-1a2b3c4d")
    publisher = make_publisher(broker, outbox)
    publisher.publish_window(summary())
    eventually(lambda: publisher.problems)

    begun_s = time.monotonic()
    publisher.stop(20.0)

    assert time.monotonic() - begun_s < 5
    assert outbox.depth == 1
    assert broker.messages.entries()[-1] == ("fer/v1/fer-1a2b3c4d/availability", b"offline")


@pytest.mark.broker
def test_what_the_access_list_forbids_is_set_aside_and_the_rest_arrives(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    summary: Summary,
    health: Health,
    tmp_path: Path,
) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic read #\ntopic write fer/v1/fer-1a2b3c4d/+\n")
    rules.chmod(0o600)
    running = mosquitto("allow_anonymous true", f"acl_file {rules}")
    board = dashboard(running)
    outbox = Outbox(None, "fer-1a2b3c4d")
    publisher = make_publisher(running, outbox)

    publisher.publish_window(summary())
    eventually(lambda: outbox.set_aside == 1)
    publisher.publish_status(lambda: replace(health, problems=publisher.problems))

    board.wait(lambda: board.payloads("/status") != [])
    told = [problem["sentence"] for problem in board.payloads("/status")[-1]["problems"]]
    assert f"The broker refuses {TOPIC}: Not authorized." in told
    assert publisher.health.reconnects == 0


@pytest.mark.broker
@pytest.mark.row(29, "mosquitto with message_size_limit")
def test_what_a_broker_finds_too_large_without_saying_so_before_is_set_aside(
    mosquitto: StartMosquitto, make_publisher: MakePublisher, summary: Summary, device: Device
) -> None:
    outbox = Outbox(None, device.id)
    publisher = make_publisher(mosquitto("allow_anonymous true", "message_size_limit 600"), outbox)

    publisher.publish_window(summary())
    eventually(lambda: outbox.set_aside == 1)

    assert f"The broker refuses {TOPIC}: Packet too large." in [problem.sentence for problem in publisher.problems]
    assert publisher.health.reconnects == 0


@pytest.mark.broker
@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("retain_available false", "keeps no retained messages"),
        ("max_qos 0", "acknowledges nothing"),
        ("max_packet_size 1800", None),
    ],
)
def test_a_brokers_limits_are_kept_and_windows_go_on(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    summary: Summary,
    health: Health,
    device: Device,
    setting: str,
    problem: str | None,
) -> None:
    running = mosquitto("allow_anonymous true", setting)
    board = dashboard(running)
    outbox = Outbox(None, "fer-1a2b3c4d")
    publisher = make_publisher(running, outbox)
    publisher.publish_status(lambda: health)

    for _ in range(3):
        publisher.publish_window(summary())

    described = 1 if problem else len(discovery_in_parts(device))
    board.wait(
        lambda: len(board.seqs) == 3 and board.payloads("/status") != [] and len(board.payloads("/config")) >= described
    )
    eventually(lambda: not outbox.depth)
    assert codes(publisher) == (["broker_limited"] if problem else [])
    assert problem is None or problem in publisher.problems[0].sentence
    assert publisher.health.reconnects == 0
    assert len(board.payloads("/config")) == described


def test_what_is_larger_than_the_broker_takes_is_not_sent_but_refused(
    fake_broker: MakeFakeBroker, make_publisher: MakePublisher, summary: Summary, device: Device
) -> None:
    broker = fake_broker(limits=b"\x27" + (500).to_bytes(4))
    outbox = Outbox(None, device.id)
    publisher = make_publisher(broker, outbox)

    publisher.publish_window(summary())
    eventually(lambda: outbox.set_aside == 1)

    assert windows(broker) == []
    assert f"The broker refuses {TOPIC}: Packet too large." in [problem.sentence for problem in publisher.problems]
    assert len(broker.connects.entries()) == 1


@pytest.mark.row(33, "a connection is given up")
def test_a_connection_that_is_given_up_is_cut_so_that_the_will_is_published(
    fake_broker: MakeFakeBroker, make_publisher: MakePublisher, summary: Summary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "GIVE_UP_S", 0.3)
    monkeypatch.setattr("edge.mqtt.backoff.Backoff._wait_s", lambda _self: 0.05)
    broker = fake_broker()
    broker.withholding.set()
    publisher = make_publisher(broker)
    publisher.publish_window(summary())

    eventually(lambda: publisher.health.reconnects >= 1)

    assert broker.disconnects.entries() == []
    broker.withholding.clear()


@pytest.mark.broker
@pytest.mark.row(33, "the broker is back after an outage")
def test_the_status_after_an_outage_is_not_the_one_of_the_outage(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    health: Health,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge.mqtt.backoff.Backoff._wait_s", lambda _self: 0.05)
    running = mosquitto(start=False)
    publisher = make_publisher(running)
    eventually(lambda: publisher.problems)
    publisher.publish_status(lambda: replace(health, problems=publisher.problems))

    running.start()
    board = dashboard(running)
    board.wait(lambda: board.payloads("/status") != [])

    assert [status["problems"] for status in board.payloads("/status")] == [[]]
