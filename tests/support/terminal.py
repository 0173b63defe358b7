"""A command on a terminal of its own, with somebody who reads and types."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Self


class Terminal:
    """``command`` on a pseudo-terminal, from ``with`` to its end; ``shown`` is everything that was seen there."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._command, self._environment = command, {**os.environ, **(environment or {})}
        self.shown = ""
        self._read_to = 0

    def __enter__(self) -> Self:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            self._command, stdin=theirs, stdout=theirs, stderr=theirs, env=self._environment, start_new_session=True
        )
        os.close(theirs)
        return self

    def wait_for(self, pattern: str, timeout_s: float = 60.0) -> str:
        """What is shown up to and including ``pattern``, which comes after what was waited for before."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            new = self.shown[self._read_to :]
            if found := re.search(pattern, new):
                self._read_to += found.end()
                return new[: found.end()]
            assert time.monotonic() < deadline_s, f"{pattern!r} is not in:\n{new}"
            assert self._more(), f"ended without {pattern!r}:\n{new}"

    def answer(self, question: str, line: str) -> str:
        """Wait for the question and type a line; what was shown before the question."""
        before = self.wait_for(question)
        self.press(f"{line}\n")
        return before

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._ours, keys.encode())

    def end(self, timeout_s: float = 60.0) -> int:
        """Read until it ends by itself; returns its exit status."""
        deadline_s = time.monotonic() + timeout_s
        while self._more():
            assert time.monotonic() < deadline_s, self.shown
        return self.process.wait(10)

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)

    def _more(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], 0.2)
        if not ready:
            return self.process.poll() is None
        try:
            read = os.read(self._ours, 65536)
        except OSError:  # how a terminal ends
            return False
        self.shown += read.decode("utf-8", "replace")
        return bool(read)
