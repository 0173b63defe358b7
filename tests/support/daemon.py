"""The real daemon as a process, and the part of systemd that it depends on."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import psutil

from tests.support.journal import Journal
from tests.support.paths import CLIP, ROOT
from tests.support.waiting import PATIENCE

Section = Mapping[str, object]
"""Keys of one section of the configuration."""

UNIT = (ROOT / "systemd" / "fer-edge.service").read_text("utf-8")
READY = "READY=1"


def _seconds(directive: str) -> float:
    found = re.search(rf"^{directive}=(\d+)$", UNIT, re.MULTILINE)
    assert found is not None
    return float(found[1])


RESTART_S, WATCHDOG_S = _seconds("RestartSec"), _seconds("WatchdogSec")


def replay(path: Path = CLIP, **keys: object) -> Section:
    """The section [camera] that replays ``path``."""
    return {"kind": "replay", "path": str(path), **keys}


def configuration(port: int, *, extra: str = "", **sections: Section) -> str:
    """A configuration for the broker at ``port``: the demo clip for ever, in windows of one second.

    Keys of ``sections`` are added to those, or replace them; only ``camera`` replaces the whole section. ``extra`` is
    appended as it is.
    """
    defaults: dict[str, Section] = {
        "device": {"id": "test"},
        "camera": replay(loop=True),
        "window": {"duration_s": 1},
        "mqtt": {"host": "127.0.0.1", "port": port},
    }
    if "camera" in sections:
        del defaults["camera"]
    lines = []
    for name in {**defaults, **sections}:
        keys = {**defaults.get(name, {}), **sections.get(name, {})}
        # JSON's strings, numbers, booleans and lists are TOML's too.
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    return "\n".join([*lines, extra, ""])


def last_seq(outbox: Path) -> int:
    """Number of the last window that a stopped daemon has put into its outbox."""
    with closing(sqlite3.connect(outbox)) as database:
        ((state,),) = database.execute("SELECT row FROM outbox_state").fetchall()
        return int(json.loads(state[state.index(b"{") :])["seq"])


class Daemon:
    """``fer-edge run``, any number of processes one after the other, as the unit of systemd/ starts them.

    ``journal`` holds the lines of its standard error and its notifications to systemd. After ``supervise``, a stand-in
    for systemd restarts it, and aborts it when the watchdog is not fed.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        program: Sequence[str] = ("-m", "edge"),
        environment: Mapping[str, str] | None = None,
        extra: str = "",
        **sections: Section,
    ) -> None:
        self.journal: Journal[str] = Journal()
        self.folder, self.config = folder, folder / "fer-edge.toml"
        self._port = port
        folder.mkdir(parents=True)
        self.configure(extra=extra, **sections)
        self._program = program
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(str(folder / "notify"))
        self._environment = {
            "PATH": os.environ["PATH"],
            "NOTIFY_SOCKET": str(folder / "notify"),
            **(environment or {}),
        }
        self._closing = threading.Event()
        self._fed_s: float | None = None
        self._process: subprocess.Popen[str] | None = None
        self._threads: list[threading.Thread] = []
        self._spawn(self._hear)

    @property
    def process(self) -> subprocess.Popen[str]:
        """The newest process."""
        assert self._process is not None
        return self._process

    def configure(self, *, extra: str = "", **sections: Section) -> None:
        """Write what the next start reads, see ``configuration``; by default the outbox is in ``folder``."""
        sections["outbox"] = {"path": str(self.folder / "outbox.sqlite"), **sections.get("outbox", {})}
        self.config.write_text(configuration(self._port, extra=extra, **sections), "utf-8")

    def start(self) -> None:
        self._fed_s = None
        self._process = subprocess.Popen(
            [sys.executable, *self._program, "run", "--config", str(self.config)],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self._reader = self._spawn(self._read, self._process)

    def wait(self, text: str, timeout_s: float = 20.0, *, since_s: float = 0.0) -> float:
        """When ``text`` was first said."""
        return self.journal.wait(lambda line: text in line, timeout_s, since_s=since_s)

    def wait_until_sent(self, timeout_s: float = 20.0, *, since_s: float = 0.0) -> float:
        """When it first told that it had made windows and none waits."""
        told = re.compile(r"windows made: \d+, no window waits")
        return self.journal.wait(lambda line: told.search(line) is not None, timeout_s, since_s=since_s)

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
        return self.process.wait(PATIENCE * timeout_s)

    def run(self, timeout_s: float = 60.0) -> int:
        """Start, wait for the end, and for the last line of the journal; the exit status."""
        self.start()
        return self.finish(timeout_s)

    def finish(self, timeout_s: float = 60.0) -> int:
        """Wait for the end, and for the last line of the journal; the exit status."""
        status = self.process.wait(PATIENCE * timeout_s)
        self._reader.join(10)
        return status

    def supervise(self) -> None:
        """From now on, restart and watch as the unit says."""
        self._spawn(self._supervise)

    def close(self) -> None:
        self._closing.set()
        # systemd's end of the socket: what has no reader any more shall not wait for one.
        self._manager.shutdown(socket.SHUT_RDWR)
        if self._process is not None:
            self.kill()
        for thread in self._threads:
            thread.join(10)
        self._manager.close()

    def _spawn(self, target: Callable[..., None], *arguments: object) -> threading.Thread:
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


class StartDaemon(Protocol):
    """Type of the fixture ``daemon``."""

    def __call__(
        self,
        port: int,
        *,
        start: bool = True,
        program: Sequence[str] = ("-m", "edge"),
        environment: Mapping[str, str] | None = None,
        extra: str = "",
        **sections: Section,
    ) -> Daemon:
        """A daemon for the broker at ``port``, see ``Daemon`` and ``configuration``."""
