"""The configuration file: every key once, with its default, unit and bounds.

A section is a frozen dataclass and a key is one of its fields; the field's type and the bounds beside it say which
values TOML may hold. ``deploy/fer-edge.toml`` documents every key, and a test keeps the two equal.
"""

from __future__ import annotations

import difflib
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints
from urllib.parse import urlsplit

from edge.errors import ConfigError
from edge.host.identity import derived_id
from edge.host.quiet_hours import QuietHours
from edge.mqtt.messages import DEVICE, SOURCE
from edge.polygons import Polygon, complaint, cover_all
from edge.records import CountsOnly, DeploymentContext
from edge.tomlfile import read_toml, without_secrets

ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+)(:(?P<port>[1-9][0-9]{0,4}))?")
"""A host with or without a port; an IPv6 address stands in brackets."""


def _key(
    default: Any, *, low: float | None = None, high: float | None = None, choices: tuple[str | int, ...] | None = None
) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "choices": choices})


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """Who this device is; an empty ``id`` is derived from the machine id. ``site`` and ``room`` go into ``info``."""

    id: str = _key("")
    site: str = _key("")
    room: str = _key("")


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


@dataclass(frozen=True, slots=True)
class DeploymentConfig:
    """What kind of place the device stands in, for what it may do there and for the sign that people read."""

    context: str = _key("", choices=("", *get_args(DeploymentContext)))
    lawful_basis: str = _key("")
    contact: str = _key("")

    @property
    def withholds_emotions(self) -> bool:
        """Whether emotions may not be inferred here: Regulation (EU) 2024/1689, Article 5(1)(f)."""
        return self.context in ("education", "workplace") and not self.lawful_basis

    @property
    def sentence(self) -> str:
        """What follows from the context, for the operator."""
        if not self.context:
            return (
                "deployment.context is not set; say what kind of place this is, which decides whether moods may be read"
            )
        if self.withholds_emotions:
            return (
                f"moods are withheld and people only counted: deployment.context is {self.context!r}, where inferring "
                "emotions is prohibited in the European Union except for medical or safety reasons (Regulation (EU) "
                "2024/1689, Article 5(1)(f)); deployment.lawful_basis names such a reason in words, if there is one"
            )
        because = f", on the basis that info publishes: {self.lawful_basis}" if self.lawful_basis else ""
        return f"context {self.context}{because}"


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

    def brokers(self) -> tuple[MqttConfig, ...]:
        """The same for each of ``hosts``, with its address in ``host`` and ``port``; without ``hosts``, only this."""
        found = [ADDRESS.fullmatch(address) for address in self.hosts]
        return tuple(
            replace(self, host=match["host"].strip("[]"), port=int(match["port"] or self.port), hosts=())
            for match in found
            if match is not None
        ) or (self,)


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


def load(path: Path) -> Config:
    """Read a TOML file; a relative path in it starts at the file's own folder.

    Raises:
        ConfigError: with one line for each thing that is wrong, not only the first.
    """
    document = read_toml(path)
    problems: list[str] = []
    config = _parse(document, path.parent, problems)
    config = replace(config, mqtt=_plain_host(config.mqtt, problems))
    # A key with a mistake of its own is not blamed for a contradiction too.
    mistaken = {problem.partition(" ")[0] for problem in problems}
    problems += [problem for problem in _contradictions(config) if mistaken.isdisjoint(problem.split())]
    if problems:
        raise ConfigError("\n".join(f"config {path}: {problem}" for problem in problems))
    if not config.device.id:
        with suppress(ConfigError):  # device_id tells, where the id is needed
            config = replace(config, device=replace(config.device, id=derived_id(path.stem)))
    return config


def _parse(document: dict[str, Any], folder: Path, problems: list[str]) -> Config:
    sections = get_type_hints(Config)
    problems += [_unknown("section", name, list(sections)) for name in document if name not in sections]
    parsed: dict[str, Any] = {}
    for name, section in sections.items():
        table = document.get(name, {})
        if not isinstance(table, dict):
            problems.append(f"[{name}] is {_shown(table)}; expected a section with keys")
            continue
        parsed[name] = section(**_parse_section(name, section, table, folder, problems))
    return Config(**parsed)


