"""Fixtures of everything that uses MQTT: a real broker and a second client."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal, Protocol, TypeAlias

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from msgspec.structs import replace

from edge.config import MqttConfig
from edge.labels import EMOTIONS
from edge.mqtt.codec import OFFLINE, ONLINE
from edge.mqtt.messages import BASE_TOPIC, Device
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.wallclock import WallClock
from edge.records import (
    Basis,
    CameraHealth,
    DeliveryHealth,
    EmotionScores,
    Health,
    HostHealth,
    InferenceHealth,
    WindowSummary,
)
from tests.support.dashboard import Address, Dashboard, OpenDashboard
from tests.support.paths import ROOT
from tests.support.waiting import eventually

SCHEMAS = {
    path.stem: Draft202012Validator(json.loads(path.read_text("utf-8")), format_checker=FormatChecker())
    for path in (ROOT / "docs" / "schemas").glob("*.json")
}


@dataclass(frozen=True)
class Certificates:
    """A private authority and what it signed for 127.0.0.1."""

    ca: Path
    certificate: Path
    key: Path


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """Made by the openssl program, valid for a day."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl program")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "1", "-subj", "/CN=test authority")
    openssl("req", *key, "-keyout", "broker.key", "-out", "broker.csr", "-subj", "/CN=127.0.0.1")
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", "names"]
    openssl("x509", "-req", "-in", "broker.csr", *signing, "-out", "broker.pem")
    return Certificates(tmp_path / "ca.pem", tmp_path / "broker.pem", tmp_path / "broker.key")


def keep_contract(topic: str, payload: bytes) -> None:
    """Fail where a payload is not what ``docs/schemas`` says of its topic."""
    kind = topic.rpartition("/")[2]
    if kind == "availability":
        assert payload in (ONLINE, OFFLINE)
    else:
        SCHEMAS[kind].validate(json.loads(payload))


Summary: TypeAlias = Callable[..., WindowSummary]
"""Type of the fixture ``summary``."""
Contract: TypeAlias = Callable[[str, bytes], None]
"""Type of the fixture ``contract``."""


class MakePublisher(Protocol):
    """Type of the fixture ``make_publisher``."""

    def __call__(
        self,
        running: Address,
        outbox: Outbox | None = None,
        *,
        protocol: Literal["5", "3.1.1"] = "5",
        start: bool = True,
        labels: tuple[str, ...] = EMOTIONS,
        **options: Any,
    ) -> Publisher:
        """A publisher for the broker ``running``, with further ``options`` of ``Publisher``."""


@pytest.fixture
def contract() -> Contract:
    """``contract(topic, payload)``, see ``keep_contract``."""
    return keep_contract


@pytest.fixture
def dashboard() -> Iterator[OpenDashboard]:
    """``dashboard(broker)`` subscribes a second client to everything; what it hears of us has to keep the contract."""
    open_ones: list[Dashboard] = []

    def make(broker: Address, topic: str = "#") -> Dashboard:
        open_ones.append(Dashboard(broker, topic))
        return open_ones[-1]

    yield make
    for one in open_ones:
        one.close()
        for message in one.messages:
            if message.topic.startswith(f"{BASE_TOPIC}/"):
                keep_contract(message.topic, bytes(message.payload))


@pytest.fixture
def summary() -> Summary:
    """``summary(**changes)`` is the window of the contract's example, with changes."""

    def make(**changes: Any) -> WindowSummary:
        scores = dict.fromkeys(EMOTIONS, 0.0) | {
            "fear": 0.05,
            "happy": 0.3,
            "sad": 0.05,
            "surprise": 0.05,
            "neutral": 0.55,
        }
        fields: dict[str, Any] = {
            "start_s": 100.0,
            "end_s": 160.0,
            "captured": 600,
            "analysed": 580,
            "people": 7,
            "max_at_once": 3,
            "mean_at_once": 1.4,
            "emotions": EmotionScores(tuple(scores.values())),
            "uncertain": 0.1,
            "suppressed": None,
            "basis": Basis("room", 3, 101.0, 159.0),
        }
        if changes.get("emotions", ...) is None:
            fields["basis"] = None
        return WindowSummary(**fields | changes)

    return make


@pytest.fixture
def health() -> Health:
    """Of a device that runs well."""
    return Health(
        state="running",
        problems=(),
        camera=CameraHealth("replay", 10.0, 0.1, 0, 0, 0),
        inference=InferenceHealth("cpu", None, None),
        mqtt=DeliveryHealth(0, None, 0, 0, 0, "5eed0001", 0, None),
        host=HostHealth(None, None, None, None),
        uptime_s=1.0,
        version="0.1.0",
    )


@pytest.fixture
def make_publisher(device: Device) -> Iterator[MakePublisher]:
    """``make_publisher(broker, outbox=None, protocol="5", start=True, **options)``; stopped in the end."""
    made: list[tuple[Publisher, Outbox]] = []

    def make(
        running: Address,
        outbox: Outbox | None = None,
        *,
        protocol: Literal["5", "3.1.1"] = "5",
        start: bool = True,
        labels: tuple[str, ...] = EMOTIONS,
        **options: Any,
    ) -> Publisher:
        outbox = outbox or Outbox(None, "fer-1a2b3c4d")
        broker = MqttConfig(running.host, running.port, protocol=protocol)
        described = replace(device, labels=labels)
        publisher = Publisher(broker, described, outbox, WallClock(), random=Random(1), **options)
        made.append((publisher, outbox))
        if start:
            publisher.start()
        return publisher

    yield make
    for publisher, outbox in made:
        if publisher.alive:
            publisher.stop(2.0)
        outbox.close()


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., None]:
    """``tests.support.waiting.eventually``, which new tests import."""
    return eventually
