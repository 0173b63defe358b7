"""The real ``fer-edge record`` as a process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.support.mosquitto import Mosquitto


@dataclass(frozen=True)
class RunningRecorder:
    """A recorder, and the file that holds what it says."""

    process: subprocess.Popen[bytes]
    log: Path


class StartRecorder(Protocol):
    """Type of the fixture ``recorder``."""

    def __call__(self, record: Path, *brokers: Mosquitto) -> RunningRecorder:
        """Record these brokers into ``record``."""


def start_recorder(log: Path, record: Path, *brokers: Mosquitto) -> RunningRecorder:
    """Start one that says what it says into ``log``."""
    addresses = [f"{broker.host}:{broker.port}" for broker in brokers]
    command = [sys.executable, "-m", "edge", "record", "--name", "test", str(record), *addresses]
    with log.open("wb") as file:
        return RunningRecorder(subprocess.Popen(command, stderr=file), log)