def _parse_section(
    section_name: str, section: type[Any], table: dict[str, Any], folder: Path, problems: list[str]
) -> dict[str, Any]:
    keys = {key.name: key for key in fields(section)}
    types = get_type_hints(section)
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{section_name}.{key}"
        if name in _MOVED:
            problems.append(f"[{section_name}] {key} is now [{_MOVED[name]}] {key}; move the line there")
        elif key not in keys:
            problems.append(_unknown("key", name, [f"{section_name}.{known}" for known in keys]))
        elif isinstance(value, str) and name not in ("camera.url", "mqtt.host") and without_secrets(value) != value:
            problems.append(f"{name} holds an address with a user or password; {_ADDRESSES_BELONG}")
        elif (problem := _problem(name, value, types[key], **keys[key].metadata)) is not None:
            problems.append(problem)
        elif key in _PATHS[section_name] and value and (name, value) != ("model.folder", LIGHT):
            values[key] = str(_handed_over(value, section_name) or folder / value)
        else:
            values[key] = _frozen(value) if isinstance(value, list) else types[key](value)
    return values


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


_PATHS = {section: frozenset[str]() for section in get_type_hints(Config)} | {
    "camera": frozenset({"path"}),
    "detector": frozenset({"model"}),
    "model": frozenset({"folder"}),
    "inference": frozenset({"public_key"}),
    "mqtt": frozenset({"password_file", "tls_ca", "tls_cert", "tls_key"}),
    "outbox": frozenset({"path"}),
}
"""Keys that name a file or folder."""


