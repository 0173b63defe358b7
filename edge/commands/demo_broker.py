"""A small broker for the demo, run as ``python -m edge.commands.demo_broker``. The only importer of amqtt.

It prints its ports, of MQTT and of MQTT over WebSockets for the dashboard page, and serves everybody on the loopback
interface until its standard input is closed, so it cannot outlive the process that started it. Where amqtt is not
installed, as in the Debian package, it runs the program mosquitto.

Measured with amqtt 0.12.1: 500 QoS 1 messages, 20 in flight, all acknowledged and delivered in order. It supports MQTT
3.1.1 only and may send a retained message twice: good for a demo, not for tests.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec

HOST = "127.0.0.1"
SYSTEM_PROGRAMS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
"""Where mosquitto is looked for: Debian keeps it out of the PATH of ordinary users."""


def mosquitto() -> str | None:
    """The program, if it is installed."""
    return shutil.which("mosquitto", path=SYSTEM_PROGRAMS)


def free_port() -> int:
    """A loopback port that nobody listens on, below those that the system gives to clients.

    A client that waits for a server on one of theirs can be given the same port and so be connected to itself.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        if not _answers(port):
            return port


def _tell(ports: tuple[int, int]) -> None:
    sys.stdout.write(f"{ports[0]} {ports[1]}\n")
    sys.stdout.flush()


def run_mosquitto(program: str) -> None:
    """Run mosquitto until standard input is closed."""
    ports = (free_port(), free_port())
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
        settings.write(f"listener {ports[0]} {HOST}\nlistener {ports[1]} {HOST}\nprotocol websockets\n")
        settings.write("allow_anonymous true\n")
        settings.flush()
        with subprocess.Popen([program, "-c", settings.name], stdin=subprocess.DEVNULL) as process:
            while process.poll() is None:
                if all(map(_answers, ports)):
                    _tell(ports)
                    sys.stdin.read()
                    process.terminate()
                    return
                time.sleep(0.05)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


async def serve() -> None:
    """Serve with amqtt until standard input is closed."""
    from amqtt.broker import Broker
    from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType

    ports = (free_port(), free_port())
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
    _tell(ports)
    await asyncio.to_thread(sys.stdin.read)
    # amqtt's own shutdown waits for its clients and warns about them; nothing here needs that.
    os._exit(0)


if __name__ == "__main__":
    logging.disable()
    program = None if find_spec("amqtt") else mosquitto()
    if program is None:
        asyncio.run(serve())
    else:
        run_mosquitto(program)
