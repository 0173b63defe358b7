"""A second MQTT client that listens to everything."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any, Protocol

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion


class Address(Protocol):
    """Where a broker listens."""

    host: str
    port: int


class Dashboard:
    """An independent subscriber that keeps everything it receives and reconnects at once after an outage."""

    def __init__(self, broker: Address, topic: str = "#") -> None:
        self.messages: list[MQTTMessage] = []
        self.subscriptions = 0
        self._changed = threading.Condition()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(0.05, 0.05)  # type: ignore[arg-type]  # fractions work
        self._client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self._client.on_subscribe = lambda *_: self._note(None)
        self._client.on_message = lambda _client, _data, message: self._note(message)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        self.wait(lambda: self.subscriptions > 0)

    def _note(self, message: MQTTMessage | None) -> None:
        with self._changed:
            if message is None:
                self.subscriptions += 1
            else:
                self.messages.append(message)
            self._changed.notify_all()

    def wait(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        """Wait until ``condition`` holds, asked at every message; fail with what came instead."""
        with self._changed:
            reached = self._changed.wait_for(condition, timeout_s)
        assert reached, [(m.topic, m.payload[:80]) for m in self.messages]

    @property
    def seqs(self) -> list[int]:
        """Numbers of the windows, in order of arrival."""
        return [body["seq"] for body in self.payloads("/aggregate")]

    def payloads(self, ending: str) -> list[Any]:
        """Decoded payloads of the topics that end so, in order of arrival."""
        return [_decoded(m.payload) for m in list(self.messages) if m.topic.endswith(ending)]

    def publish(self, topic: str, payload: str) -> None:
        """Publish with QoS 1 and wait until the broker has it."""
        self._client.publish(topic, payload, 1).wait_for_publish(10)

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


class OpenDashboard(Protocol):
    """Type of the fixture ``dashboard``."""

    def __call__(self, broker: Address, topic: str = "#") -> Dashboard:
        """Subscribe to ``topic`` at ``broker``."""


def _decoded(payload: bytes | bytearray) -> Any:
    return json.loads(payload) if payload[:1] in b"{[" else payload.decode()
