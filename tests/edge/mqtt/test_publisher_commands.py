"""Commands from a real broker: which are obeyed, which refused, and what answers."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.errors import MessageError
from edge.mqtt.codec import decode_pause
from edge.mqtt.messages import PauseCommand
from edge.records import Health, Paused
from tests.edge.conftest import SCHEMAS, MakePublisher
from tests.support.dashboard import Address, OpenDashboard
from tests.support.mosquitto import Mosquitto, StartMosquitto
from tests.support.waiting import eventually

TOPIC = "fer/v1/fer-1a2b3c4d/command/pause"


@pytest.mark.parametrize(
    ("payload", "command"),
    [
        (b'{"paused": true}', PauseCommand(paused=True)),
        (b'{"paused": false}', PauseCommand(paused=False)),
        (b'{"paused": true, "minutes": 30}', PauseCommand(paused=True, minutes=30)),
        (b'{"minutes": null, "paused": true}', PauseCommand(paused=True)),
    ],
)
def test_what_the_schema_allows_is_obeyed(payload: bytes, command: PauseCommand) -> None:
    SCHEMAS["pause"].validate(json.loads(payload))

    assert decode_pause(payload, retained=False) == command


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        (b"", "Input data was truncated"),
        (b"ON", "JSON is malformed"),
        (b'{"pause": true}', "unknown field `pause`"),
        (b'{"paused": "yes"}', "Expected `bool`, got `str` - at `$.paused`"),
        (b'{"paused": true, "minutes": 0}', "Expected `float` > 0.0 - at `$.minutes`"),
        (b'{"paused": true, "minutes": -5}', "> 0.0 - at `$.minutes`"),
        (b'{"paused": true, "minutes": 99999}', "<= 10080.0 - at `$.minutes`"),
        (b'{"paused": true, "minute": 5}', "unknown field `minute`"),
        (b'{"paused": true, "minutes": 1e999}', "out of range"),
        (b"[" * 900, "Expected `object`, got `array`"),
        (b" " * 2000, "it has 2000 bytes, at most 1024 are read"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(payload: bytes, complaint: str) -> None:
    with pytest.raises(MessageError, match=re.escape(complaint)):
        decode_pause(payload, retained=False)


def test_a_retained_command_is_refused_whatever_it_says() -> None:
    with pytest.raises(MessageError, match="send it without retain"):
        decode_pause(b'{"paused": true}', retained=True)


@pytest.fixture
def operator() -> Iterator[Operator]:
    """Publishes commands."""
    one = Operator()
    yield one
    one.close()


class Operator:
    """A client that publishes, and waits until the broker has it."""

    def __init__(self) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)

    def connect(self, broker: Address) -> None:
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def send(self, payload: str, *, retain: bool = False, topic: str = TOPIC) -> None:
        self._client.publish(topic, payload, 1, retain).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class ObedientDevice:
    """A publisher whose health is what it was commanded to be."""

    def __init__(self, make_publisher: MakePublisher, broker: Mosquitto, health: Health, **options: Any) -> None:
        self.obeyed: list[PauseCommand] = []
        self._health = health
        self.publisher = make_publisher(broker, on_pause=self.obeyed.append, **options)
        self.publisher.publish_status(self.health)
        # The subscription goes out ahead of the greeting, and brokers answer in order.
        eventually(lambda: self.publisher.health.last_ack_age_s is not None)

    def health(self) -> Health:
        if not self.obeyed or not self.obeyed[-1].paused:
            return self._health
        return dataclasses.replace(self._health, state="paused", paused=Paused("command", None))


@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_command_is_obeyed_and_the_status_answers(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    operator: Operator,
    health: Health,
    protocol: Literal["5", "3.1.1"],
) -> None:
    broker = mosquitto()
    board = dashboard(broker)
    device = ObedientDevice(make_publisher, broker, health, protocol=protocol)
    operator.connect(broker)

    board.wait(lambda: len(board.payloads("/status")) == 1)
    operator.send('{"paused": true, "minutes": 30}')
    board.wait(lambda: board.payloads("/status")[-1]["state"] == "paused")
    operator.send('{"paused": false}')
    board.wait(lambda: board.payloads("/status")[-1]["state"] == "running")

    assert device.obeyed == [PauseCommand(paused=True, minutes=30), PauseCommand(paused=False)]
    paused = [body["paused"] for body in board.payloads("/status") if body["state"] == "paused"]
    assert paused == [{"reason": "command", "until": None}]


@pytest.mark.broker
def test_a_command_that_is_no_command_is_named_in_one_line_and_answered_with_the_status(
    mosquitto: StartMosquitto,
    dashboard: OpenDashboard,
    make_publisher: MakePublisher,
    operator: Operator,
    health: Health,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = mosquitto()
    board = dashboard(broker, "fer/v1/+/status")
    device = ObedientDevice(make_publisher, broker, health)
    operator.connect(broker)
    board.wait(lambda: len(board.payloads("/status")) == 1)

    operator.send("\x1b[2J off\n")
    board.wait(lambda: len(board.payloads("/status")) == 2)

    lines = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert len(lines) == 1
    assert f"a command on {TOPIC} is refused" in lines[0]
    assert 'expected JSON such as {"paused": true, "minutes": 30}' in lines[0]
    assert lines[0].isprintable()
    assert device.obeyed == []
    assert device.publisher.connected


@pytest.mark.broker
@pytest.mark.parametrize("when", ["before the device connects", "while it is connected"])
def test_a_retained_command_is_never_obeyed(
    mosquitto: StartMosquitto,
    make_publisher: MakePublisher,
    operator: Operator,
    health: Health,
    caplog: pytest.LogCaptureFixture,
    when: str,
) -> None:
    broker = mosquitto()
    operator.connect(broker)
    if when == "before the device connects":
        operator.send('{"paused": true}', retain=True)
    device = ObedientDevice(make_publisher, broker, health)
    if when == "while it is connected":
        operator.send('{"paused": true}', retain=True)

    eventually(lambda: "it is retained" in caplog.text)
    operator.send("", retain=True)  # removes it
    operator.send('{"paused": false}')
    eventually(lambda: device.obeyed)

    assert device.obeyed == [PauseCommand(paused=False)]
    assert caplog.text.count("is refused") == 1


@pytest.mark.broker
def test_what_was_commanded_while_the_device_was_away_is_not_delivered_later(
    mosquitto: StartMosquitto, make_publisher: MakePublisher, operator: Operator, health: Health
) -> None:
    broker = mosquitto()
    operator.connect(broker)
    away = ObedientDevice(make_publisher, broker, health)
    away.publisher.stop(2.0)

    operator.send('{"paused": true}')
    back = ObedientDevice(make_publisher, broker, health)
    operator.send('{"paused": false}')
    eventually(lambda: back.obeyed)

    assert back.obeyed == [PauseCommand(paused=False)]


@pytest.mark.broker
def test_a_device_without_commands_subscribes_to_none(
    mosquitto: StartMosquitto, make_publisher: MakePublisher, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    broker = mosquitto("allow_anonymous true", "log_type subscribe")
    publisher = make_publisher(broker)
    eventually(lambda: publisher.health.last_ack_age_s is not None)

    log = broker._config.with_suffix(".log").read_text()

    assert "homeassistant/status" in log
    assert "command" not in log
