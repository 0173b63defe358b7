"""Records -> topic and JSON: the only module that knows the MQTT contract.

Every topic lies below ``fer/v1/<device id>``; the discovery topic of Home Assistant is made in ``homeassistant``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from edge.labels import EMOTIONS
from edge.mqtt.wallclock import WallClock
from edge.records import EmotionScores, Health, RoomReading, WindowSummary

BASE_TOPIC = "fer/v1"
STATUS_PERIOD_S = 60.0
"""How often ``status`` is due; with MQTT 5 the broker forgets it after three periods."""
ONLINE = b"online"
OFFLINE = b"offline"


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT publication. ``expiry_s`` asks an MQTT 5 broker to forget it after that time; None keeps it."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    expiry_s: int | None = None

    @property
    def content_type(self) -> str:
        """Media type of the payload, which MQTT 5 carries along."""
        return "application/json" if self.payload.startswith(b"{") else "text/plain"

    @property
    def user_properties(self) -> list[tuple[str, str]]:
        """What MQTT 5 repeats of the payload beside it, so that a broker's rules need not open it."""
        if not self.payload.startswith(b'{"schema":'):
            return []
        body = json.loads(self.payload)
        return [(name, body[name]) for name in ("schema", "device")]


@dataclass(frozen=True, slots=True)
class Model:
    """What answers for the faces: a release, which of its heads, and what computes."""

    id: str
    sha256: str
    head: str
    device: str


@dataclass(frozen=True, slots=True)
class Device:
    """Who is speaking: what every message and ``info`` say about this device and how it is set up.

    ``id`` and ``source`` are levels of topics; ``config`` has checked them.
    """

    id: str
    source: str
    version: str
    camera: str
    detector: str
    model: Model
    window_s: float
    min_people: int
    counts_only: bool
    context: Mapping[str, str] = field(default_factory=dict)

    def topic(self, name: str) -> str:
        """The full topic of ``status``, ``cam0/aggregate`` and so on."""
        return f"{BASE_TOPIC}/{self.id}/{name}"


def availability(device: Device, *, online: bool) -> Message:
    """Whether the device is there; ``online=False`` is also its last will."""
    return Message(device.topic("availability"), ONLINE if online else OFFLINE, retain=True)


def status(device: Device, health: Health, clock: WallClock) -> Message:
    """The daemon's health, every ``STATUS_PERIOD_S`` and on change."""
    body = {"schema": "fer-edge/status/1", "device": device.id, **asdict(health), "clock": clock.state}
    expiry_s = round(3 * STATUS_PERIOD_S)
    return Message(device.topic("status"), encode(_rounded(body)), retain=True, expiry_s=expiry_s)


def info(device: Device) -> Message:
    """What does not change while the daemon runs."""
    body = {
        "schema": "fer-edge/info/1",
        "device": device.id,
        "version": device.version,
        "model": asdict(device.model),
        "labels": EMOTIONS,
        "source": {"id": device.source, "camera": device.camera, "detector": device.detector},
        "window_s": device.window_s,
        "privacy": {"min_people": device.min_people, "counts_only": device.counts_only},
        "context": dict(device.context),
    }
    return Message(device.topic("info"), encode(body), retain=True)


def live(device: Device, room: RoomReading, clock: WallClock) -> Message:
    """The newest state of the room, for gauges; may be lost."""
    now = clock.now()
    body = {
        "schema": "fer-edge/live/1",
        "device": device.id,
        "source": device.source,
        "time": now,
        "clock": _clock(now),
        "people": room.people,
        **_mood(room.emotions),
        "suppressed": room.suppressed,
    }
    return Message(device.topic(f"{device.source}/live"), encode(body), qos=0)


def aggregate(device: Device, seq: int, summary: WindowSummary, clock: WallClock) -> Message:
    """One finished window; its ``id`` is the key by which consumers remove duplicates."""
    start, end = clock.stamps(summary.start_s, summary.end_s)
    body = {
        "schema": "fer-edge/aggregate/1",
        "id": f"{device.id}-{seq:012d}",
        "seq": seq,
        "device": device.id,
        "source": device.source,
        "window": {
            "start": start,
            "end": end,
            "duration_s": round(summary.end_s - summary.start_s, 3),
            "clock": _clock(start),
        },
        "historical": False,
        "frames": {"captured": summary.captured, "analysed": summary.analysed, "dropped": summary.dropped},
        "faces": {
            "people": summary.people,
            "max_at_once": summary.max_at_once,
            "mean_at_once": round(summary.mean_at_once, 3),
        },
        **_mood(summary.emotions),
        "uncertain": None if summary.uncertain is None else round(summary.uncertain, 3),
        "suppressed": summary.suppressed,
        "model": asdict(device.model),
    }
    return Message(device.topic(f"{device.source}/aggregate"), encode(body))


def historical(message: Message) -> Message:
    """The same aggregate, marked as replayed after an outage."""
    return replace(message, payload=encode(json.loads(message.payload) | {"historical": True}))


def _clock(stamp: str | None) -> str:
    """The word that belongs to a wall time; the clock may be set between two questions."""
    return "unsynced" if stamp is None else "synced"


def _mood(emotions: EmotionScores | None) -> dict[str, Any]:
    if emotions is None:
        return {"emotions": None, "dominant": None}
    return {"emotions": _shares(emotions), "dominant": emotions.dominant}


def _shares(emotions: EmotionScores) -> dict[str, float]:
    """Probabilities in thousandths that sum to one thousand: the largest remainders are rounded up (Hamilton)."""
    total = sum(emotions.probabilities)
    exact = [1000 * max(p, 0.0) / total for p in emotions.probabilities]
    parts = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: parts[i] - exact[i])
    for i in by_remainder[: 1000 - sum(parts)]:
        parts[i] += 1
    return {emotion: part / 1000 for emotion, part in zip(EMOTIONS, parts, strict=True)}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def encode(body: object) -> bytes:
    """Compact JSON in UTF-8.

    Raises:
        ValueError: a number is not finite.
    """
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
