"""``mqtt.hosts``: a device whose broker is gone goes to the next."""

from __future__ import annotations

from contextlib import closing
from random import Random

import pytest

from edge.commands.demo_broker import free_port
from edge.config import MqttConfig
from edge.errors import BrokerError
from edge.mqtt.connection import connect
from edge.mqtt.messages import Device
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.wallclock import WallClock
from tests.edge.conftest import Summary
from tests.support.dashboard import OpenDashboard
from tests.support.mosquitto import StartMosquitto
from tests.support.waiting import eventually


def test_a_device_whose_broker_is_lost_delivers_to_the_next(
    mosquitto: StartMosquitto, dashboard: OpenDashboard, device: Device, summary: Summary
) -> None:
    first, second = mosquitto(), mosquitto()
    heard = {broker: dashboard(broker) for broker in (first, second)}
    hosts = tuple(f"{broker.host}:{broker.port}" for broker in (first, second))
    outbox = Outbox(None, device.id)
    publisher = Publisher(MqttConfig(hosts=hosts), device, outbox, WallClock(), random=Random(1))
    publisher.start()
    eventually(lambda: any(each.messages for each in heard.values()))
    here, there = (first, second) if heard[first].messages else (second, first)

    here.kill()
    publisher.publish_window(summary())

    eventually(lambda: device.topic("cam0/aggregate") in [message.topic for message in heard[there].messages])
    publisher.stop(2.0)
    outbox.close()


def test_a_fleet_spreads_over_the_brokers(device: Device) -> None:
    broker = MqttConfig(hosts=("broker-1", "broker-2", "broker-3"))

    with closing(Outbox(None, device.id)) as outbox:
        publishers = [Publisher(broker, device, outbox, WallClock(), random=Random(seed)) for seed in range(30)]

    assert {next(publisher._brokers).host for publisher in publishers} == set(broker.hosts)


def test_a_command_takes_the_first_broker_that_answers(mosquitto: StartMosquitto) -> None:
    broker = mosquitto()

    connection = connect(MqttConfig(hosts=(f"127.0.0.1:{free_port()}", f"127.0.0.1:{broker.port}")), "command")

    assert connection.name.endswith(f":{broker.port}")
    connection.close(1.0)


def test_a_command_without_any_broker_names_the_last() -> None:
    last = free_port()

    with pytest.raises(BrokerError, match=rf"127\.0\.0\.1:{last} cannot be reached"):
        connect(MqttConfig(hosts=(f"127.0.0.1:{free_port()}", f"127.0.0.1:{last}")), "command")
