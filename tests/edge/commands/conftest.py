"""What ``watch`` remembers, fed with messages."""

from __future__ import annotations

import pytest

from edge.commands.watch_registry import DeviceRegistry, Room, Window
from edge.mqtt.codec import encode
from edge.mqtt.messages import Record


@pytest.fixture
def registry() -> DeviceRegistry:
    """One that has heard nothing yet."""
    return DeviceRegistry()


def receive(
    registry: DeviceRegistry, *records: Record, now_s: float = 50.0, retained: bool = False
) -> list[tuple[Room, Window] | None]:
    """Receive the messages of these records."""
    messages = [encode(record) for record in records]
    return [registry.receive(message.topic, message.payload, now_s, retained=retained) for message in messages]


def only_room(registry: DeviceRegistry) -> Room:
    """The room of the only device."""
    (room,) = registry.rooms.values()
    return room
