"""A broker that says what a test wants to hear said. MQTT 5, one thread a connection."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import BinaryIO

from tests.support.journal import Journal

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ = 1, 3, 8, 12


class FakeBroker:
    """Grants ``receive_maximum``, answers CONNECT with ``reason``; withholds every PUBACK while ``withholding``, and
    takes leave with ``farewell`` at the first publication.
    """

    def __init__(self, *, reason: int = 0, receive_maximum: int = 65535, farewell: int | None = None) -> None:
        self._reason, self._receive_maximum, self._farewell = reason, receive_maximum, farewell
        self.withholding = threading.Event()
        self.connects: Journal[None] = Journal()
        self.publications: Journal[int] = Journal()
        """How many were not acknowledged when one came, itself included."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        owed: list[bytes] = []
        with suppress(OSError), line, line.makefile("rb") as stream:
            while head := stream.read(1):
                kind, body = head[0] >> 4, stream.read(_length(stream))
                if kind == CONNECT:
                    self.connects.add(None)
                    line.sendall(bytes((0x20, 6, 0, self._reason, 3, 0x21)) + self._receive_maximum.to_bytes(2))
                    if self._reason:
                        return
                elif kind == SUBSCRIBE:
                    line.sendall(b"\x90\x04" + body[:2] + b"\x00\x01")
                elif kind == PINGREQ:
                    line.sendall(b"\xd0\x00")
                elif kind == PUBLISH and head[0] & 0b110:
                    topic_end = 2 + int.from_bytes(body[:2])
                    owed.append(body[topic_end : topic_end + 2])
                    self.publications.add(len(owed))
                    if self._farewell is not None:
                        line.sendall(bytes((0xE0, 2, self._farewell, 0)))
                        return
                while owed and not self.withholding.is_set():
                    line.sendall(b"\x40\x02" + owed.pop(0))


def _length(stream: BinaryIO) -> int:
    value = shift = 0
    while True:
        (digit,) = stream.read(1)
        value |= (digit & 0x7F) << shift
        shift += 7
        if digit < 0x80:
            return value
