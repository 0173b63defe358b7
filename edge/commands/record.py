"""``fer-edge record``: keeps every window that a broker delivers, once, for as many days as asked for.

Several recorders with names of their own may share one file and the work: as a group the broker gives each window to
one of them. A window that comes twice, or to two of them, has the same device and id.
"""

from __future__ import annotations

import itertools
import logging
import re
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from edge.commands.record_file import RecordFile
from edge.config import MqttConfig
from edge.errors import BrokerError, MessageError
from edge.mqtt.messages import BASE_TOPIC
from edge.mqtt.subscriber import Subscriber

WINDOWS, DEVICES = f"{BASE_TOPIC}/+/+/aggregate", f"{BASE_TOPIC}/+/info"
PAUSE_S = 1.0
"""Between two attempts to connect. Until it is back, a broker that lost its sessions has nobody to keep windows for."""
FORGET_EVERY_S = 3600.0

_log = logging.getLogger(__name__)


def default_name() -> str:
    """The client id of a recorder on this machine: the same at each start, because the session has this name."""
    return f"fer-record-{re.sub('[^a-z0-9-]', '-', socket.gethostname().lower())[:40]}"


class Recorder:
    """Listens to one broker after the other and keeps what it hears."""

    def __init__(self, path: Path, brokers: Sequence[MqttConfig], *, name: str, group: str, days: float) -> None:
        """Open the record.

        Args:
            path: the SQLite file, made if it is not there.
            brokers: the nodes of one cluster, tried in turn.
            name: the client id; another recorder needs another.
            group: of recorders that share the work; empty for one that takes everything.
            days: windows that ended longer ago are deleted.

        Raises:
            ConfigError: the file, the password or a TLS file cannot be used.
        """
        self._file, self._days = RecordFile(path), days
        topics = (f"$share/{group}/{WINDOWS}" if group else WINDOWS, DEVICES)
        self._subscribers = [Subscriber(name, broker, topics, self._keep) for broker in brokers]
        self._stop = threading.Event()
        self._current = self._subscribers[0]
        self._forget_at_s = 0.0

    def run(self) -> None:
        """Record until ``stop``."""
        told = set[str]()  # what keeps the brokers away is said once
        for subscriber in itertools.cycle(self._subscribers):
            self._current = subscriber
            if self._stop.is_set():
                break
            try:
                subscriber.listen()
                told.clear()
            except BrokerError as error:
                if str(error) not in told:
                    _log.warning("%s; trying again until it works", error)
                told.add(str(error))
            self._forget_old()
            self._stop.wait(PAUSE_S)
        self._file.close()

    def stop(self) -> None:
        """Ask ``run`` to end; for signal handlers."""
        self._stop.set()
        self._current.stop()

    def _keep(self, topic: str, payload: bytes) -> None:
        try:
            self._file.keep(topic, payload)
        except MessageError as error:  # anybody may write to a broker
            _log.warning("refused %s", error)
        self._forget_old()

    def _forget_old(self) -> None:
        if time.monotonic() >= self._forget_at_s:
            self._forget_at_s = time.monotonic() + FORGET_EVERY_S
            if count := self._file.forget(time.time() - 86_400 * self._days):
                _log.info("windows deleted because they are older than %g days: %d", self._days, count)
