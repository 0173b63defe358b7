"""A small broker inside this process, for the demo; the only importer of amqtt.

Measured with amqtt 0.12.1: 500 QoS 1 messages, 20 in flight, all acknowledged and delivered in order. It speaks MQTT
3.1.1 only and may send a retained message twice: good for a demo, not for tests of record.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from amqtt.broker import Broker as AmqttBroker
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.errors import AMQTTError

from edge.errors import BrokerError
from edge.mqtt import Broker

_HOST = "127.0.0.1"
_STOP_TIMEOUT_S = 5.0


class EmbeddedBroker:
    """Serves anybody on a free loopback port, from ``with`` to its end, in a thread of its own."""

    def __init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        self._started: Future[None] = Future()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        with socket.socket() as probe:
            probe.bind((_HOST, 0))
            self.address = Broker(_HOST, probe.getsockname()[1], protocol="3.1.1")

    def __enter__(self) -> Self:
        for chatty in ("amqtt", "transitions"):
            logging.getLogger(chatty).setLevel(logging.CRITICAL)
        self._thread.start()
        self._started.result()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_TIMEOUT_S)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve())
            except (AMQTTError, OSError) as error:
                self._started.set_exception(BrokerError(f"the embedded {self.address} does not start: {error}"))

    async def _serve(self) -> None:
        broker = AmqttBroker(
            BrokerConfig(
                listeners={"default": ListenerConfig(bind=f"{_HOST}:{self.address.port}")},
                plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            )
        )
        await broker.start()
        self._started.set_result(None)
        await self._stop.wait()
        await broker.shutdown()
