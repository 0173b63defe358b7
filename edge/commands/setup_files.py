"""What ``fer-edge setup`` writes: the configuration, and the secrets that systemd hands to the service.

Everything is drafted and checked first; then the files are put into place together, so that an interruption leaves the
old configuration or the new one.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.config import Config
from edge.config_file import load
from edge.errors import ConfigError
from edge.host.systemd import BOOTED, drop_in, unit_name
from edge.tomlfile import read_toml, with_values

SECRET_FILES = {"tls_ca": "ca.pem", "tls_cert": "cert.pem", "tls_key": "key.pem"}
"""Keys of [mqtt] that name a file, and what setup calls its copy; the password's is ``password``."""

_HEAD = """\
# The configuration of {unit}, made by fer-edge setup. What is not here has its default; docs/configuration.md explains
# every key. After a change: fer-edge check --config {file}, systemctl restart {name}
"""


@dataclass
class Answers:
    """Values of configuration keys by section, the password, and the files that TLS needs, by key of [mqtt]."""

    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    password: str | None = None
    files: dict[str, Path] = field(default_factory=dict)

    def set(self, section: str, **values: object) -> None:
        """Answer keys of a section."""
        self.values.setdefault(section, {}).update(values)


def read_answers(path: Path) -> Answers:
    """The answers in a TOML file: any keys of the configuration, and ``password`` in [mqtt].

    TLS files are named as anywhere in the configuration; setup copies them.

    Raises:
        ConfigError: it cannot be read, or holds something else.
    """
    document = read_toml(path, "answers")
    for section, keys in document.items():
        if not isinstance(keys, dict):
            raise ConfigError(f"answers {path}: {section} stands outside of a section; expected [device] and so on")
    mqtt = document.get("mqtt", {})
    password = mqtt.pop("password", None)
    if password is not None and (not isinstance(password, str) or "\n" in password):
        raise ConfigError(f"answers {path}: mqtt.password is not one line of text in quotes")
    if password is not None and not mqtt.get("username"):
        raise ConfigError(f"answers {path}: mqtt.username is needed with mqtt.password")
    files = {key: path.parent / str(mqtt.pop(key)) for key in SECRET_FILES if mqtt.get(key)}
    return Answers(document, password, files)


@contextmanager
def drafted(config: Path, answers: Answers) -> Iterator[tuple[Config, Path]]:
    """The configuration that ``answers`` lead to, checked, and the folder with all drafts, which ``install`` takes.

    Raises:
        ConfigError: an answer is not allowed, or a file cannot be read.
    """
    config.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".setup-", dir=config.parent) as folder:
        drafts = Path(folder)
        for key, source in answers.files.items():
            name = f"{config.stem}.{SECRET_FILES[key]}"
            _write(drafts / name, _content(key, source), 0o600)
            answers.set("mqtt", **{key: name})
        if answers.password is not None:
            _write(drafts / f"{config.stem}.password", f"{answers.password}\n".encode(), 0o600)
            answers.set("mqtt", password_file=f"{config.stem}.password")
        named = {key: config.parent / name for key, name in _files(config).items()}
        for path in named.values():  # what earlier answers left, for the check
            if path.is_file() and not (drafts / path.name).exists():
                shutil.copy(path, drafts / path.name)
        draft = drafts / config.name
        _write(draft, with_values(_present(config), answers.values).encode(), 0o640)
        try:
            yield load(draft), drafts
        except ConfigError as error:
            raise ConfigError(str(error).replace(str(draft), str(config)).replace(f"{drafts}/", "")) from None


def install(config: Path, drafts: Path) -> None:
    """Put the drafts into place, the configuration last, and let systemd hand the secrets to the service.

    The configuration before it is kept as ``.bak``. Ctrl-C waits until everything is in place.
    """
    if config.exists():
        shutil.copy2(config, config.with_name(config.name + ".bak"))
        known = config.stat()
        os.chown(drafts / config.name, known.st_uid, known.st_gid)
        (drafts / config.name).chmod(known.st_mode & 0o777)
    else:
        with suppress(LookupError, PermissionError):  # no such group, where the package is not installed
            shutil.chown(drafts / config.name, group="fer-edge")
    secrets = sorted(path.name for path in drafts.iterdir() if path.name != config.name)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        for name in (*secrets, config.name):
            (drafts / name).replace(config.parent / name)
        if BOOTED.is_dir():
            _hand_over(unit_name(config), config.parent, secrets)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hand_over(unit: str, folder: Path, secrets: list[str]) -> None:
    path = drop_in(unit) / "credentials.conf"
    if not secrets:
        path.unlink(missing_ok=True)
        return
    lines = [f"LoadCredential={name}:{folder / name}" for name in secrets]
    text = "\n".join(["# Made by fer-edge setup.", "[Service]", *lines, "RestartPreventExitStatus=CREDENTIALS", ""])
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, text.encode(), 0o644)


def _present(config: Path) -> str:
    try:
        return config.read_text("utf-8-sig")
    except FileNotFoundError:
        unit = unit_name(config)
        return _HEAD.format(unit=unit, file=config, name=unit.removesuffix(".service"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"config {config}: cannot be read ({error}); move it away") from error


def _files(config: Path) -> dict[str, str]:
    """The files of [mqtt] that the present configuration names beside itself."""
    if not config.exists():
        return {}
    mqtt = read_toml(config).get("mqtt", {})
    keys = ("password_file", *SECRET_FILES)
    return {key: str(mqtt[key]) for key in keys if isinstance(mqtt, Mapping) and mqtt.get(key) and "/" not in mqtt[key]}


def _content(key: str, source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise ConfigError(f"mqtt.{key} {source}: cannot be read ({error.strerror}); name a file in PEM form") from error


def _write(path: Path, content: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    path.chmod(mode)
