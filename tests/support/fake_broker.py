"""A broker that says what a test wants to hear said. MQTT 5, one thread a connection."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from tests.support.journal import Journal

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 8, 12, 14


class FakeBroker:
    """Answers CONNECT with ``reason`` and ``limits`` (properties of CONNACK), and a publication with what ``answer``
    says of topic and payload; withholds every PUBACK while ``withholding``; takes leave with ``farewell`` at the first.
    """

    def __init__(
        self, *, reason: int = 0, receive_maximum: int = 65535, limits: bytes = b"", farewell: int | None = None
    ) -> None:
        self._reason, self._farewell = reason, farewell
        self._limits = b"\x21" + receive_maximum.to_bytes(2) + limits
        self.answer: Callable[[str, bytes], int] = lambda _topic, _payload: 0
        self.withholding = threading.Event()
        self.connects: Journal[None] = Journal()
        self.disconnects: Journal[None] = Journal()
        """DISCONNECT packets, with which a client takes its will back."""
        self.publications: Journal[int] = Journal()
        """How many were not acknowledged when one came, itself included."""
        self.messages: Journal[tuple[str, bytes]] = Journal()
        """Topic and payload of all of them, also with QoS 0."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = "127.0.0.1"
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
        owed: list[bytes] = []  # PUBACKs
        with suppress(OSError), line, line.makefile("rb") as stream:
            while head := stream.read(1):
                kind, body = head[0] >> 4, stream.read(_length(stream))
                if kind == CONNECT:
                    self.connects.add(None)
                    size = len(self._limits)
                    line.sendall(bytes((0x20, 3 + size, 0, self._reason, size)) + self._limits)
                    if self._reason:
                        return
                elif kind == SUBSCRIBE:
                    line.sendall(b"\x90\x04" + body[:2] + b"\x00\x01")
                elif kind == PINGREQ:
                    line.sendall(b"\xd0\x00")
                elif kind == DISCONNECT:
                    self.disconnects.add(None)
                elif kind == PUBLISH:
                    topic, mid, payload = _publication(body, qos=head[0] & 0b110)
                    self.messages.add((topic, payload))
                    if not mid:
                        continue
                    owed.append(b"\x40\x03" + mid + bytes((self.answer(topic, payload),)))
                    self.publications.add(len(owed))
                    if self._farewell is not None:
                        line.sendall(bytes((0xE0, 2, self._farewell, 0)))
                        return
                while owed and not self.withholding.is_set():
                    line.sendall(owed.pop(0))


MakeFakeBroker = Callable[..., FakeBroker]
"""Type of the fixture ``fake_broker``."""


def _publication(body: bytes, *, qos: int) -> tuple[str, bytes, bytes]:
    """Topic, packet id (empty with QoS 0) and payload."""
    stream = io.BytesIO(body)
    topic = stream.read(int.from_bytes(stream.read(2))).decode()
    mid = stream.read(2) if qos else b""
    stream.read(_length(stream))  # properties
    return topic, mid, stream.read()


def _length(stream: IO[bytes]) -> int:
    value = shift = 0
    while True:
        (digit,) = stream.read(1)
        value |= (digit & 0x7F) << shift
        shift += 7
        if digit < 0x80:
            return value
