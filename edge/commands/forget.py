"""``fer-edge forget``: clears what a broker keeps of this device, before the device goes for good."""

from __future__ import annotations

from collections.abc import Iterator

from edge.commands.check_network import ask
from edge.config import Config, device_id
from edge.errors import BrokerError
from edge.mqtt.codec import KINDS, Message
from edge.mqtt.connection import Connection
from edge.mqtt.home_assistant import DISCOVERY_TOPIC
from edge.mqtt.messages import BASE_TOPIC


def forget(config: Config) -> Iterator[str]:
    """Clear the retained messages of the configured device, also Home Assistant's; yields a sentence for each broker.

    An empty payload removes a retained message. A running daemon would publish them again, so stop it first.

    Raises:
        BrokerError: a broker cannot be reached, or refuses.
        ConfigError: the device has no id, or a password or TLS file cannot be used.
    """
    device = device_id(config.device)
    topics = [f"{BASE_TOPIC}/{device}/{name}" for name, kind in KINDS.items() if kind.retain]
    topics.append(DISCOVERY_TOPIC.format(device=device))
    for broker in config.mqtt.brokers():
        connection = Connection(broker, f"{device}-forget")
        try:
            for topic in topics:
                answer = ask(connection, Message(topic, b"", retain=True))
                if answer.refused:
                    raise BrokerError(f"{connection.name} refuses to clear {topic}: {answer.reason}")
        finally:
            connection.close(timeout_s=1.0)
        yield f"{connection.name} keeps nothing of {device} any more"
