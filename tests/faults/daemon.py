"""The real daemon as a process, and the part of systemd that it depends on."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from journal import Journal

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "edge" / "media" / "astronaut.mp4"
UNIT = (ROOT / "systemd" / "fer-edge.service").read_text("utf-8")
READY = "READY=1"


def _seconds(directive: str) -> float:
    found = re.search(rf"^{directive}=(\d+)$", UNIT, re.MULTILINE)
    assert found is not None
    return float(found[1])


RESTART_S, WATCHDOG_S = _seconds("RestartSec"), _seconds("WatchdogSec")
REPLAY = f'kind = "replay"\npath = "{CLIP}"\nloop = true\n'


def configuration(
    port: int,
    outbox: Path,
    *,
    camera: str = REPLAY,
    window_s: float | str = 1,
    max_rows: int = 20_000,
    extra: str = "",
) -> str:
    """A configuration; ``extra`` begins with further keys of [mqtt]."""
    return f"""\
device.id = "test"
[camera]
{camera}
[window]
duration_s = {window_s}
[outbox]
path = "{outbox}"
max_rows = {max_rows}
[mqtt]
host = "127.0.0.1"
port = {port}
{extra}
"""


class Daemon:
    """``python -m edge run``, any number of processes one after the other, as in the unit of systemd/.

    ``journal`` holds what it says: the lines of its standard error and of its notifications to systemd. After
    ``supervise`` a stand-in for systemd restarts it and aborts it when the watchdog is not fed.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        program: Sequence[str] = ("-m", "edge"),
        environment: Mapping[str, str] | None = None,
        outbox: Path | None = None,
        **config: Any,
    ) -> None:
        self.journal: Journal[str] = Journal()
        self.folder = folder
        self._port, self._outbox = port, outbox or folder / "outbox.sqlite"
        (folder / "run").mkdir(parents=True)
        self._config = folder / "fer-edge.toml"
        self.configure(**config)
        self._program = program
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(str(folder / "notify"))
        self._environment = {
            "PATH": os.environ["PATH"],
            "RUNTIME_DIRECTORY": str(folder / "run"),
            "NOTIFY_SOCKET": str(folder / "notify"),
            **(environment or {}),
        }
        self._closing = threading.Event()
        self._fed_s: float | None = None
        self._process: subprocess.Popen[str] | None = None
        self._threads: list[threading.Thread] = []
        self._run(self._hear)

    @property
    def process(self) -> subprocess.Popen[str]:
        """The newest process."""
        assert self._process is not None
        return self._process

    def configure(self, **config: Any) -> None:
        """What the next start shall find, see ``configuration``."""
        self._config.write_text(configuration(self._port, self._outbox, **config), "utf-8")

    def start(self) -> None:
        self._fed_s = None
        self._process = subprocess.Popen(
            [sys.executable, *self._program, "run", "--config", str(self._config)],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self._reader = self._run(self._read, self._process)

    def wait(self, text: str, timeout_s: float = 20.0, *, since_s: float = 0.0) -> float:
        """When ``text`` was first said."""
        return self.journal.wait(lambda line: text in line, timeout_s, since_s=since_s)

    def wait_for_queue(self, windows: int, timeout_s: float = 20.0, *, since_s: float = 0.0) -> float:
        """When it first told that so many windows, or more, wait."""

        def fits(line: str) -> bool:
            told = re.search(r"STATUS=.* (\d+) windows wait", line)
            return told is not None and int(told[1]) >= windows

        return self.journal.wait(fits, timeout_s, since_s=since_s)

    def said(self, text: str) -> bool:
        return any(text in line for line in self.journal.entries())

    def cpu_s(self) -> float:
        """Processor time of the newest process so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def stop(self, timeout_s: float = 20.0) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(timeout_s)

    def join(self) -> None:
        """Wait until everything is in the journal that the ended process said."""
        self._reader.join(10)

    def supervise(self) -> None:
        """From now on, restart and watch as the unit says."""
        self._run(self._supervise)

    def close(self) -> None:
        self._closing.set()
        # systemd's end of the socket: what has no reader any more shall not wait for one.
        self._manager.shutdown(socket.SHUT_RDWR)
        if self._process is not None:
            self.kill()
        for thread in self._threads:
            thread.join(10)
        self._manager.close()

    def _run(self, target: Callable[..., None], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self.journal.add(line.rstrip())

    def _hear(self) -> None:
        while message := self._manager.recv(4096):
            if message in (b"READY=1", b"WATCHDOG=1"):
                self._fed_s = time.monotonic()
            self.journal.add(message.decode())

    def _supervise(self) -> None:
        while not self._closing.wait(0.05):
            if (status := self.process.poll()) is not None:
                self.journal.add(f"systemd: ended with {status}")
                if status == 78 or self._closing.wait(RESTART_S):
                    return
                self.start()
            elif self._fed_s is not None and time.monotonic() - self._fed_s > WATCHDOG_S:
                self.journal.add("systemd: watchdog timeout")
                self.process.send_signal(signal.SIGABRT)
                self.process.send_signal(signal.SIGCONT)
                self.process.wait(10)
