"""``fer-edge watch``: listens to a broker and shows every room, as a screen, as lines or as JSON."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from random import Random
from typing import TYPE_CHECKING, TextIO

from edge.commands.watch_registry import DeviceRegistry, Room, Window
from edge.config import MqttConfig
from edge.errors import BrokerError, ConfigError
from edge.mqtt.backoff import Backoff
from edge.mqtt.codec import format_time
from edge.mqtt.connection import Connection, Lost, Received, connect
from edge.mqtt.messages import BASE_TOPIC

if TYPE_CHECKING:
    from edge.commands.watch_tui import Tui

_REFRESH_S = 0.25


def watch(
    broker: MqttConfig,
    *,
    json: bool = False,
    count: int | None = None,
    out: TextIO | None = None,
    tick: Callable[[], None] = lambda: None,
    note: str = "",
) -> int:
    """Show what the broker knows until ``count`` windows have come (None: for ever); returns the exit status.

    A terminal gets a live screen, anything else one line per window; ``json`` prints the aggregates as they came, each
    id once. ``tick`` is called a few times a second and may raise to end the command. The screen shows ``note``.

    Raises:
        BrokerError: the first connection fails; after a later loss it connects again.
        ConfigError: the screen is wanted and rich is not installed.
    """
    out = out or sys.stdout
    registry, seen = DeviceRegistry(), 0
    with nullcontext() if json or not out.isatty() else _tui(out) as tui:
        for event in _listen(broker, tick):
            news = None
            if isinstance(event, Received):
                news = registry.receive(event.topic, event.payload, time.monotonic(), retained=event.retained)
            if tui is not None:
                connected = f"connected to broker {broker.host}:{broker.port}" + (note and f"; {note}")
                tui.show(registry, event if isinstance(event, str) else connected)
            elif news is not None and isinstance(event, Received):
                out.write(f"{_printable(event.payload) if json else line(*news)}\n")
                out.flush()
            seen += news is not None
            if seen == count:
                break
    return 0


def line(room: Room, window: Window) -> str:
    """One window as a line of text."""
    mood = window.mood
    people = mood.counted
    if mood.emotions is not None:
        shares = sorted(((share, name) for name, share in mood.emotions.items() if share >= 0.005), reverse=True)
        people += ": " + ", ".join(f"{name} {share:.0%}" for share, name in shares)
        people += f" ({mood.basis})" if mood.basis else ""
    elif mood.withheld is not None:
        people += f" ({mood.withheld})"
    replayed = " (replayed)" if window.historical else ""
    end = "clock not set" if window.end is None else format_time(window.end)
    return f"{end:24} {room.device}/{room.source} #{window.seq}{replayed} {people}"


def _printable(payload: bytes) -> str:
    """An aggregate on one line, without control characters that would move the cursor."""
    return "".join(character for character in payload.decode() if character.isprintable())


def _listen(broker: MqttConfig, tick: Callable[[], None]) -> Iterator[Received | str | None]:
    """Messages as they come, None after a moment without one, a sentence while there is no connection."""
    client_id = f"fer-watch-{secrets.token_hex(4)}"
    backoff = Backoff(Random())
    connection: Connection | None = _subscribe(broker, client_id)
    opened_s, connect_at_s, trouble = time.monotonic(), 0.0, ""
    try:
        while True:
            tick()
            if connection is None:
                yield trouble
                time.sleep(_REFRESH_S)
                if time.monotonic() >= connect_at_s:
                    try:
                        connection, opened_s = _subscribe(broker, client_id), time.monotonic()
                    except BrokerError as error:
                        trouble, connect_at_s = str(error), time.monotonic() + backoff.after_refusal()
                continue
            match connection.next_event(_REFRESH_S):
                case Lost(reason, contested):
                    connection.close(0.0)
                    now_s = time.monotonic()
                    trouble = f"{connection.name} lost: {reason}"
                    connect_at_s = now_s + backoff.after_loss(now_s - opened_s, contested=contested)
                    connection = None
                case Received() as received:
                    yield received
                case None:
                    yield None
    finally:
        if connection is not None:
            connection.close(1.0)


def _subscribe(broker: MqttConfig, client_id: str) -> Connection:
    connection = connect(broker, client_id)
    connection.subscribe(f"{BASE_TOPIC}/#")
    return connection


def _tui(out: TextIO) -> Tui:
    try:
        from edge.commands.watch_tui import Tui
    except ImportError as error:
        raise ConfigError(
            f"the live screen needs the package {error.name}; install fer-edge[watch], or use --json"
        ) from error
    return Tui(out)
