from __future__ import annotations

import io
import json
import sys
import threading
from typing import Any

import pytest
from paho.mqtt.publish import single

from edge.commands.watch import watch
from edge.config import MqttConfig
from edge.errors import BrokerError, ConfigError
from edge.mqtt.codec import encode
from edge.mqtt.compose import aggregate
from edge.mqtt.messages import Device
from edge.mqtt.publisher import Publisher
from edge.mqtt.wallclock import WallClock
from edge.records import WindowSummary
from tests.edge.conftest import MakePublisher, Summary
from tests.support.mosquitto import Mosquitto, StartMosquitto

pytestmark = pytest.mark.broker


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def running(mosquitto: StartMosquitto) -> Mosquitto:
    """The broker that is watched."""
    return mosquitto()


@pytest.fixture
def publisher(running: Mosquitto, make_publisher: MakePublisher) -> Publisher:
    """A device at that broker."""
    return make_publisher(running)


def address(running: Mosquitto) -> MqttConfig:
    return MqttConfig(running.host, running.port)


class PublishingTick:
    """Publishes one window each time the watcher has looked for messages."""

    def __init__(self, publisher: Publisher, *summaries: WindowSummary) -> None:
        self._publisher, self._summaries = publisher, list(summaries)

    def __call__(self) -> None:
        if self._publisher.health.last_ack_age_s is not None and self._summaries:
            self._publisher.publish_window(self._summaries.pop(0))


def test_json_lines_are_the_aggregates_as_they_came(running: Mosquitto, publisher: Publisher, summary: Summary) -> None:
    out = io.StringIO()

    status = watch(address(running), json=True, count=3, out=out, tick=PublishingTick(publisher, *[summary()] * 30))

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert (status, len(lines)) == (0, 3)
    assert {line["schema"] for line in lines} == {"fer-edge/aggregate/1"}
    assert [line["seq"] - lines[0]["seq"] for line in lines] == [0, 1, 2]


def test_a_json_line_stays_one_line_that_moves_no_cursor(running: Mosquitto, device: Device, summary: Summary) -> None:
    out = io.StringIO()
    body = json.loads(encode(aggregate(device, "5eed0001", 1, summary(), WallClock())).payload)
    hostile = json.dumps(body | {"note": "\x9b2J"}, ensure_ascii=False, indent=1)

    def publish() -> None:
        single(device.topic("cam0/aggregate"), hostile.encode(), 1, hostname=running.host, port=running.port)

    watch(address(running), json=True, count=1, out=out, tick=publish)

    assert json.loads(out.getvalue())["note"] == "2J"
    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "7 people: neutral 55%, happy 30%, surprise 5%, sad 5%, fear 5%"),
        ({"emotions": None, "uncertain": None, "suppressed": "too_few_people", "people": 1}, "1 person (emotions"),
        ({"emotions": None, "uncertain": None, "people": 0}, "nobody"),
        ({"emotions": None, "uncertain": None, "people": 0, "still": 2}, "nobody, and 2 faces that never moved"),
        ({"still": 1}, "7 people, and 1 face that never moved: neutral 55%"),
    ],
)
def test_a_pipe_gets_one_line_per_window(
    running: Mosquitto, publisher: Publisher, summary: Summary, changes: dict[str, Any], sentence: str
) -> None:
    out = io.StringIO()

    watch(address(running), count=1, out=out, tick=PublishingTick(publisher, *[summary(**changes)] * 30))

    (line,) = out.getvalue().splitlines()
    assert "fer-1a2b3c4d/cam0 #" in line
    assert sentence in line


def test_a_terminal_gets_the_screen(running: Mosquitto, publisher: Publisher, summary: Summary) -> None:
    pytest.importorskip("rich")
    terminal = Terminal()

    watch(address(running), count=2, out=terminal, tick=PublishingTick(publisher, *[summary()] * 30))

    assert "fer-edge watch" in terminal.getvalue()


def test_without_rich_the_screen_is_one_sentence_and_json_still_works(
    running: Mosquitto, publisher: Publisher, summary: Summary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.columns", None)
    monkeypatch.delitem(sys.modules, "edge.commands.watch_tui", raising=False)
    ticking = PublishingTick(publisher, *[summary()] * 30)

    with pytest.raises(ConfigError, match=r"install fer-edge\[watch\], or use --json"):
        watch(address(running), out=Terminal())

    assert watch(address(running), json=True, count=1, out=io.StringIO(), tick=ticking) == 0


def test_an_absent_broker_is_an_error_at_once(mosquitto: StartMosquitto) -> None:
    absent = mosquitto(start=False)

    with pytest.raises(BrokerError, match="nothing listens there"):
        watch(MqttConfig(absent.host, absent.port), out=io.StringIO())


def test_a_broker_that_comes_back_is_watched_on(
    running: Mosquitto, publisher: Publisher, summary: Summary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.mqtt.backoff.Backoff._wait_s", lambda _self: 0.05)
    out = io.StringIO()
    restarted = threading.Event()

    def tick() -> None:
        if out.getvalue() and not restarted.is_set():
            restarted.set()
            running.kill()
            running.start()
        elif publisher.health.last_ack_age_s is not None and publisher.connected:
            publisher.publish_window(summary())

    watch(address(running), count=20, out=out, tick=tick)

    assert restarted.is_set()
    assert len(out.getvalue().splitlines()) == 20


def test_whoever_watches_may_stop_from_the_tick(running: Mosquitto, publisher: Publisher) -> None:
    def tick() -> None:
        raise BrokerError("the daemon is gone")

    with pytest.raises(BrokerError, match="the daemon is gone"):
        watch(address(running), out=io.StringIO(), tick=tick)
