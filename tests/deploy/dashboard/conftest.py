"""Devices that exist only as their messages, and a broker that serves the page."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.commands.demo_broker import free_port
from edge.labels import EMOTIONS
from edge.mqtt import compose
from edge.mqtt.codec import Message, encode
from edge.mqtt.messages import Availability, Context, Deployment, Device, Model, Privacy
from edge.mqtt.wallclock import WallClock
from edge.records import (
    Basis,
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
from tests.support.mosquitto import Mosquitto, StartMosquitto

DASHBOARD = Path(__file__).parents[3] / "deploy" / "dashboard"
CLOCK = WallClock(is_set=lambda _: True)


def emotion_scores(**shares: float) -> EmotionScores:
    """These shares, scaled to a sum of one and rounded as for several people; those not named get a little at first."""
    parts = [shares.get(name, 0.02) for name in EMOTIONS]
    return EmotionScores(tuple(part / sum(parts) for part in parts)).rounded(20)


@dataclass(frozen=True)
class FakeDevice:
    """The messages that one device would publish."""

    device: Device

    @property
    def key(self) -> str:
        """The key of its room on the page."""
        return f"{self.device.id}/{self.device.source}"

    def retained(self, *problems: Problem, online: bool = True, **changes: Any) -> list[Message]:
        """Its retained messages."""
        fields: dict[str, Any] = {
            "state": "degraded" if problems else "running",
            "problems": problems,
            "camera": CameraHealth("csi imx708", 9.8, 0.1, 0, 0, 0),
            "inference": InferenceHealth("cpu", Percentiles(24, 31), Percentiles(2.1, 3.4)),
            "mqtt": DeliveryHealth(0, None, 0, 0, 0, "5eed0001", 0, 0.4),
            "host": HostHealth(52.0, False, 141.0, 21000.0),
            "uptime_s": 93000.0,
            "version": "0.1.0",
        }
        return [
            encode(self.device),
            encode(compose.status(self.device, Health(**fields | changes), CLOCK)),
            encode(Availability(self.device.id, online)),
        ]

    def live(self, people: int, emotions: EmotionScores | None = None) -> Message:
        """A reading of this moment; without emotions, as a device with a privacy threshold sends it."""
        room = RoomReading(people, emotions, None if emotions else "windows_only")
        return encode(compose.live(self.device, room, CLOCK))

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
        """A window that ended ``ago_s`` ago; ``historical`` if it was delivered after an outage."""
        end_s = time.monotonic() - ago_s
        fields: dict[str, Any] = {
            "start_s": end_s - self.device.window_s,
            "end_s": end_s,
            "captured": 600,
            "analysed": 580,
            "people": people,
            "max_at_once": people,
            "mean_at_once": people * 0.8,
            "emotions": emotion_scores(happy=0.5, neutral=0.4) if people else None,
            "uncertain": 0.1 if people else None,
            "suppressed": None,
        }
        fields |= changes
        if fields["emotions"] is not None:
            fields.setdefault("basis", Basis("room", max(people, 1), fields["start_s"], fields["end_s"]))
        window = compose.aggregate(self.device, "5eed0001", seq, WindowSummary(**fields), clock)
        return encode(window.replayed() if historical else window)

    def day(self, phase: float, until_s: float = 0.0) -> list[Message]:
        """The windows of a day: many people now, few some hours ago, nobody half a day ago."""
        windows = []
        count = int(86000 / self.device.window_s)
        for seq in range(1, count + 1):
            hours = (count - seq) * self.device.window_s / 3600
            tide = math.cos(hours * math.pi / 12 + phase * 0.1) + 0.25 * math.sin(phase + hours * 2.1)
            people = max(0, round(3 + 7 * tide))
            few = 0 < people < self.device.privacy.min_people
            emotions = emotion_scores(
                happy=0.38 + 0.2 * math.sin(phase * 2 + hours * 1.3),
                surprise=0.12 + 0.07 * math.sin(phase + hours * 2.9),
                neutral=0.40 + 0.15 * math.cos(phase + hours * 0.9),
                sad=0.09 + 0.06 * math.sin(hours * 1.7 + phase),
                fear=0.03 + 0.02 * math.sin(hours * 2.3),
                angry=0.06 + 0.04 * math.sin(hours * 1.1 + phase),
            )
            changes: dict[str, Any] = {"emotions": None if few or not people else emotions, "uncertain": None}
            changes |= {"suppressed": "too_few_people" if few else None, "historical": seq < count}
            windows.append(self.window(seq, hours * 3600 + until_s, people, **changes))
        return windows


@pytest.fixture
def scores() -> Callable[..., EmotionScores]:
    """``scores(happy=0.5, neutral=0.4)``, see ``emotion_scores``."""
    return emotion_scores


class MakeDevice(Protocol):
    """Type of the fixture ``fake_device``."""

    def __call__(
        self, name: str, room: str = "", *, min_people: int = 3, counts_only: bool = False, **changes: Any
    ) -> FakeDevice:
        """A device called ``name``; ``changes`` are fields of ``Device``."""


@pytest.fixture
def fake_device() -> MakeDevice:
    """``fake_device("fer-1a2b3c4d", "Foyer", min_people=8)``."""

    def make(
        name: str, room: str = "", *, min_people: int = 3, counts_only: bool = False, **changes: Any
    ) -> FakeDevice:
        fields: dict[str, Any] = {
            "id": name,
            "source": "cam0",
            "version": "0.1.0",
            "camera": "csi imx708",
            "detector": "yunet",
            "model": Model("student-0-1408ba4a", "ab" * 32, "ferplus", "cpu"),
            "window_s": 60.0,
            "labels": EMOTIONS,
            "privacy": Privacy(min_people, counts_only),
            "context": Context("City Museum", room) if room else Context(),
            "deployment": Deployment("event"),
        }
        return FakeDevice(Device(**fields | changes))

    return make


class Fleet:
    """A client that publishes the messages of devices."""

    def __init__(self, port: int) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(1000)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def publish(self, *items: Message | tuple[str, str]) -> None:
        """Publish messages, or pairs of topic and payload, and wait until the broker has them all."""
        sent = [
            self._client.publish(item.topic, item.payload, item.qos, item.retain)
            if isinstance(item, Message)
            else self._client.publish(item[0], item[1], 1)
            for item in items
        ]
        for publication in sent:
            publication.wait_for_publish(20)

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


@dataclass(frozen=True)
class WebBroker:
    """A mosquitto that serves the page and speaks MQTT over WebSockets on the same port, besides its plain port."""

    mosquitto: Mosquitto
    web_port: int

    @property
    def port(self) -> int:
        """The port of plain MQTT."""
        return self.mosquitto.port

    @property
    def page(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.web_port}/index.html"


@pytest.fixture
def web_broker(mosquitto: StartMosquitto) -> Callable[..., WebBroker]:
    """``web_broker(*settings)`` starts a broker with these settings of mosquitto.conf."""

    def make(*settings: str) -> WebBroker:
        web_port = free_port()
        web = [f"listener {web_port} 127.0.0.1", "protocol websockets", f"http_dir {DASHBOARD}"]
        return WebBroker(mosquitto(*settings, "max_queued_messages 0", *web), web_port)

    return make


@pytest.fixture
def broker(web_broker: Callable[..., WebBroker]) -> WebBroker:
    """A broker that accepts everybody."""
    return web_broker("allow_anonymous true")


@pytest.fixture
def fleet(broker: WebBroker) -> Iterator[Fleet]:
    """A publisher at ``broker``."""
    devices = Fleet(broker.port)
    yield devices
    devices.close()
