"""``fer-edge model install`` and ``model rollback``: another model for every service of this machine, on trial."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from edge.commands.check import check_release
from edge.config import Config
from edge.config_file import load
from edge.errors import ConfigError, ModelError
from edge.host.systemd import restart, running_units
from edge.model.download import SYSTEM_FOLDER, download
from edge.model.store import MAX_BYTES, Part, find_store, own_store, unpacked
from edge.model.trial import TRIAL_FILE, read_trial
from edge.parts import installable, trial_path

CONFIGURATIONS = Path("/etc/fer-edge")

_PROVEN_WITHIN_S = 600.0
"""Three starts with a growing delay between them, and a window; then somebody must look."""


def install(source: str, config: Path | None) -> Iterator[str]:
    """Check the release at ``source``, a file, folder or URL, make it current and restart the services; what was done.

    Args:
        source: an archive of ``fer-quantize pack``, a release folder, or the URL of an archive.
        config: its ``inference.public_key``, if any, must have signed the release.

    Raises:
        DownloadError: the URL cannot be fetched.
        ModelError: the release is damaged, unsigned, older than what was installed, or did not prove itself.
        ConfigError: the store cannot be written, or the configuration is wrong.
    """
    settings = load(config) if config else Config()
    key = settings.inference.public_key
    with _local(source) as path, unpacked(path, source) as folder:
        part, release = check_release(folder, Path(key) if key else None)
        store = own_store(part)
        store.refuse_older(release.manifest)
        try:
            target = store.adopt(folder, release.manifest)
        except OSError as error:
            raise ConfigError(
                f"model {source}: cannot be installed ({error}); run sudo fer-edge model install"
            ) from error
    yield f"{part} {release.name} is installed as {target}" + (
        "" if key else ", unsigned: inference.public_key names no key"
    )
    yield from _restart(part, target)


def roll_back(part: Part) -> Iterator[str]:
    """Make the release before the current one current, and restart the services; what was done.

    Raises:
        ModelError: there was none; the message names the command for what can be gone back from.
        ConfigError: the store cannot be written.
    """
    try:
        release = own_store(part).roll_back()
    except ModelError as error:
        able = [each for each in get_args(Part) if find_store(each).can_roll_back]
        if not able:
            raise
        commands = (
            f"{'' if own_store(each).can_roll_back else 'sudo '}fer-edge model rollback {each}" for each in able
        )
        raise ModelError(f"{error}. Run: {', or '.join(commands)}") from error
    except OSError as error:
        raise ConfigError(f"{part}: cannot be changed ({error}); run sudo fer-edge model rollback") from error
    yield f"{part}: {release or 'the release in the package'} is current"
    yield from _restart(part, release)


@contextmanager
def _local(source: str) -> Iterator[Path]:
    if not source.startswith(("http://", "https://")):
        yield Path(source)
        return
    with TemporaryDirectory(prefix="fer-edge-model-") as folder:
        path = Path(folder, "archive")
        path.write_bytes(download(source, MAX_BYTES))
        yield path


def _restart(part: Part, release: Path | None) -> Iterator[str]:
    """Restart every running service that takes ``release``, and wait until it has proved itself in each."""
    trials: dict[str, Path] = {}
    for unit in running_units():
        try:
            config = load(CONFIGURATIONS / f"{unit.removesuffix('.service')}.toml")
        except ConfigError as error:
            yield f"{unit} is left alone: {error}"
            continue
        if part in installable(config):
            state = SYSTEM_FOLDER.with_name(unit.removesuffix(".service"))
            trials[unit] = trial_path(config.outbox) or state / TRIAL_FILE
        else:
            yield f"{unit} is left alone: its configuration names another {part}"
    if not trials:
        return
    restart(*trials)
    if release is None:
        yield f"{', '.join(trials)} restarted"
        return
    yield f"{', '.join(trials)} restarted; waiting until it has worked for a watchdog period and made a window"
    until_s = time.monotonic() + _PROVEN_WITHIN_S
    for unit, state in trials.items():
        while not (known := read_trial(state, part)) or known["name"] != release.name or not known["proven"]:
            if known and known["name"] == release.name and known["failed"]:
                own_store(part).give_up()
                raise ModelError(
                    f"{part} {release.name} did not prove itself in {unit}, and the one before it is back; "
                    f"see journalctl -u {unit}"
                )
            if time.monotonic() >= until_s:
                yield f"{unit} has not proved it yet; if it fails, the one before comes back: systemctl status {unit}"
                break
            time.sleep(1)
        else:
            yield f"{unit} works with it"
