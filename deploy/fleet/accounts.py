"""Prints who may do what on a cluster, as ``accounts.py rabbitmq|nats DEVICE...`` asks.

For RabbitMQ the definitions.json that rabbitmq.conf loads, for NATS the users.conf that nats.conf includes. A user is
the name in a certificate. Beside the devices there are the readers, such as ``archive-1``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

from edge.mqtt.messages import DEVICE


@dataclass(frozen=True)
class Account:
    """A user, and the topics that it may write and read; ``+`` stands for a level, ``#`` for all, at the end only."""

    name: str
    write: tuple[str, ...]
    read: tuple[str, ...]


BIRTH = "homeassistant/status"
COMMANDS = "fer/v1/+/command/+"
"""Who may write here can pause devices, those with ``mqtt.commands = true``."""
READERS = (
    *(Account(name, (), ("fer/v1/#",)) for name in ("archive-1", "archive-2", "dashboard", "telegraf")),
    Account("operator", (COMMANDS,), ("fer/v1/#",)),
    Account("home-assistant", ("homeassistant/#", COMMANDS), ("fer/v1/#", "homeassistant/#")),
)


def device(name: str) -> Account:
    """A device writes its own topics, and hears the commands to it, that Home Assistant has started, and what the
    broker keeps of its own discovery.
    """
    commands, discovery = f"fer/v1/{name}/command/+", f"homeassistant/device/{name}/config"
    parts = f"homeassistant/+/{name}/+/config"
    return Account(name, (f"fer/v1/{name}/#", discovery), (BIRTH, commands, discovery, parts))


def rabbitmq(accounts: list[Account]) -> str:
    """In RabbitMQ a topic is a routing key, with dots for slashes; a session is a queue named after the client id."""

    def keys(topics: tuple[str, ...]) -> str:
        patterns = [re.escape(topic.replace("/", ".")).replace(r"\+", "[^.]+").replace(r"\#", ".+") for topic in topics]
        return f"^({'|'.join(patterns)})$" if patterns else "^$"

    def queues(account: Account) -> str:
        return rf"mqtt-subscription-{re.escape(account.name)}qos[01]"

    definitions = {
        "vhosts": [{"name": "/"}],
        # Without a hash nobody comes in with a password.
        "users": [{"name": account.name, "password_hash": "", "tags": []} for account in accounts],
        "permissions": [
            {
                "user": account.name,
                "vhost": "/",
                "configure": f"^{queues(account)}$",
                "write": rf"^(amq\.topic|{queues(account)})$",
                "read": rf"^(amq\.topic|{queues(account)})$",
            }
            for account in accounts
        ],
        "topic_permissions": [
            {
                "user": account.name,
                "vhost": "/",
                "exchange": "amq.topic",
                "write": keys(account.write),
                "read": keys(account.read),
            }
            for account in accounts
        ],
    }
    return json.dumps(definitions, indent=1)


def nats(accounts: list[Account]) -> str:
    """In NATS a topic is a subject, with dots for slashes; its own subjects below ``$MQTT`` carry the sessions."""

    def subjects(topics: tuple[str, ...]) -> list[str]:
        # MQTT's a/# holds a itself, for which NATS needs a subject of its own.
        parents = [topic.removesuffix("/#") for topic in topics if topic.endswith("/#")]
        return [topic.replace("/", ".").replace("+", "*").replace("#", ">") for topic in (*topics, *parents)]

    users = [
        {
            "user": f"CN={account.name}",
            "permissions": {
                "publish": {"allow": subjects(account.write)},
                "subscribe": {"allow": [*subjects(account.read), "$MQTT.sub.>"]},
            },
        }
        for account in accounts
    ]
    return f"authorization {{\n  users = {json.dumps(users, indent=2)}\n}}"


def main() -> None:
    """Print the accounts of the brokers named by the first argument."""
    brokers: dict[str, Callable[[list[Account]], str]] = {"rabbitmq": rabbitmq, "nats": nats}
    if len(sys.argv) < 2 or sys.argv[1] not in brokers:
        sys.exit("usage: accounts.py rabbitmq|nats DEVICE...")
    broker, names = sys.argv[1], sys.argv[2:]
    readers = {reader.name for reader in READERS}
    for name in names:
        if not re.fullmatch(DEVICE, name) or name in readers:
            sys.exit(
                f"accounts.py: {name!r} is no device id; expected 3 to 32 characters of a-z, 0-9 and -, and no reader"
            )
    sys.stdout.write(brokers[broker]([*READERS, *map(device, names)]) + "\n")


if __name__ == "__main__":
    main()
