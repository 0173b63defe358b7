"""The configuration: every key once, with its default, unit and bounds.

A section is a frozen dataclass and a key is one of its fields; the field's type and the bounds beside it say which
values TOML may hold. ``deploy/fer-edge.toml`` documents every key, and a test keeps the two equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from edge.host.identity import derived_id
from edge.polygons import Polygon
from edge.records import CountsOnly, DeploymentContext

_ADDRESS = re.compile(
    r"(?P<ipv6>[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)"
    r"|(\[(?P<bracketed>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s:/@\[\]]+))(:(?P<port>[1-9][0-9]{0,4}))?"
)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a broker listens; ``port`` is None where the address names none."""

    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> BrokerAddress:
        """``HOST`` or ``HOST:PORT``; an IPv6 address with a port stands in brackets.

        Raises:
            ValueError: it is neither.
        """
        match = _ADDRESS.fullmatch(text)
        if match is None or int(match["port"] or 0) > 65535:
            raise ValueError("give a broker as HOST or HOST:PORT, such as broker.local or 10.0.0.5:1883")
        return cls(match["ipv6"] or match["bracketed"] or match["name"], int(match["port"]) if match["port"] else None)


def _key(
    default: Any, *, low: float | None = None, high: float | None = None, choices: tuple[str | int, ...] | None = None
) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "choices": choices})


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """Who this device is; an empty ``id`` is derived from the machine id. The others go into ``info``."""

    id: str = _key("")
    site: str = _key("")
    room: str = _key("")
    page: str = _key("")


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """Where frames come from."""

    kind: str = _key("csi", choices=("csi", "usb", "stream", "replay"))
    source: str = _key("cam0")
    device: str = _key("/dev/video0")
    url: str = _key("")
    transport: str = _key("auto", choices=("auto", "tcp", "udp"))
    path: str = _key("")
    pace: str = _key("real", choices=("real", "fast"))
    loop: bool = _key(False)
    width_px: int = _key(640, low=64, high=1920)
    height_px: int = _key(480, low=48, high=1080)
    fps: float = _key(10.0, low=0.1, high=60)
    stall_s: float = _key(10.0, low=1, high=60)
    rotate: int = _key(0, choices=(0, 90, 180, 270))
    flip: str = _key("none", choices=("none", "horizontal", "vertical"))
    mask: tuple[Polygon, ...] = _key(())


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """How faces are found; an empty ``model`` is the one in the package, or the one that was fetched.

    ``max_looks`` is how often our own detector runs for one frame at most; a frame larger than 640x480 needs more, and
    parts of it take turns.
    """

    kind: str = _key("builtin", choices=("builtin", "haar", "yunet"))
    model: str = _key("")
    min_face_px: int = _key(40, low=16, high=400)
    max_looks: int = _key(4, low=1, high=100)
    every: int = _key(3, low=1, high=30)


LIGHT = "light"
"""``model.folder`` of the smaller classifier in the package; a folder of that name is ``./light``."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Which classifier runs.

    An empty ``folder`` is the release in the package, ``LIGHT`` the smaller one there; an empty ``head`` is the model's
    first.
    """

    folder: str = _key("")
    head: str = _key("")
    uncertain_below: float = _key(0.5, low=0, high=1)


@dataclass(frozen=True, slots=True)
class InferenceConfig:
    """Where the classifier and the built-in detector run, and who must have signed them; an empty ``public_key``
    accepts unsigned releases.
    """

    device: str = _key("cpu", choices=("cpu", "edgetpu"))
    fallback: str = _key("none", choices=("none", "cpu"))
    threads: int = _key(1, low=1, high=8)
    public_key: str = _key("")


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """How long one aggregate is."""

    duration_s: float = _key(60.0, low=1, high=3600)


@dataclass(frozen=True, slots=True)
class PrivacyConfig:
    """What is withheld. ``min_people`` people are in view at the same moment, or as many visits in a row."""

    mode: str = _key("room", choices=("room", "visits"))
    min_people: int = _key(3, low=1, high=100)
    counts_only: bool = _key(False)
    quiet_hours: tuple[str, ...] = _key(())
    pause_button: str = _key("")


CONTACT = re.compile(
    r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}"  # e-mail
    r"|[a-z][a-z0-9+.-]*://\S+"
    r"|[\w-]+(\.[\w-]+)*\.[a-z]{2,}\b"  # museum.example/privacy
    r"|\+?[(\d](?:[-\s()/.]*\d){4,}",  # telephone, in any country's way
    re.IGNORECASE,
)
"""What somebody can use who reads the sign, with whatever words around it."""

