"""A TCP link that can be spoiled."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

from tests.support.journal import Journal

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close with RST."""


class Proxy:
    """Stands between a daemon and the broker at ``port`` of this machine."""

    def __init__(self, port: int) -> None:
        self._broker_port = port
        self.accepted: Journal[None] = Journal()
        self.rate_bytes_s: float | None = None
        """Each way; None is as fast as it goes."""
        self.cut: Journal[int] = Journal()
        """How many bytes of a publication had passed when it was cut."""
        self._cut_next = threading.Event()
        self._ended = threading.Event()
        self._vanished = threading.Event()
        self._lines: list[socket.socket] = []
        self._listener = socket.socket()
        # A slow link is no fast one with a megabyte of buffers before it.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def vanish(self) -> None:
        """The other end of the open connections is gone without a word; new connections work."""
        self._vanished.set()
        self._vanished = threading.Event()

    def cut_next_publication(self) -> None:
        """Reset the connection in the middle of the next PUBLISH."""
        self._cut_next.set()

    def close(self) -> None:
        self._ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self._lines:
            self._reset(line)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                daemon, _ = self._listener.accept()
            except OSError:
                return
            self.accepted.add(None)
            try:
                broker = socket.create_connection(("127.0.0.1", self._broker_port))
            except OSError:
                self._reset(daemon)
                continue
            self._lines += [daemon, broker]
            for source, target in ((daemon, broker), (broker, daemon)):
                threading.Thread(target=self._pump, args=(source, target, self._vanished), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, vanished: threading.Event) -> None:
        with suppress(OSError):
            while data := source.recv(1024):
                if vanished.is_set():
                    self._ended.wait()
                    return
                if self.rate_bytes_s is not None:
                    self._ended.wait(len(data) / self.rate_bytes_s)
                if data[0] >> 4 == 3 and len(data) > 200 and self._cut_next.is_set():
                    self._cut_next.clear()
                    target.sendall(data[:200])
                    self.cut.add(200)
                    break
                target.sendall(data)
        for line in (source, target):
            self._reset(line)

    def _reset(self, line: socket.socket) -> None:
        with suppress(OSError):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            line.shutdown(socket.SHUT_RDWR)
        line.close()