def _handed_over(name: str, section: str) -> Path | None:
    """The copy of a file that systemd hands to the service (``LoadCredential=``), if it hands over one of this name."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    copy = Path(folder, name) if folder and section == "mqtt" and "/" not in name else None
    return copy if copy and copy.is_file() else None


_ADDRESSES_BELONG = "a camera's address belongs in camera.url, with camera.kind 'stream'"

_MOVED = {f"model.{key.name}": "inference" for key in fields(InferenceConfig)}
"""Keys that earlier versions had elsewhere, and the section that holds them now."""


def _problem(
    name: str,
    value: object,
    kind: type,
    low: float | None,
    high: float | None,
    choices: tuple[str | int, ...] | None,
) -> str | None:
    if kind == tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return None
        return f"{name} is {_shown(value)}; expected a list of texts in quotes"
    if kind == tuple[Polygon, ...]:
        return _mask_problem(name, value)
    expected = {str: "text in quotes", bool: "true or false", int: "a whole number", float: "a number"}[kind]
    fits = isinstance(value, int | float if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    shown = "..." if name in _SECRET else _shown(value)
    if not fits:
        return f"{name} is {shown}; expected {expected}"
    if isinstance(value, str) and not value.isprintable():
        return f"{name} is {shown}; expected {expected} without control characters"
    if choices is not None and value not in choices:
        return f"{name} is {shown}; expected one of {', '.join(str(choice) for choice in choices if choice != '')}"
    if low is not None and high is not None and not low <= float(str(value)) <= high:
        return f"{name} is {shown}; expected {expected} from {low:g} to {high:g}"
    return None


def _mask_problem(name: str, value: object) -> str | None:
    def is_number(item: object) -> bool:
        return isinstance(item, int | float) and not isinstance(item, bool)

    if not isinstance(value, list) or not all(
        isinstance(polygon, list) and all(isinstance(point, list) and all(map(is_number, point)) for point in polygon)
        for polygon in value
    ):
        return f"{name} is {_shown(value)}; expected a list of polygons, each a list of points such as [0.25, 1.0]"
    for number, polygon in enumerate(value, 1):
        if problem := complaint(polygon):
            return f"{name}: polygon {number} {problem}"
    if cover_all(value):
        return f"{name} covers the whole picture; leave something to see, or stop the service"
    return None


def _unknown(what: str, name: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(name[:_SHOWN], known, n=1, cutoff=0)[0]
    shown = without_secrets(name)[:_SHOWN] if name.isprintable() else _shown(name)
    return f"{what} {shown} is unknown; the nearest {what} is {nearest}"


_SECRET = frozenset({"camera.url", "mqtt.host", "mqtt.username", "mqtt.password_file"})
"""Keys whose value is never repeated: it may hold a password, by right or by mistake."""

_BASIS_CHARACTERS = 20, 300
"""A lawful basis is said in words, so that whoever reads info can judge it."""

_CONTACT_CHARACTERS = 100
"""A contact has room on a sign."""

_SHOWN = 80
"""How many characters of a wrong value a message repeats."""


def _shown(value: object) -> str:
    shown = without_secrets(repr(value))
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."


def _contradictions(config: Config) -> list[str]:
    """What is wrong between keys that are each within their bounds."""
    camera, mqtt = config.camera, config.mqtt
    problems = []
    if config.device.id and not re.fullmatch(DEVICE, config.device.id):
        problems.append(f"device.id is {config.device.id!r}; expected 3 to 32 characters of a-z, 0-9 and -")
    if not re.fullmatch(SOURCE, camera.source):
        problems.append(f"camera.source is {camera.source!r}; expected 1 to 32 characters of a-z, 0-9, _ and -")
    if camera.kind == "stream" and not camera.url.startswith(("rtsp://", "rtsps://", "http://", "https://")):
        problems.append("camera.url is needed for camera.kind 'stream'; expected an rtsp:// or http:// address")
    if camera.kind == "replay" and not camera.path:
        problems.append("camera.path is needed for camera.kind 'replay'; expected a video file or a folder of images")
    for address in mqtt.hosts:
        match = ADDRESS.fullmatch(address)
        if match is None or int(match["port"] or mqtt.port) > 65535:
            problems.append(f"mqtt.hosts has {_shown(address)}; expected a host, or host:port")
    try:
        QuietHours(config.privacy.quiet_hours)
    except ValueError as error:
        problems.append(f"privacy.quiet_hours has {error}")
    basis = config.deployment.lawful_basis
    if basis and not _BASIS_CHARACTERS[0] <= len(basis) <= _BASIS_CHARACTERS[1]:
        problems.append(
            f"deployment.lawful_basis is {_shown(basis)}; expected the reason in words, {_BASIS_CHARACTERS[0]} to "
            f"{_BASIS_CHARACTERS[1]} characters"
        )
    if len(config.deployment.contact) > _CONTACT_CHARACTERS:
        problems.append(
            f"deployment.contact has {len(config.deployment.contact)} characters; expected at most "
            f"{_CONTACT_CHARACTERS}, such as an e-mail address"
        )
    if bool(mqtt.tls_cert) != bool(mqtt.tls_key):
        problems.append("mqtt.tls_cert and mqtt.tls_key belong together; set both or neither")
    if mqtt.password_file and not mqtt.username:
        problems.append("mqtt.username is empty but mqtt.password_file is set; set both or neither")
    if config.privacy.pause_button.isdecimal():  # a number means another line on every chip
        number = config.privacy.pause_button
        problems.append(f"privacy.pause_button is {number!r}; expected the name of a line, such as 'GPIO{number}'")
    if camera.stall_s < 2 / camera.fps:
        problems.append(
            f"camera.stall_s is {camera.stall_s:g}, but at camera.fps {camera.fps:g} an image comes every "
            f"{1 / camera.fps:.3g} s; expected at least {2 / camera.fps:.3g}"
        )
    for key in ("password_file", "tls_ca", "tls_cert", "tls_key"):
        file = Path(getattr(mqtt, key))
        if getattr(mqtt, key) and not _readable(file):
            # What is no file may be the password itself.
            named = "names a file" if key == "password_file" else f"is {file}"
            problems.append(f"mqtt.{key} {named} that cannot be read; name a file that this user may read")
    return problems


def _plain_host(mqtt: MqttConfig, problems: list[str]) -> MqttConfig:
    """``mqtt`` with the host and port of an address such as ``mqtt://broker:1883``, if the host is one."""
    if "@" in mqtt.host:
        problems.append(
            "mqtt.host holds a user or password; expected the host alone, the user in mqtt.username "
            "and the password in the file that mqtt.password_file names"
        )
        return mqtt
    if "://" not in mqtt.host:
        return mqtt
    default = MqttConfig()
    try:
        parts = urlsplit(mqtt.host)
        host, port, scheme = parts.hostname, parts.port, parts.scheme
    except ValueError:
        host, port, scheme = None, None, ""
    tls = scheme in ("mqtts", "ssl", "tls")
    if not host or not (tls or scheme in ("mqtt", "tcp")) or parts.path.strip("/") or parts.query:
        problems.append("mqtt.host is an address that is not understood; expected the host alone, such as broker.local")
    elif port and mqtt.port not in (port, default.port):
        problems.append(f"mqtt.host and mqtt.port name two ports, {port} and {mqtt.port}; leave one out")
    elif tls and not mqtt.tls_ca:
        problems.append(f"mqtt.tls_ca is needed for {scheme}://; name the certificate of the authority")
    else:
        usual = 8883 if tls and mqtt.port == default.port else mqtt.port
        return replace(mqtt, host=host, port=port or usual)
    return mqtt


def _readable(file: Path) -> bool:
    try:
        with file.open("rb"):
            return True
    except OSError:
        return False


def device_id(section: DeviceConfig) -> str:
    """The id of this device: the configured one, else one derived from the machine and the name of the file.

    Raises:
        ConfigError: none is configured and the machine has none.
    """
    return section.id or derived_id("fer-edge")
