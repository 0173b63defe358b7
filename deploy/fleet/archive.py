"""Stores every window once: archive.py NAME DATABASE [HOST [PORT]]. Start several, each with a name of its own.

They share the work as one group of subscribers. A window that comes twice, or to two of them, has the same id.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import suppress
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edge.errors import MessageError
from edge.mqtt.codec import decode
from edge.mqtt.messages import Aggregate

name, database, host, port = (*sys.argv[1:], "localhost", "1883")[:4]
table = sqlite3.connect(database, isolation_level=None, timeout=60)
table.execute("CREATE TABLE IF NOT EXISTS windows (id TEXT PRIMARY KEY, device TEXT, seq INTEGER, body TEXT)")


def keep(client: Client, _userdata: Any, message: MQTTMessage) -> None:
    """Store the window, then acknowledge it: if this process is killed in between, the broker sends it again."""
    payload = bytes(message.payload)
    with suppress(MessageError):  # anybody may write to a broker
        window = decode(message.topic, payload)
        if isinstance(window, Aggregate):
            row = (window.id, window.device, window.seq, payload.decode())
            table.execute("INSERT INTO windows VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING", row)
    client.ack(message.mid, message.qos)


client = Client(CallbackAPIVersion.VERSION2, name, clean_session=False, manual_ack=True)
client.on_connect = lambda client, *_: client.subscribe("$share/archive/fer/v1/+/+/aggregate", 1)
client.on_message = keep
client.connect(host, int(port))
client.loop_forever()
