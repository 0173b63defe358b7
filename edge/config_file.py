"""Reads the configuration file, and says of everything that is wrong in it what to do."""

from __future__ import annotations

import difflib
import os
import re
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints
from unicodedata import category

from edge.config import CONTACT, LIGHT, BrokerAddress, Config, InferenceConfig, MqttConfig
from edge.errors import ConfigError
from edge.host.identity import derived_id
from edge.host.quiet_hours import QuietHours
from edge.mqtt.messages import DEVICE, SOURCE
from edge.polygons import Polygon, complaint, cover_all
from edge.tomlfile import read_toml, without_secrets


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
    # A Mac puts U+202F into the names of its screen recordings.
    if isinstance(value, str) and not all(mark.isprintable() or category(mark) == "Zs" for mark in value):
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
_WEB_ADDRESS = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?([/?#][!-~]*)?", re.IGNORECASE)

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
    if config.device.page and not _WEB_ADDRESS.fullmatch(config.device.page):  # Home Assistant would refuse the device
        problems.append(f"device.page is {_shown(config.device.page)}; expected an http:// or https:// address")
    if not re.fullmatch(SOURCE, camera.source):
        problems.append(f"camera.source is {camera.source!r}; expected 1 to 32 characters of a-z, 0-9, _ and -")
    if camera.kind == "stream" and not camera.url.startswith(("rtsp://", "rtsps://", "http://", "https://")):
        problems.append("camera.url is needed for camera.kind 'stream'; expected an rtsp:// or http:// address")
    if camera.kind == "replay" and not camera.path:
        problems.append("camera.path is needed for camera.kind 'replay'; expected a video file or a folder of images")
    for address in mqtt.hosts:
        try:
            BrokerAddress.parse(address)
        except ValueError:
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
    contact = config.deployment.contact
    if contact and not CONTACT.search(contact):
        problems.append(
            f"deployment.contact is {_shown(contact)}; expected an e-mail address, a web address or a telephone "
            "number, with words around it if they help"
        )
    if len(contact) > _CONTACT_CHARACTERS:
        problems.append(
            f"deployment.contact has {len(contact)} characters; expected at most "
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
    """``mqtt`` with the host and port of an address such as ``broker:1883`` or ``mqtt://broker``."""
    if "@" in mqtt.host:
        problems.append(
            "mqtt.host holds a user or password; expected the host alone, the user in mqtt.username "
            "and the password in the file that mqtt.password_file names"
        )
        return mqtt
    scheme, _, rest = mqtt.host.rpartition("://")
    scheme, default = scheme.lower(), MqttConfig()
    tls = scheme in ("mqtts", "ssl", "tls")
    try:
        address = BrokerAddress.parse(rest.removesuffix("/") if scheme else rest)
    except ValueError:
        address = None
    if address is None or not (tls or scheme in ("", "mqtt", "tcp")):
        problems.append("mqtt.host is an address that is not understood; expected the host alone, such as broker.local")
        return mqtt
    port = address.port
    if port and mqtt.port not in (port, default.port):
        problems.append(f"mqtt.host and mqtt.port name two ports, {port} and {mqtt.port}; leave one out")
    elif tls and not mqtt.tls_ca:
        problems.append(f"mqtt.tls_ca is needed for {scheme}://; name the certificate of the authority")
    else:
        usual = 8883 if tls and mqtt.port == default.port else mqtt.port
        return replace(mqtt, host=address.host, port=port or usual)
    return mqtt


def _readable(file: Path) -> bool:
    try:
        with file.open("rb"):
            return True
    except OSError:
        return False