_NEED_BASIS = "education", "workplace"
"""Contexts in which emotions are measured only with a lawful basis: Regulation (EU) 2024/1689, Article 5(1)(f)."""


@dataclass(frozen=True, slots=True)
class DeploymentConfig:
    """What kind of place the device stands in, for what it may do there and for the sign that people read."""

    context: str = _key("", choices=("", *get_args(DeploymentContext)))
    lawful_basis: str = _key("")
    contact: str = _key("")

    @property
    def withholds_emotions(self) -> bool:
        """Whether emotions may not be inferred here."""
        return self.context in _NEED_BASIS and not self.lawful_basis

    @property
    def sentence(self) -> str:
        """What follows from the context, for the operator."""
        if not self.context:
            return (
                "deployment.context is not set; say what kind of place this is, which decides whether moods may be read"
                f": {', '.join(get_args(DeploymentContext))}"
                + ("; until then deployment.lawful_basis decides nothing" if self.lawful_basis else "")
            )
        if self.withholds_emotions:
            return (
                f"moods are withheld and people only counted: deployment.context is {self.context!r}, where inferring "
                "emotions is prohibited in the European Union except for medical or safety reasons (Regulation (EU) "
                "2024/1689, Article 5(1)(f)); deployment.lawful_basis names such a reason in words, if there is one"
            )
        if not self.lawful_basis:
            return f"context {self.context}"
        if self.context in _NEED_BASIS:
            return f"context {self.context}, on the basis that info publishes: {self.lawful_basis}"
        return (
            f"context {self.context}, where moods are measured with or without deployment.lawful_basis; info publishes "
            f"what it says all the same: {self.lawful_basis}"
        )


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """Where messages go. A password or TLS file that systemd hands to the service as a credential of its name is read
    there. ``hosts``, if any, replaces ``host``: the nodes of one cluster, tried in turn, each as a host
    or host:port.
    """

    host: str = _key("localhost")
    port: int = _key(1883, low=1, high=65535)
    protocol: str = _key("5", choices=("5", "3.1.1"))
    username: str = _key("")
    password_file: str = _key("")
    tls_ca: str = _key("")
    tls_cert: str = _key("")
    tls_key: str = _key("")
    hosts: tuple[str, ...] = _key(())
    commands: bool = _key(False)

    @property
    def address_keys(self) -> str:
        """The keys that say where it is."""
        return "mqtt.hosts" if self.hosts else "mqtt.host and mqtt.port"

    def brokers(self) -> tuple[MqttConfig, ...]:
        """The same for each of ``hosts``, with its address in ``host`` and ``port``; without ``hosts``, only this."""
        return tuple(self.at(BrokerAddress.parse(address)) for address in self.hosts) or (self,)

    def at(self, address: BrokerAddress) -> MqttConfig:
        """The same at ``address`` alone; on the same port if it names none."""
        return replace(self, host=address.host, port=address.port or self.port, hosts=())


@dataclass(frozen=True, slots=True)
class OutboxConfig:
    """Where windows wait for the broker; an empty ``path`` is the state folder of the systemd unit, or memory only."""

    path: str = _key("")
    max_rows: int = _key(20_000, low=10, high=500_000)
    max_mb: int = _key(20, low=1, high=200)
    unheard_minutes: float = _key(60.0, low=1, high=100_000)


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file."""

    device: DeviceConfig = field(default_factory=DeviceConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    inference: InferenceConfig = field(default_factory=InferenceConfig)
    window: WindowConfig = field(default_factory=WindowConfig)
    privacy: PrivacyConfig = field(default_factory=PrivacyConfig)
    deployment: DeploymentConfig = field(default_factory=DeploymentConfig)
    mqtt: MqttConfig = field(default_factory=MqttConfig)
    outbox: OutboxConfig = field(default_factory=OutboxConfig)

    @property
    def counts_only(self) -> CountsOnly | None:
        """Why this device publishes no emotions, whoever is in view; None if it may."""
        if self.privacy.counts_only:
            return "counts_only"
        return "context" if self.deployment.withholds_emotions else None


def device_id(section: DeviceConfig) -> str:
    """The id of this device: the configured one, else one derived from the machine and the name of the file.

    Raises:
        ConfigError: none is configured and the machine has none.
    """
    return section.id or derived_id("fer-edge")
