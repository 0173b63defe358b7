"""A subscriber with a session: what comes while it is away waits at the broker, and what it has kept is acknowledged.

``Connection`` starts afresh at each connect, as a device does. This is the other side, so it imports paho too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge.config import MqttConfig
from edge.errors import BrokerError
from edge.mqtt.connection import KEEPALIVE_S, explain
from edge.mqtt.credentials import read_password, tls_context

_log = logging.getLogger(__name__)


class Subscriber:
    """Hands every message to ``keep``, then acknowledges it: if the process dies in between, it comes again."""

    def __init__(
        self, name: str, broker: MqttConfig, topics: Sequence[str], keep: Callable[[str, bytes], None]
    ) -> None:
        """Set up the session of ``name``.

        Raises:
            ConfigError: the password or a TLS file cannot be used.
        """
        self._broker, self._topics, self._keep = broker, topics, keep
        self.address = f"{broker.host}:{broker.port}"
        self._failure: Exception | None = None
        self._client = Client(
            CallbackAPIVersion.VERSION2, name, clean_session=False, manual_ack=True, reconnect_on_failure=False
        )
        if broker.username:
            self._client.username_pw_set(broker.username, read_password(broker))
        if context := tls_context(broker):
            self._client.tls_set_context(context)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: _log.info("listens to %s", self.address)
        self._client.on_message = self._take

    def listen(self) -> None:
        """Keep what comes, until the connection is lost.

        Raises:
            BrokerError: the broker cannot be reached, or refuses us.
            Exception: what ``keep`` raised.
        """
        try:
            self._client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
        except OSError as error:
            raise BrokerError(f"broker {self.address} cannot be reached: {explain(error)}") from error
        self._client.loop_forever()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def stop(self) -> None:
        """End ``listen``; for signal handlers and other threads. The session stays."""
        self._client.disconnect()

    def _subscribe(self, client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if reason.is_failure:
            self._failure = BrokerError(f"broker {self.address} refuses us: {reason}")
            client.disconnect()
        else:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _take(self, client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            self._keep(message.topic, bytes(message.payload))
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread, without acknowledging
            self._failure = error
            client.disconnect()
            return
        client.ack(message.mid, message.qos)
