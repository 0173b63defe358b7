"""A real MQTT broker."""

from __future__ import annotations

import getpass
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edge.commands.demo_broker import free_port
from tests.support.waiting import eventually


class Mosquitto:
    """The mosquitto program on a free port of this machine, with its own configuration."""

    def __init__(self, program: str, folder: Path, settings: Sequence[str]) -> None:
        self.host, self.port = "127.0.0.1", free_port()
        self._config = folder / "mosquitto.conf"
        # Started as root, mosquitto would become another user who cannot read the test's files.
        lines = [f"user {getpass.getuser()}", f"listener {self.port} {self.host}", *settings]
        self._config.write_text("\n".join(lines) + "\n")
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process."""
        assert self._process is not None, "mosquitto is not running"
        return self._process

    def start(self) -> None:
        """Start, or start again on the same port, and wait until it listens."""
        with self._config.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", str(self._config)], stdout=log, stderr=log)
        eventually(self._listens, 10)

    def _listens(self) -> bool:
        assert self.process.poll() is None, self._config.with_suffix(".log").read_text()
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL: retained messages and sessions are gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def stop(self) -> None:
        """SIGTERM: with ``persistence`` it saves retained messages and sessions."""
        self.process.terminate()
        self.process.wait(10)
        self._process = None

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def save(self, database: Path) -> None:
        """SIGUSR1: save the sessions to ``database``, which the settings name."""
        self.process.send_signal(signal.SIGUSR1)
        eventually(database.exists, 10)


class StartMosquitto(Protocol):
    """Type of the fixture ``mosquitto``."""

    def __call__(self, *settings: str, start: bool = True) -> Mosquitto:
        """Start a broker with these lines of mosquitto.conf; without any it takes everybody."""
