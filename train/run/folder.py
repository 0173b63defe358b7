"""The run folder: the options of a run, the check before it starts, and ``run.json``, which says what was trained."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import ConfigError

MODEL_FILE = "model.keras"
STATE_FILE = "state.npz"
SETTINGS_FILE = "run.json"
HISTORY_FILE = "history.csv"
CURVES_FILE = "curves.png"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of a run, which do not change its recipe.

    ``epochs`` None means the recipe's. ``start`` is a ``.keras`` file of the same network whose weights the run starts
    from instead of random ones.
    """

    seed: int = 0
    epochs: int | None = None
    precision: str = "float32"
    start: Path | None = None


def is_resumable(folder: Path) -> bool:
    """Whether ``folder`` holds the state of a run."""
    return (folder / STATE_FILE).is_file()


def check_folder(folder: Path, *, resume: bool) -> None:
    """Make sure that a run can resume in ``folder``, or that a new one overwrites nothing.

    Raises:
        ConfigError: there is nothing to resume, or a run would be overwritten.
    """
    if resume and not is_resumable(folder):
        raise ConfigError(
            f"run {folder}: holds no {STATE_FILE} to resume from; name the run with --run, or leave out --resume"
        )
    if not resume and (folder / STATE_FILE).exists():
        raise ConfigError(f"run {folder}: already holds a run; add --resume to continue it or name another with --run")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the run folder and keep other runs out of it; the lock is on the folder itself and leaves no file.

    A folder that is empty in the end is removed.

    Raises:
        ConfigError: another run has it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"run {folder}: is being trained by another process; name another with --run") from error
        try:
            yield
        finally:
            with suppress(OSError):
                folder.rmdir()  # which fails unless the run ended before it wrote anything
    finally:
        os.close(number)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write beside ``path``, which takes its place at the end; if writing fails, the old one stays alone.

    Raises:
        ConfigError: it cannot be written.
    """
    unfinished = path.with_name(f"unfinished-{path.name}")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise unwritable(path.parent, error) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def unwritable(folder: Path, error: OSError) -> ConfigError:
    """What to say when a file in ``folder`` cannot be written."""
    return ConfigError(
        f"run {folder}: cannot be written ({error.strerror or error}); make room or name another folder with --run; "
        "finished epochs are kept, fit --resume continues after them"
    )


def read_settings(folder: Path) -> dict[str, Any]:
    """What ``write_settings`` wrote.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        settings: dict[str, Any] = json.loads((folder / SETTINGS_FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"run {folder}: holds no readable {SETTINGS_FILE}; give a run folder of fer-train fit"
        ) from error
    return settings


def write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write ``run.json``: ``settings`` and the versions of the libraries."""
    import keras
    import numpy as np

    versions = {
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    document = {**settings, "versions": versions}
    with replacing(folder / SETTINGS_FILE) as file:
        file.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
