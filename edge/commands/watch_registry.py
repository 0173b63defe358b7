"""The rooms that ``watch`` has heard of: one per camera, built from whatever messages came, in any order."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil, floor

from edge.errors import MessageError
from edge.labels import EMOTIONS
from edge.mqtt.codec import decode
from edge.mqtt.messages import Aggregate, Availability, Device, Live, Status

HISTORY_S = 3600.0
_MAX_DEVICES, _MAX_SOURCES, _MAX_ROOMS = 1000, 16, 1000
_MAX_IDS, _MAX_HISTORY, _MAX_WINDOWS = 3600, 3600, 200_000
_MAX_PROBLEMS, _MAX_CHARACTERS = 20, 300
"""Bounds on what strangers send, of one device and in all, so that no device takes the place of another: devices,
cameras of a device, rooms; ids of a device, windows of a room and of all rooms; problems of a device, characters."""
_FRESH_S = 5.0
_SILENT_WINDOWS = 3
_WITHHELD = {
    "too_few_people": "emotions withheld: too few people for privacy",
    "counts_only": "emotions withheld: this device only counts",
    "context": "emotions withheld: not allowed in this kind of place",
    "unreadable": "emotions withheld: too few faces could be read",
    "gathering": "emotions withheld until more visits have ended",
    "windows_only": None,
}
_BASIS = {"room": "of at least {} together", "visits": "of {} visits"}


@dataclass(frozen=True, slots=True)
class Mood:
    """What an aggregate or a live reading says: people, the share of each emotion and of whom, or why there is none."""

    people: int
    emotions: Mapping[str, float] | None
    dominant: str | None
    withheld: str | None
    basis: str = ""
    still: int = 0

    @property
    def counted(self) -> str:
        """The number of people in words, and of faces that are none because they never moved."""
        people = {0: "nobody", 1: "1 person"}.get(self.people, f"{self.people} people")
        faces = {0: "", 1: ", and 1 face that never moved"}
        return people + faces.get(self.still, f", and {self.still} faces that never moved")

    @classmethod
    def of(cls, record: Aggregate | Live) -> Mood:
        """Shares in the order of ``EMOTIONS``, other labels after them."""
        people = record.faces.people if isinstance(record, Aggregate) else record.people
        shares = record.emotions
        if shares is not None:
            order = [*(name for name in EMOTIONS if name in shares), *(name for name in shares if name not in EMOTIONS)]
            shares = {name: shares[name] for name in order}
        withheld = None
        if record.suppressed is not None:
            withheld = _WITHHELD.get(record.suppressed, f"emotions withheld: {_printable(record.suppressed)}")
        basis = ""
        if isinstance(record, Aggregate):
            if record.suppressed == "gathering" and (gathering := record.gathering) is not None:
                withheld = f"emotions withheld: {gathering.visits} of {gathering.needed} visits have ended"
            if record.basis is not None:
                basis = _BASIS.get(record.basis.kind, _printable(record.basis.kind)).format(record.basis.people)
        still = record.faces.still if isinstance(record, Aggregate) else 0
        return cls(people, shares, max(shares, key=shares.__getitem__) if shares else None, withheld, basis, still)


@dataclass(frozen=True, slots=True)
class Window:
    """The part of an aggregate that people look at. ``received_s`` is on the monotonic clock."""

    seq: int
    mood: Mood
    analysed: int
    max_at_once: int
    duration_s: float
    end: datetime | None
    historical: bool
    received_s: float

    @classmethod
    def of(cls, record: Aggregate, received_s: float) -> Window:
        """The window that a message describes."""
        return cls(
            seq=record.seq,
            mood=Mood.of(record),
            analysed=record.frames.analysed,
            max_at_once=record.faces.max_at_once,
            duration_s=record.window.duration_s,
            end=record.window.end,
            historical=record.historical,
            received_s=received_s,
        )


class History:
    """The windows of the last hour, each with its start and end in monotonic seconds; reads no clock."""

    def __init__(self) -> None:
        self._windows: list[tuple[float, float, int, Window]] = []
        self._count = 0

    def add(self, window: Window, start_s: float, end_s: float, now_s: float, limit: int = _MAX_HISTORY) -> None:
        """Add a window; they may come in any order, each once. Those older than an hour, and the oldest beyond
        ``limit``, are dropped.
        """
        self._count += 1
        insort(self._windows, (end_s, start_s, self._count, window), key=lambda entry: entry[:3])
        self._windows = [entry for entry in self._windows if entry[0] > now_s - HISTORY_S][-limit:]

    def bins(self, count: int, now_s: float) -> list[Window | None]:
        """The hour before ``now_s`` in ``count`` equal bins, newest last; each holds its latest-ending window."""
        width_s = HISTORY_S / count
        bins: list[Window | None] = [None] * count
        for end_s, start_s, _, window in self._windows:
            first = floor((start_s - now_s + HISTORY_S) / width_s)
            last = ceil((end_s - now_s + HISTORY_S) / width_s) - 1
            for i in range(max(first, 0), min(last + 1, count)):
                bins[i] = window
        return bins


@dataclass(slots=True)
class DeviceState:
    """One device and its health; ``online`` is None until it is known. ``place`` is the room or site it stands in.

    ``labels``, ``order`` and ``colours`` are those of its model, empty until it has said so or where there are none.
    """

    place: str | None = None
    labels: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    colours: Mapping[str, str] = field(default_factory=dict)
    online: bool | None = None
    heard_s: float | None = None
    state: str | None = None
    paused: bool = False
    problems: tuple[str, ...] = ()
    sources: set[str] = field(default_factory=set)
    _ids: dict[str, None] = field(default_factory=dict)

    def is_new(self, window_id: str) -> bool:
        """Whether this id was not heard before; QoS 1 delivers at least once."""
        if window_id in self._ids:
            return False
        self._ids[window_id] = None
        if len(self._ids) > _MAX_IDS:
            del self._ids[next(iter(self._ids))]
        return True


@dataclass(slots=True)
class Room:
    """What one camera of one device sees: its newest window, its newest live reading, and its last hour."""

    device: str
    source: str
    device_state: DeviceState
    window: Window | None = None
    live: Mood | None = None
    live_received_s: float = 0.0
    history: History = field(default_factory=History)

    @property
    def address(self) -> str:
        """Device and source, as in the topic."""
        return f"{self.device}/{self.source}"

    @property
    def name(self) -> str:
        """The configured room or site, else the address."""
        return self.device_state.place or self.address

    def mood_now(self, now_s: float) -> Mood | None:
        """The live reading, unless it is old."""
        return self.live if now_s - self.live_received_s < _FRESH_S else None

    def state(self, now_s: float) -> str:
        """What the device says about itself, or ``offline``, or ``silent`` when nothing came for three windows."""
        device = self.device_state
        if device.online is False:
            return "offline"
        # A device that is paused sends its status only, once a minute.
        shortest_s = 60.0 if device.paused else 20.0
        limit_s = _SILENT_WINDOWS * max(self.window.duration_s if self.window else 60.0, shortest_s)
        if device.heard_s is not None and now_s - device.heard_s > limit_s:
            return "silent"
        return device.state or "no status yet"

    def away(self, now_s: float) -> bool:
        """Whether the device is offline or silent."""
        return self.state(now_s) in ("offline", "silent")

    def add(self, window: Window, limit: int = _MAX_HISTORY) -> None:
        """Show the window if it is the newest, and put it into the history, which holds ``limit`` windows.

        When a replayed window ended is told by its wall time, compared with that of a window that came fresh.
        """
        ended_s: float | None = window.received_s
        if window.historical:
            ended_s = None
            if self.window is not None and not self.window.historical and self.window.end and window.end:
                ended_s = self.window.received_s - (self.window.end - window.end).total_seconds()
        if ended_s is not None:
            self.history.add(window, ended_s - window.duration_s, ended_s, window.received_s, limit)
        if self.window is None or not window.historical or window.seq > self.window.seq:
            self.window = window


@dataclass(slots=True)
class DeviceRegistry:
    """All devices and rooms that were heard of."""

    rooms: dict[tuple[str, str], Room] = field(default_factory=dict)
    _devices: dict[str, DeviceState] = field(default_factory=dict)

    def receive(
        self, topic: str, payload: bytes, now_s: float, *, retained: bool = False
    ) -> tuple[Room, Window] | None:
        """Take in a message; returns the room and its window if this is an aggregate that was not heard before.

        A ``retained`` message does not prove that the device is alive. What is not of the contract is ignored.
        """
        try:
            record = decode(topic, payload)
        except MessageError:
            return None
        name = record.id if isinstance(record, Device) else record.device
        if len(self._devices) == _MAX_DEVICES and name not in self._devices:
            return None
        device = self._devices.setdefault(name, DeviceState())
        if not retained:
            device.heard_s = now_s
        match record:
            case Availability(online=online):
                device.online = online
            case Status():
                device.state, device.paused = _printable(record.state), record.paused is not None
                if record.paused is not None:
                    until = f" until {record.paused.until.astimezone():%H:%M}" if record.paused.until else ""
                    device.state = f"paused by {_printable(record.paused.reason)}{until}"
                device.problems = tuple(_printable(problem.sentence) for problem in record.problems[:_MAX_PROBLEMS])
            case Device():
                device.place = _printable(record.context.room or record.context.site) or None
                device.labels, device.order, device.colours = record.labels, record.order or (), record.colours or {}
                self._room(name, record.source, device)
            case Live():
                if room := self._room(name, record.source, device):
                    room.live, room.live_received_s = Mood.of(record), now_s
            case Aggregate():
                room = self._room(name, record.source, device)
                if room and device.is_new(record.id):
                    window = Window.of(record, now_s)
                    room.add(window, min(_MAX_HISTORY, _MAX_WINDOWS // len(self.rooms)))
                    return room, window
        return None

    def _room(self, device: str, source: str, state: DeviceState) -> Room | None:
        """The room of a camera; None where there are too many already, of this device or in all."""
        if source not in state.sources:
            if len(state.sources) == _MAX_SOURCES or len(self.rooms) == _MAX_ROOMS:
                return None
            state.sources.add(source)
            self.rooms[device, source] = Room(device, source, state)
        return self.rooms[device, source]


def _printable(text: str) -> str:
    """Text for a terminal, short and without control characters that would move the cursor."""
    return "".join(character for character in text[:_MAX_CHARACTERS] if character.isprintable())
