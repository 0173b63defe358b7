"""A small broker for the demo, run as ``python -m edge.commands.demo_broker``. The only importer of amqtt.

It prints its ports, of MQTT and of MQTT over WebSockets for the dashboard page, and serves everybody on the loopback
interface until its standard input is closed, so it cannot outlive the process that started it. Measured with amqtt
0.12.1: 500 QoS 1 messages, 20 in flight, all acknowledged and delivered in order. It supports MQTT 3.1.1 only and may
send a retained message twice: good for a demo, not for tests.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType

HOST = "127.0.0.1"


async def serve() -> None:
    """Serve until standard input is closed."""
    with socket.socket() as plain, socket.socket() as web:
        for probe in (plain, web):
            probe.bind((HOST, 0))
        ports = plain.getsockname()[1], web.getsockname()[1]
    broker = Broker(
        BrokerConfig(
            listeners={
                "default": ListenerConfig(bind=f"{HOST}:{ports[0]}"),
                "web": ListenerConfig(type=ListenerType.WS, bind=f"{HOST}:{ports[1]}"),
            },
            plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        )
    )
    await broker.start()
    sys.stdout.write(f"{ports[0]} {ports[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    # amqtt's own shutdown waits for its clients and warns about them; nothing here needs that.
    os._exit(0)


if __name__ == "__main__":
    logging.disable()
    asyncio.run(serve())
