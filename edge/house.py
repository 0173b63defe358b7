"""What a dashboard knows after listening: one room per camera, built from whatever messages came, in any order."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge.contract import EMOTIONS
from edge.message import BASE_TOPIC

_TOPIC = re.compile(
    rf"{BASE_TOPIC}/([a-z0-9-]{{3,32}})/(?:([a-z0-9_-]{{1,32}})/)?(availability|status|info|live|aggregate)"
)
_REMEMBERED_IDS = 10_000
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
        shares = None if body["emotions"] is None else {name: float(body["emotions"][name]) for name in EMOTIONS}
        dominant = None if shares is None else max(shares, key=lambda name: shares[name])
        return cls(int(people), shares, dominant, _WITHHELD.get(str(body["suppressed"])))


@dataclass(frozen=True, slots=True)
class Window:
    """The part of an aggregate that people look at."""

    seq: int
    mood: Mood
    max_at_once: int
    duration_s: float
    end: str | None
    historical: bool
    received_s: float


@dataclass(slots=True)
class Appliance:
    """One device and its health; ``online`` is None until it is known."""

    online: bool | None = None
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


@dataclass(slots=True)
class House:
    """All rooms that were heard of."""

    rooms: dict[tuple[str, str], Room] = field(default_factory=dict)
    _appliances: dict[str, Appliance] = field(default_factory=dict)
    _ids: dict[str, None] = field(default_factory=dict)

    def take(self, topic: str, payload: bytes, now_s: float) -> tuple[Room, Window] | None:
        """Take a message in; the room and its window if this is an aggregate that was not heard before.

        Anything that is not of the contract is ignored: everybody may write to a broker.
        """
        if (match := _TOPIC.fullmatch(topic)) is None:
            return None
        device, source, kind = match.groups()
        try:
            return self._take(device, source, kind, payload, now_s)
        except (KeyError, TypeError, ValueError):
            return None

    def _take(
        self, device: str, source: str | None, kind: str, payload: bytes, now_s: float
    ) -> tuple[Room, Window] | None:
        appliance = self._appliances.setdefault(device, Appliance())
        if kind == "availability":
            appliance.online = payload == b"online"
            return None
        body = json.loads(payload)
        if kind == "status":
            appliance.state = _word(body["state"])
            appliance.problems = tuple(_word(problem["sentence"]) or "" for problem in body["problems"])
        elif kind == "info":
            self._room(device, body["source"]["id"], appliance)
        elif source is not None and kind == "live":
            mood = Mood.parse(body["people"], body)
            room = self._room(device, source, appliance)
            room.now, room.now_received_s = mood, now_s
        elif source is not None and kind == "aggregate":
            window = _window(body, now_s)
            room = self._room(device, source, appliance)
            if not self._is_new(str(body["id"])):
                return None
            if room.window is None or not window.historical or window.seq > room.window.seq:
                room.window = window
            return room, window
        return None

    def _room(self, device: str, source: str, appliance: Appliance) -> Room:
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
        seq=int(body["seq"]),
        mood=Mood.parse(body["faces"]["people"], body),
        max_at_once=int(body["faces"]["max_at_once"]),
        duration_s=float(body["window"]["duration_s"]),
        end=_word(body["window"]["end"]),
        historical=bool(body["historical"]),
        received_s=now_s,
    )


def _word(value: Any) -> str | None:
    """Text for a terminal: nothing in it may move the cursor."""
    return None if value is None else "".join(character for character in str(value) if character.isprintable())
