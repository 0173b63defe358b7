"""Stores every window of a fleet once, in SQLite.

Start several, each with a name of its own, on one database: they share the work as one group of subscribers. A window
that comes twice, or to two of them, has the same device and id.
"""

from __future__ import annotations

import argparse
import logging
import sqlite3
import time
from collections import defaultdict
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge.config import MqttConfig, load
from edge.errors import MessageError
from edge.mqtt.codec import decode
from edge.mqtt.credentials import read_password, tls_context
from edge.mqtt.messages import Aggregate

TOPIC, GROUP = "fer/v1/+/+/aggregate", "$share/archive/"
KEEPALIVE_S = 15
PAUSE_S = 1.0
"""Between two attempts to connect. Until it is back, a broker that lost its sessions has nobody to keep windows for."""
MAX_DEVICES, MAX_SOURCES = 100_000, 16
"""Bounds on what strangers write: devices in all, and cameras of one device."""

_log = logging.getLogger("archive")


class Archive:
    """The table of windows."""

    def __init__(self, database: str) -> None:
        self._table = sqlite3.connect(database, isolation_level=None, timeout=60)
        self._table.execute(
            "CREATE TABLE IF NOT EXISTS windows"
            " (device TEXT, id TEXT, source TEXT, seq INTEGER, body TEXT, PRIMARY KEY (device, id)) WITHOUT ROWID"
        )
        self._table.execute(
            "CREATE TABLE IF NOT EXISTS sources (device TEXT, source TEXT, PRIMARY KEY (device, source))"
        )
        with suppress(sqlite3.OperationalError):  # another archive is writing; the mode stays in the file
            self._table.execute("PRAGMA journal_mode = WAL")  # one write to the disk for a window: 410/s, not 140/s
        self._sources: defaultdict[str, set[str]] = defaultdict(set)
        for device, source in self._table.execute("SELECT device, source FROM sources"):
            self._sources[device].add(source)

    def keep(self, topic: str, payload: bytes) -> None:
        """Store the window of a message, unless it is there already.

        Raises:
            MessageError: it is not of the contract, or of too many devices or cameras.
        """
        window = decode(topic, payload)
        if not isinstance(window, Aggregate):
            raise MessageError(f"{topic}: no window")
        if window.source not in self._sources.get(window.device, ()):
            self._admit(window)
        row = (window.device, window.id, window.source, window.seq, payload.decode())
        self._table.execute("INSERT INTO windows VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row)

    def _admit(self, window: Aggregate) -> None:
        if window.device not in self._sources and len(self._sources) >= MAX_DEVICES:
            raise MessageError(f"{window.device}: there are {MAX_DEVICES} devices already")
        if len(self._sources.get(window.device, ())) >= MAX_SOURCES:
            raise MessageError(f"{window.device}: it has {MAX_SOURCES} sources already")
        self._table.execute("INSERT INTO sources VALUES (?, ?) ON CONFLICT DO NOTHING", (window.device, window.source))
        self._sources[window.device].add(window.source)


class Subscriber:
    """A client with a session, so that the broker keeps what comes while it is away."""

    def __init__(self, name: str, broker: MqttConfig, archive: Archive, topic: str) -> None:
        self._archive, self._topic = archive, topic
        self._client = Client(
            CallbackAPIVersion.VERSION2, name, clean_session=False, manual_ack=True, reconnect_on_failure=False
        )
        if broker.username:
            self._client.username_pw_set(broker.username, read_password(broker))
        if context := tls_context(broker):
            self._client.tls_set_context(context)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda client, *_: _log.info("listens to %s:%d", client.host, client.port)
        self._client.on_message = self._keep

    def listen(self, host: str, port: int) -> None:
        """Store what comes, until the connection is lost.

        Raises:
            OSError: the broker cannot be reached.
        """
        self._client.connect(host, port, KEEPALIVE_S)
        self._client.loop_forever()

    def _subscribe(self, client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if reason.is_failure:
            _log.warning("%s:%d refused: %s", client.host, client.port, reason)
        else:
            client.subscribe(self._topic, 1)

    def _keep(self, client: Client, _data: Any, message: MQTTMessage) -> None:
        """Store the window, then acknowledge it: if this process is killed in between, the broker sends it again."""
        try:
            self._archive.keep(message.topic, bytes(message.payload))
        except MessageError as error:  # anybody may write to a broker
            _log.warning("refused %s", error)
        client.ack(message.mid, message.qos)


def main() -> None:
    """Store until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="the client id; another archive needs another")
    parser.add_argument("database", help="the SQLite file, made if it is not there")
    parser.add_argument("brokers", nargs="*", metavar="HOST:PORT", default=["localhost:1883"], help="tried in turn")
    parser.add_argument("--config", type=Path, metavar="FILE", help="whose [mqtt] has the password and the TLS files")
    parser.add_argument("--no-group", action="store_true", help="for a broker without shared subscriptions")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")

    broker = load(options.config).mqtt if options.config else MqttConfig()
    topic = TOPIC if options.no_group else GROUP + TOPIC
    subscriber = Subscriber(options.name, broker, Archive(options.database), topic)
    addresses = [address.rpartition(":")[::2] for address in options.brokers]
    for host, port in cycle(addresses):
        try:
            subscriber.listen(host, int(port))
        except OSError as error:
            _log.info("%s:%s cannot be reached: %s", host, port, error)
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
