"""Devices that are not there but speak as real ones do, and a broker that serves the page."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.labels import EMOTIONS
from edge.mqtt.codec import Message, encode
from edge.mqtt.compose import aggregate, live, status
from edge.mqtt.messages import Availability, Context, Device, Model, Privacy
from edge.mqtt.wallclock import WallClock
from edge.records import (
    CameraHealth,
    DeliveryHealth,
    EmotionScores,
    Health,
    HostHealth,
    InferenceHealth,
    Percentiles,
    Problem,
    RoomReading,
    WindowSummary,
)

FOLDER = Path(__file__).parents[3] / "deploy" / "dashboard"
CLOCK = WallClock(is_set=lambda _: True)


def mean(**shares: float) -> EmotionScores:
    """These shares, scaled to a sum of one; little of the emotions that are not named."""
    parts = [shares.get(name, 0.02) for name in EMOTIONS]
    return EmotionScores(tuple(part / sum(parts) for part in parts))


@dataclass(frozen=True)
class Sensor:
    """What one device would say, as messages."""

    device: Device

    @property
    def room(self) -> str:
        """How the page names its card."""
        return f"{self.device.id}/{self.device.source}"

    def introduce(self, *problems: Problem, online: bool = True, **changes: Any) -> list[Message]:
        """All that is retained."""
        fields: dict[str, Any] = {
            "state": "degraded" if problems else "running",
            "problems": problems,
            "camera": CameraHealth("csi", 9.8, 0.1, 0, 0),
            "inference": InferenceHealth("cpu", Percentiles(24, 31), Percentiles(2.1, 3.4)),
            "mqtt": DeliveryHealth(0, None, 0, 0, 0.4),
            "host": HostHealth(52.0, False, 141.0, 21000.0),
            "uptime_s": 93000.0,
            "version": "0.1.0",
        }
        return [
            encode(self.device),
            encode(status(self.device, Health(**fields | changes), CLOCK)),
            encode(Availability(self.device.id, online)),
        ]

    def live(self, people: int, emotions: EmotionScores | None = None) -> Message:
        """A reading of this moment; without emotions as a device with a threshold sends it."""
        room = RoomReading(people, emotions, None if emotions else "windows_only")
        return encode(live(self.device, room, CLOCK))

    def window(
        self,
        seq: int,
        ago_s: float = 0.0,
        people: int = 4,
        *,
        clock: WallClock = CLOCK,
        historical: bool = False,
        **changes: Any,
    ) -> Message:
        """A window that ended ``ago_s`` ago."""
        end_s = time.monotonic() - ago_s
        fields: dict[str, Any] = {
            "start_s": end_s - self.device.window_s,
            "end_s": end_s,
            "captured": 600,
            "analysed": 580,
            "people": people,
            "max_at_once": people,
            "mean_at_once": people * 0.8,
            "emotions": mean(happy=0.5, neutral=0.4) if people else None,
            "uncertain": 0.1 if people else None,
            "suppressed": None,
        }
        window = aggregate(self.device, seq, WindowSummary(**fields | changes), clock)
        return encode(window.replayed() if historical else window)

    def day(self, phase: float, until_s: float = 0.0) -> list[Message]:
        """A day as a house has it: many people now, few some hours ago, nobody half a day ago."""
        windows = []
        count = int(86000 / self.device.window_s)
        for seq in range(1, count + 1):
            hours = (count - seq) * self.device.window_s / 3600
            tide = math.cos(hours * math.pi / 12 + phase * 0.1) + 0.25 * math.sin(phase + hours * 2.1)
            people = max(0, round(3 + 7 * tide))
            few = 0 < people < self.device.privacy.min_people
            mood = mean(
                happy=0.38 + 0.2 * math.sin(phase * 2 + hours * 1.3),
                surprise=0.12 + 0.07 * math.sin(phase + hours * 2.9),
                neutral=0.40 + 0.15 * math.cos(phase + hours * 0.9),
                sad=0.09 + 0.06 * math.sin(hours * 1.7 + phase),
                fear=0.03 + 0.02 * math.sin(hours * 2.3),
                angry=0.06 + 0.04 * math.sin(hours * 1.1 + phase),
            )
            changes: dict[str, Any] = {"emotions": None if few or not people else mood, "uncertain": None}
            withheld = "too_few_people" if few else None
            changes |= {"suppressed": withheld, "historical": seq < count}
            windows.append(self.window(seq, hours * 3600 + until_s, people, **changes))
        return windows


@pytest.fixture
def scores() -> Callable[..., EmotionScores]:
    """``scores(happy=0.5, neutral=0.4)``, see ``mean``."""
    return mean


@pytest.fixture
def sensor() -> Callable[..., Sensor]:
    """``sensor("fer-1a2b3c4d", room="", **changes)``."""

    def make(name: str, room: str = "", *, min_people: int = 3, counts_only: bool = False, **changes: Any) -> Sensor:
        fields: dict[str, Any] = {
            "id": name,
            "source": "cam0",
            "version": "0.1.0",
            "camera": "csi",
            "detector": "yunet",
            "model": Model("fer-int8-1", "ab" * 32, "ferplus", "cpu"),
            "window_s": 60.0,
            "labels": EMOTIONS,
            "privacy": Privacy(min_people, counts_only),
            "context": Context("City Museum", room) if room else Context(),
        }
        return Sensor(Device(**fields | changes))

    return make


class Fleet:
    """A client that publishes what sensors say."""

    def __init__(self, port: int) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(1000)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def say(self, *messages: Message | tuple[str, str]) -> None:
        """Publish and wait until the broker has it all."""
        sent = [
            self._client.publish(m.topic, m.payload, m.qos, m.retain)
            if isinstance(m, Message)
            else self._client.publish(m[0], m[1], 1)
            for m in messages
        ]
        for one in sent:
            one.wait_for_publish(20)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def web_broker(mosquitto: Callable[..., Any]) -> Callable[..., Any]:
    """``web_broker(*settings)`` starts a mosquitto that serves the page and speaks WebSockets on a second port."""

    def make(*settings: str) -> Any:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            web_port = probe.getsockname()[1]
        web = [f"listener {web_port} 127.0.0.1", "protocol websockets", f"http_dir {FOLDER}"]
        broker = mosquitto(*(settings or ["allow_anonymous true"]), "max_queued_messages 0", *web)
        broker.web_port, broker.page = web_port, f"http://127.0.0.1:{web_port}/index.html"
        return broker

    return make


@pytest.fixture
def broker(web_broker: Callable[..., Any]) -> Any:
    """The one that lets anybody in."""
    return web_broker()


@pytest.fixture
def fleet(broker: Any) -> Iterator[Fleet]:
    """Devices at ``broker``."""
    devices = Fleet(broker.port)
    yield devices
    devices.close()
