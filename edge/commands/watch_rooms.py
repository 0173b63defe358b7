"""What a dashboard knows after listening: one room per camera, built from whatever messages came, in any order."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from edge.commands.watch_history import Hour
from edge.labels import EMOTIONS
from edge.mqtt.messages import BASE_TOPIC

_TOPIC = re.compile(
    rf"{BASE_TOPIC}/([a-z0-9-]{{3,32}})/(?:([a-z0-9_-]{{1,32}})/)?(availability|status|info|live|aggregate)"
)
_SOURCE, _WINDOW_ID = re.compile(r"[a-z0-9_-]{1,32}"), re.compile(r"[a-z0-9-]{3,32}-\d{12}")
_REMEMBERED_IDS = 10_000
_FRESH_S = 5.0
_SILENT_WINDOWS = 3
_MOST_ROOMS, _MOST_PROBLEMS, _MOST_CHARACTERS, _MOST_BYTES = 1000, 20, 300, 65_536
"""Bounds for what strangers send; nothing of ours comes near."""
_WITHHELD = {
    "too_few_people": "emotions withheld: too few people for privacy",
    "counts_only": "emotions withheld: this device only counts",
}


@dataclass(frozen=True, slots=True)
class Mood:
    """What an aggregate or a live reading says: people, and the share of each emotion or why there is none."""

    people: int
    emotions: Mapping[str, float] | None
    dominant: str | None
    withheld: str | None

    @property
    def counted(self) -> str:
        """The number of people in words."""
        return {0: "nobody", 1: "1 person"}.get(self.people, f"{self.people} people")

    @classmethod
    def parse(cls, people: Any, body: Mapping[str, Any]) -> Mood:
        """Read untrusted JSON; raises KeyError, TypeError or ValueError where it is not of the contract."""
        shares = None if body["emotions"] is None else {name: _amount(body["emotions"][name], 1) for name in EMOTIONS}
        dominant = None if shares is None else max(shares, key=lambda name: shares[name])
        return cls(int(_amount(people)), shares, dominant, _WITHHELD.get(str(body["suppressed"])))


@dataclass(frozen=True, slots=True)
class Window:
    """The part of an aggregate that people look at."""

    seq: int
    mood: Mood
    analysed: int
    max_at_once: int
    duration_s: float
    end: str | None
    historical: bool
    received_s: float


@dataclass(slots=True)
class Appliance:
    """One device and its health; ``online`` is None until it is known. ``place`` is the room or site it stands in."""

    place: str | None = None
    online: bool | None = None
    heard_s: float | None = None
    state: str | None = None
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class Room:
    """One camera of one device, with its newest window and reading."""

    device: str
    source: str
    appliance: Appliance
    window: Window | None = None
    now: Mood | None = None
    now_received_s: float = 0.0
    hour: Hour[Window] = field(default_factory=Hour)

    @property
    def address(self) -> str:
        """Device and source, as in the topic."""
        return f"{self.device}/{self.source}"

    @property
    def name(self) -> str:
        """What people call it."""
        return self.appliance.place or self.address

    def mood_now(self, now_s: float) -> Mood | None:
        """What is in view now, unless that is old."""
        return self.now if now_s - self.now_received_s < _FRESH_S else None

    def state(self, now_s: float) -> str:
        """What the device says about itself, or ``offline``, or ``silent`` when nothing came for three windows."""
        if self.appliance.online is False:
            return "offline"
        patience_s = _SILENT_WINDOWS * max(self.window.duration_s if self.window else 60.0, 20.0)
        if self.appliance.heard_s is not None and now_s - self.appliance.heard_s > patience_s:
            return "silent"
        return self.appliance.state or "no status yet"

    def away(self, now_s: float) -> bool:
        """Whether nothing can be expected of it."""
        return self.state(now_s) in ("offline", "silent")

    def keep(self, window: Window) -> None:
        """Remember a window in its own time; a replayed one needs a clock and a fresh one to tell when that was."""
        ended_s: float | None = window.received_s
        if window.historical:
            ended_s = None
            if self.window is not None and not self.window.historical and self.window.end and window.end:
                earlier = datetime.fromisoformat(self.window.end) - datetime.fromisoformat(window.end)
                ended_s = self.window.received_s - earlier.total_seconds()
        if ended_s is not None:
            self.hour.note(window, ended_s - window.duration_s, ended_s, window.received_s)


@dataclass(slots=True)
class House:
    """All rooms that were heard of."""

    rooms: dict[tuple[str, str], Room] = field(default_factory=dict)
    _appliances: dict[str, Appliance] = field(default_factory=dict)
    _ids: dict[str, None] = field(default_factory=dict)

    def take(self, topic: str, payload: bytes, now_s: float, *, retained: bool = False) -> tuple[Room, Window] | None:
        """Take a message in; the room and its window if this is an aggregate that was not heard before.

        ``retained`` says nothing about whether the device speaks now.

        Anything that is not of the contract is ignored: everybody may write to a broker.
        """
        if len(payload) > _MOST_BYTES or (match := _TOPIC.fullmatch(topic)) is None:
            return None
        device, source, kind = match.groups()
        try:
            return self._take(device, source, kind, payload, now_s, retained)
        except (KeyError, TypeError, ValueError, RecursionError):
            return None

    def _take(
        self, device: str, source: str | None, kind: str, payload: bytes, now_s: float, retained: bool
    ) -> tuple[Room, Window] | None:
        if len(self._appliances) == _MOST_ROOMS and device not in self._appliances:
            return None
        appliance = self._appliances.setdefault(device, Appliance())
        if not retained:
            appliance.heard_s = now_s
        if kind == "availability":
            appliance.online = payload == b"online"
            return None
        body = json.loads(payload.decode())
        if kind == "status":
            appliance.state = _word(body["state"])
            appliance.problems = tuple(
                _word(problem["sentence"]) or "" for problem in body["problems"][:_MOST_PROBLEMS]
            )
        elif kind == "info":
            context = dict(body["context"])
            appliance.place = _word(context.get("room") or context.get("site"))
            self._room(device, _matching(_SOURCE, body["source"]["id"]), appliance)
        elif source is not None and kind == "live":
            mood = Mood.parse(body["people"], body)
            room = self._room(device, source, appliance)
            room.now, room.now_received_s = mood, now_s
        elif source is not None and kind == "aggregate":
            window, window_id = _window(body, now_s), _matching(_WINDOW_ID, body["id"])
            room = self._room(device, source, appliance)
            if not self._is_new(window_id):
                return None
            room.keep(window)
            if room.window is None or not window.historical or window.seq > room.window.seq:
                room.window = window
            return room, window
        return None

    def _room(self, device: str, source: str, appliance: Appliance) -> Room:
        if len(self.rooms) == _MOST_ROOMS and (device, source) not in self.rooms:
            raise ValueError(f"more than {_MOST_ROOMS} rooms")
        return self.rooms.setdefault((device, source), Room(device, source, appliance))

    def _is_new(self, window_id: str) -> bool:
        """QoS 1 delivers at least once; the id tells a second time."""
        if window_id in self._ids:
            return False
        self._ids[window_id] = None
        if len(self._ids) > _REMEMBERED_IDS:
            del self._ids[next(iter(self._ids))]
        return True


def _window(body: Mapping[str, Any], now_s: float) -> Window:
    return Window(
        seq=int(_amount(body["seq"])),
        mood=Mood.parse(body["faces"]["people"], body),
        analysed=int(_amount(body["frames"]["analysed"])),
        max_at_once=int(_amount(body["faces"]["max_at_once"])),
        duration_s=_amount(body["window"]["duration_s"]),
        end=_word(body["window"]["end"]),
        historical=bool(body["historical"]),
        received_s=now_s,
    )


def _amount(value: Any, most: float = 1e12) -> float:
    if not 0 <= value <= most:  # nor is NaN
        raise ValueError(f"{value} is outside 0..{most:g}")
    return float(value)


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if pattern.fullmatch(value) is None:
        raise ValueError(f"{value!r} is not of the form {pattern.pattern}")
    return str(value)


def _word(value: Any) -> str | None:
    """Text for a terminal: nothing in it may move the cursor."""
    if value is None:
        return None
    return "".join(character for character in str(value)[:_MOST_CHARACTERS] if character.isprintable())
