"""Whether a model that was installed works here: it has to prove itself, or the one before it runs.

A model may pass every check and still end the daemon, by what it costs or on an image of this room. So the daemon
counts its starts with a new one. It has proved itself when frames have been analysed for a watchdog period and a window
has been made; after ``ATTEMPTS`` starts without that the previous one runs, whatever ended them: an exception, the
watchdog, the kernel or a power cut.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from edge.model.store import Store

ATTEMPTS = 3
TRIAL_FILE = "model-trial.json"
"""In the state folder of a service."""

_log = logging.getLogger(__name__)


class Trial:
    """One start of the daemon with the current release of ``store``.

    Attributes:
        release: what to run; None for the release in the package.
        failed: the release that did not prove itself, for which ``release`` stands in.
    """

    def __init__(self, store: Store, state: Path | None) -> None:
        """Count this start in the file ``state``; without one there is no trial."""
        self._part, self._state = store.part, state
        self.release: Path | None = store.current
        self.failed: Path | None = None
        self._previous = store.previous
        self._open = False
        if self.release is None or state is None:
            return
        known = self._read()
        if known.get("name") != self.release.name:
            known = {"name": self.release.name, "attempts": 0, "proven": False, "failed": False}
        if known["proven"]:
            return
        if known["failed"] or known["attempts"] >= ATTEMPTS:
            self._fall_back()
            return
        self._open = True
        self._write(known | {"attempts": known["attempts"] + 1})

    def refuse(self) -> bool:
        """The release cannot be opened: whether there is another to run instead, which ``release`` is then."""
        if not self._open:
            return False
        self._fall_back()
        return True

    def prove(self) -> None:
        """The release works."""
        if self._open:
            assert self.release is not None
            self._open = False
            self._write({"name": self.release.name, "attempts": 0, "proven": True, "failed": False})
            _log.info("the new %s %s has proved itself", self._part, self.release.name)

    def stop(self) -> None:
        """The daemon was stopped, which says nothing about the release."""
        if self._open:
            known = self._read()
            self._write(known | {"attempts": max(known.get("attempts", 1) - 1, 0)})

    def _fall_back(self) -> None:
        assert self.release is not None
        self._open = False
        self._write({"name": self.release.name, "attempts": ATTEMPTS, "proven": False, "failed": True})
        self.release, self.failed = self._previous, self.release

    def _read(self) -> dict[str, Any]:
        assert self._state is not None
        return read_trial(self._state, self._part)

    def _write(self, known: dict[str, Any]) -> None:
        """Before the model is opened, and so that a power cut leaves the old content or the new."""
        assert self._state is not None
        try:
            document = dict(json.loads(self._state.read_bytes()))
        except (OSError, ValueError, TypeError):
            document = {}
        draft = self._state.with_name(f"{self._state.name}.new")
        try:
            with draft.open("w", encoding="utf-8") as file:
                json.dump(document | {self._part: known}, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._state)
        except OSError as error:  # a full disk must not keep the daemon from running
            _log.warning("the trial of the %s cannot be counted in %s (%s)", self._part, self._state, error)


def read_trial(state: Path, part: str) -> dict[str, Any]:
    """``name`` of the release that was tried last, its ``attempts``, and whether it is ``proven`` or has ``failed``."""
    try:
        known = json.loads(state.read_bytes())[part]
        verdict = {"proven": bool(known["proven"]), "failed": bool(known["failed"])}
        return {"name": str(known["name"]), "attempts": int(known["attempts"])} | verdict
    except (OSError, ValueError, LookupError, TypeError):
        return {}
