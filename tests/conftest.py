"""Fixtures that several packages share."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.mqtt.messages import Device, Model


@pytest.fixture(scope="session")
def shared() -> Path:
    """Data, models and clips that are never committed: the folder ``FER_SHARED``, or ``shared`` beside the checkout."""
    folder = Path(os.environ.get("FER_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the shared data folder ({folder} is absent; name it with FER_SHARED)")
    return folder


class Mosquitto:
    """The mosquitto program on a free loopback port, with its own configuration."""

    def __init__(self, program: str, folder: Path, settings: list[str]) -> None:
        self.host, self.port = "127.0.0.1", free_port()
        self._config = folder / "mosquitto.conf"
        # Started as root, mosquitto would become another user who cannot read the test's files.
        lines = [f"user {getpass.getuser()}", f"listener {self.port} {self.host}", *settings]
        self._config.write_text("\n".join(lines) + "\n")
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, or start again on the same port, and wait until it listens."""
        log = self._config.with_suffix(".log").open("ab")
        with log:
            self._process = subprocess.Popen([self._program, "-c", str(self._config)], stdout=log, stderr=log)
        deadline_s = time.monotonic() + 10
        while True:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < deadline_s, self._config.with_suffix(".log").read_text()
                time.sleep(0.01)

    def kill(self) -> None:
        """SIGKILL: retained messages and sessions are gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def stop(self) -> None:
        """SIGTERM: with ``persistence`` it writes retained messages and sessions down."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(10)
        self._process = None

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def save(self, database: Path) -> None:
        """SIGUSR1: write the sessions to ``database``, which the settings name."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)
        deadline_s = time.monotonic() + 10
        while not database.exists():
            assert time.monotonic() < deadline_s
            time.sleep(0.01)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """``mosquitto(*settings, start=True)`` starts a real broker; any number of them, all killed in the end."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs the mosquitto program: apt-get install mosquitto")
        pytest.skip("needs the mosquitto program (apt-get install mosquitto, brew install mosquitto)")
    brokers: list[Mosquitto] = []

    def make(*settings: str, start: bool = True) -> Mosquitto:
        folder = tmp_path / f"broker{len(brokers)}"
        folder.mkdir()
        broker = Mosquitto(program, folder, list(settings) or ["allow_anonymous true"])
        brokers.append(broker)
        if start:
            broker.start()
        return broker

    yield make
    for broker in brokers:
        broker.kill()


@pytest.fixture
def device() -> Device:
    """A device as the service describes it."""
    return Device(
        id="fer-1a2b3c4d",
        source="cam0",
        version="0.1.0",
        camera="replay astronaut.mp4",
        detector="haar-alt2",
        model=Model("fer-int8-1", "ab" * 32, "ferplus", "cpu"),
        window_s=60.0,
        min_people=3,
        counts_only=False,
        context={"site": "foyer"},
    )
