"""Waiting for what sends no event."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

PATIENCE = float(os.environ.get("FER_PATIENCE", "1"))
"""How many times longer to wait for events, on a machine that does much else; what is measured stays as it is."""


def eventually(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Return as soon as ``condition`` holds, which is asked a hundred times a second; fail after ``timeout_s``."""
    deadline_s = time.monotonic() + PATIENCE * timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {timeout_s:g} s"
        time.sleep(0.01)
