"""The run folder: the options of a run, the check before it starts, and ``run.json``, which says what was trained."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
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
        raise ConfigError(f"run {folder}: holds no {STATE_FILE} to resume from; leave out --resume")
    if not resume and (folder / STATE_FILE).exists():
        raise ConfigError(f"run {folder}: already holds a run; add --resume to continue it or name another with --run")


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
    (folder / SETTINGS_FILE).write_text(json.dumps(document, indent=1) + "\n", "utf-8")
