"""Stores every window once: archive.py NAME DATABASE [HOST [PORT]]. Start several, each with a name of its own.

They share the work through one group; a window that comes twice, or to two of them, is told by its id.
"""

import json
import sqlite3
import sys
from contextlib import suppress

from paho.mqtt.client import CallbackAPIVersion, Client

name, database, host, port = (*sys.argv[1:], "localhost", "1883")[:4]
table = sqlite3.connect(database, isolation_level=None, timeout=60)
table.execute("CREATE TABLE IF NOT EXISTS windows (id TEXT PRIMARY KEY, device TEXT, seq INTEGER, body TEXT)")


def keep(client, userdata, message):
    """Store first, acknowledge then: who is killed between gets it again."""
    with suppress(ValueError, KeyError, TypeError, OverflowError):  # not of the contract
        body = json.loads(message.payload)
        row = (str(body["id"]), str(body["device"]), int(body["seq"]), message.payload.decode())
        table.execute("INSERT INTO windows VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING", row)
    client.ack(message.mid, message.qos)


client = Client(CallbackAPIVersion.VERSION2, name, clean_session=False, manual_ack=True)
client.on_connect = lambda *_: client.subscribe("$share/archive/fer/v1/+/+/aggregate", 1)
client.on_message = keep
client.connect(host, int(port))
client.loop_forever()
