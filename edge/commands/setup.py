"""``fer-edge setup``: from a few answers to a running service."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from edge.commands.check import Finding, try_camera
from edge.commands.doctor import doctor
from edge.commands.setup_files import Answers, drafted, install, read_answers
from edge.commands.setup_interview import confirm, interview
from edge.config import LIGHT, Config
from edge.config_file import load
from edge.errors import ConfigError
from edge.host.processor import slow_core
from edge.host.systemd import enable, read_unit, unit_name

_READY_WITHIN_S = 60.0
"""How long the service may take to see its first image before the doctor looks at it."""


def setup(config: Path, answers: Path | None, *, start: bool, tell: Callable[[Iterable[Finding]], int]) -> int:
    """Ask, or read ``answers``; write ``config``, start its service and look for trouble; returns the exit status.

    ``tell`` shows findings and returns the worst exit status.

    Raises:
        ConfigError: this user may not write ``config``, an answer is not allowed, or there is nobody to ask.
    """
    folder = next(folder for folder in config.absolute().parents if folder.exists())
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"setup writes {config} and starts its service, which only root may; run sudo fer-edge setup")
    if answers is None and not sys.stdin.isatty():
        raise ConfigError("setup asks questions, and this is no terminal; give the answers with --answers FILE")
    present = load(config) if config.exists() else Config()
    unit = read_unit(unit_name(config))
    startable = start and unit is not None and unit.load == "loaded"
    given = interview(present) if answers is None else read_answers(answers)
    _fit_classifier(present, given, ask=answers is None)
    with drafted(config, given) as (drafted_config, drafts):
        if answers is None:
            sys.stderr.write("\nA test picture, of which only numbers are shown:\n")
            wrong = tell([try_camera(drafted_config, beside_service=unit is not None and unit.runs)])
            start_too = f" and start {unit_name(config)}" if startable else ""
            if not confirm(f"\nWrite {config}{start_too}", default=not wrong):
                sys.stderr.write("Nothing was changed.\n")
                return 0
        install(config, drafts)
    sys.stderr.write(f"{config} is written.\n")
    if startable:
        enable(unit_name(config), _READY_WITHIN_S)
    return tell(doctor(config)) if start else 0


def _fit_classifier(present: Config, given: Answers, *, ask: bool) -> None:
    """Take the light classifier on a slow processor, unless a classifier is named already."""
    core = slow_core()
    if core is None or present.model.folder or "folder" in given.values.get("model", {}):
        return
    reason = (
        f"This board has a {core}, for which the light classifier is made: a quarter of the work, a little less right"
    )
    if not ask or confirm(f"\n{reason}. Use it"):
        sys.stderr.write(f'{reason}; model.folder = "{LIGHT}".\n')
        given.set("model", folder=LIGHT)
