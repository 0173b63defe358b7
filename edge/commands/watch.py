"""``fer-edge watch``: listens to a broker and shows every room, as a screen, as lines or as JSON."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from random import Random
from typing import TYPE_CHECKING, TextIO

from edge.commands.watch_rooms import House, Room, Window
from edge.errors import BrokerError, ConfigError
from edge.mqtt.backoff import Redial
from edge.mqtt.broker import Broker
from edge.mqtt.connection import Connection, Lost, Received
from edge.mqtt.messages import BASE_TOPIC

if TYPE_CHECKING:
    from edge.commands.watch_screen import Screen

_REFRESH_S = 0.25


def watch(
    broker: Broker,
    *,
    json: bool = False,
    count: int | None = None,
    out: TextIO | None = None,
    tick: Callable[[], None] = lambda: None,
) -> int:
    """Show what the broker knows until ``count`` windows have come (None: for ever); returns the exit status.

    A terminal gets a live screen, anything else one line per window; ``json`` prints the aggregates as they came, each
    id once. ``tick`` is called a few times a second and may raise to end the watching.

    Raises:
        BrokerError: the first connection fails; a later loss is waited out.
        ConfigError: the screen is wanted and rich is not installed.
    """
    out = out or sys.stdout
    house, seen = House(), 0
    with nullcontext() if json or not out.isatty() else _screen(out) as screen:
        for event in _listen(broker, tick):
            news = None
            if isinstance(event, Received):
                news = house.take(event.topic, event.payload, time.monotonic(), retained=event.retained)
            if screen is not None:
                screen.show(house, event if isinstance(event, str) else f"connected to {broker}")
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
    elif mood.withheld is not None:
        people += f" ({mood.withheld})"
    replayed = " (replayed)" if window.historical else ""
    return f"{window.end or 'clock not set':24} {room.device}/{room.source} #{window.seq}{replayed} {people}"


def _printable(payload: bytes) -> str:
    """An aggregate on one line, and nothing in it that moves the cursor."""
    return "".join(character for character in payload.decode() if character.isprintable())


def _listen(broker: Broker, tick: Callable[[], None]) -> Iterator[Received | str | None]:
    """Messages as they come, None when there was none for a moment, a sentence while there is no connection."""
    client_id = f"fer-watch-{secrets.token_hex(4)}"
    redial = Redial(Random())
    connection: Connection | None = _subscribe(broker, client_id)
    opened_s, dial_s, trouble = time.monotonic(), 0.0, ""
    try:
        while True:
            tick()
            if connection is None:
                yield trouble
                time.sleep(_REFRESH_S)
                if time.monotonic() >= dial_s:
                    try:
                        connection, opened_s = _subscribe(broker, client_id), time.monotonic()
                    except BrokerError as error:
                        trouble, dial_s = str(error), time.monotonic() + redial.after_refusal()
                continue
            match connection.next_event(_REFRESH_S):
                case Lost(reason, contested):
                    connection.close(0.0)
                    connection = None
                    now_s = time.monotonic()
                    trouble = f"{broker} lost: {reason}"
                    dial_s = now_s + redial.after_loss(now_s - opened_s, contested=contested)
                case Received() as received:
                    yield received
                case None:
                    yield None
    finally:
        if connection is not None:
            connection.close(1.0)


def _subscribe(broker: Broker, client_id: str) -> Connection:
    connection = Connection(broker, client_id)
    connection.subscribe(f"{BASE_TOPIC}/#")
    return connection


def _screen(out: TextIO) -> Screen:
    try:
        from edge.commands.watch_screen import Screen
    except ImportError as error:
        raise ConfigError(
            f"the live screen needs the package {error.name}; install fer-edge[watch], or use --json"
        ) from error
    return Screen(out)
