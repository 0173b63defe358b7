"""A network camera over HTTP on loopback, in every manner that cameras have, and in some that only attackers have."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import socket
import socketserver
import threading
from collections.abc import Callable

import cv2
import numpy as np

from edge.records import Pixels

USER, PASSWORD = "cam", "p@s#s/1"
LOGIN = "cam:p%40s%23s%2F1@"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=f\r\n"


def jpeg(pixels: Pixels) -> bytes:
    return bytes(cv2.imencode(".jpg", pixels)[1])


def bar(number: int, size_px: tuple[int, int] = (64, 48)) -> Pixels:
    """A picture with an edge that moves on with ``number``; ``size_px`` is width and height."""
    width_px, height_px = size_px
    pixels = np.full((height_px, width_px), 60, np.uint8)
    pixels[:, 8 * number % width_px :] = 200
    return pixels


def part(content: bytes) -> bytes:
    return b"--f\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(content) + content + b"\r\n"


class HttpCamera(socketserver.ThreadingTCPServer):
    """Answers in the manner that the path of the address names, ``fps`` images a second; ``requests`` are what came."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, fps: float = 50.0, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Viewer)
        self.port = int(self.server_address[1])
        self.period_s = 1 / fps
        self.requests: list[str] = []
        self.sent_bytes = 0
        self.closed = threading.Event()
        self.counter = itertools.count()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def url(self, path: str, login: str = "") -> str:
        return f"http://{login}127.0.0.1:{self.port}/{path}"

    def close(self) -> None:
        """Gone, with every connection."""
        self.closed.set()
        self.shutdown()
        self.server_close()


class _Viewer(socketserver.BaseRequestHandler):
    server: HttpCamera
    request: socket.socket

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            received = self.request.recv(4096)
            if not received:
                return
            head += received
        text = head.decode("latin-1")
        self.server.requests.append(text)
        path = re.sub("^rtsp://[^/]*", "", text.split()[1])
        name = path.lstrip("/").partition("?")[0].partition("/")[0].replace(".", "_")
        try:
            getattr(self, f"do_{name}", self.do_absent)(text)
        except OSError:
            return

    def send(self, content: bytes) -> None:
        self.request.sendall(content)
        self.server.sent_bytes += len(content)

    def stream(self, head: bytes, part_of: Callable[[bytes], bytes]) -> None:
        self.send(head)
        while not self.server.closed.wait(self.server.period_s):
            self.send(part_of(jpeg(bar(next(self.server.counter)))))

    def answer(self, status: str, headers: str, content: bytes = b"") -> None:
        self.send(f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(content)}\r\n\r\n".encode() + content)

    # As cameras are.

    def do_usual(self, _head: str) -> None:
        self.stream(STREAM + b"\r\n", part)

    def do_late(self, _head: str) -> None:
        """The boundary only behind each image, as ESP32-CAM's older firmware has it."""
        self.stream(STREAM + b"\r\n", lambda image: b"Content-Type: image/jpeg\r\n\r\n" + image + b"\r\n--f\r\n")

    def do_bare(self, _head: str) -> None:
        """Neither lengths nor boundaries."""
        self.stream(STREAM + b"\r\n", lambda image: image)

    def do_headless(self, _head: str) -> None:
        """No status line, as ESP32-CAM's firmware of 2019 has it."""
        self.stream(STREAM.partition(b"\r\n")[2] + b"\r\n", part)

    def do_chunked(self, _head: str) -> None:
        """A chunk cuts through an image, as esp_http_server sends them."""

        def chunks(image: bytes) -> bytes:
            whole = part(image)
            return b"".join(b"%X\r\n%s\r\n" % (len(half), half) for half in (whole[:100], whole[100:]))

        self.stream(STREAM + b"Transfer-Encoding: chunked\r\n\r\n", chunks)

    def do_cut(self, _head: str) -> None:
        """Every third image lacks its last third."""
        number = itertools.count()
        self.stream(
            STREAM + b"\r\n", lambda image: part(image[: len(image) * 2 // 3] if next(number) % 3 == 2 else image)
        )

    def do_still_jpg(self, _head: str) -> None:
        self.answer("200 OK", "Content-Type: image/jpeg\r\n", jpeg(bar(next(self.server.counter))))

    def do_shy_jpg(self, head: str) -> None:
        """Every second request fails."""
        if len(self.server.requests) % 2:
            self.do_still_jpg(head)
        else:
            self.answer("503 Service Unavailable", "")

    def do_unnamed(self, _head: str) -> None:
        """One image of no declared type, then the end."""
        self.send(b"HTTP/1.0 200 OK\r\n\r\n" + jpeg(bar(next(self.server.counter))))

    def do_dark(self, _head: str) -> None:
        """Black, always."""
        self.stream(STREAM + b"\r\n", lambda _: part(jpeg(np.zeros((48, 64), np.uint8))))

    def do_basic(self, head: str) -> None:
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if f"Authorization: Basic {expected}\r\n" in head:
            self.do_usual(head)
        else:
            self.answer("401 Unauthorized", 'WWW-Authenticate: Basic realm="cam"\r\n')

    def do_digest(self, head: str) -> None:
        """RFC 7616 with SHA-256 or, below ``digest/md5``, MD5."""
        name, algorithm = ("MD5", hashlib.md5) if "digest/md5" in head else ("SHA-256", hashlib.sha256)

        def digest(*parts: str) -> str:
            return algorithm(":".join(parts).encode()).hexdigest()

        fields = dict(re.findall(r'(\w+)="?([^",\r\n]*)', head.partition("Authorization: Digest ")[2]))
        target = head.split()[1]
        if fields:
            expected = digest(
                digest(USER, "cam", PASSWORD),
                "once",
                fields["nc"],
                fields["cnonce"],
                "auth",
                digest("GET", target),
            )
            if fields["response"] == expected and fields["uri"] == target:
                self.do_usual(head)
                return
        challenge = f'Digest realm="cam", nonce="once", qop="auth", algorithm={name}'
        self.answer("401 Unauthorized", f"WWW-Authenticate: {challenge}\r\n")

    def do_moved(self, _head: str) -> None:
        self.answer("302 Found", "Location: /usual\r\n")

    def do_absent(self, _head: str) -> None:
        self.answer("404 Not Found", "")

    def do_page(self, _head: str) -> None:
        self.answer("200 OK", "Content-Type: text/html\r\n", b"<html>" + b"log in " * 100)

    def do_silent(self, _head: str) -> None:
        self.server.closed.wait()

    def do_pausing(self, _head: str) -> None:
        """Five images, then nothing."""
        self.send(STREAM + b"\r\n")
        for number in range(5):
            self.send(part(jpeg(bar(number))))
        self.server.closed.wait()

    def do_leaving(self, _head: str) -> None:
        """Five images, then the end."""
        self.send(STREAM + b"\r\n")
        for number in range(5):
            self.send(part(jpeg(bar(number))))

    # As attackers are.

    def do_drip(self, _head: str) -> None:
        self.send(STREAM + b"\r\n--f\r\n\r\n\xff\xd8\xff\xe0")
        while not self.server.closed.wait(0.05):
            self.send(b"\0")

    def do_drip_head(self, _head: str) -> None:
        self.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not self.server.closed.wait(0.05):
            self.send(b"a")

    def do_endless_head(self, _head: str) -> None:
        self.send(b"HTTP/1.1 200 OK\r\n")
        while not self.server.closed.is_set():
            self.send(b"X-More: " + b"a" * 1000 + b"\r\n")

    def do_endless_line(self, _head: str) -> None:
        self.send(b"HTTP/1.1 200 OK\r\nX-More: ")
        while not self.server.closed.is_set():
            self.send(b"a" * 65536)

    def do_endless_part(self, _head: str) -> None:
        """Good images, then one of two gigabytes, which never ends."""
        self.send(STREAM + b"\r\n")
        for number in range(5):
            self.send(part(jpeg(bar(number))))
        image = jpeg(bar(0))
        self.send(b"--f\r\nContent-Length: 2000000000\r\n\r\n" + image[:-2])
        while not self.server.closed.is_set():
            self.send(b"a" * 65536)

    def do_endless_nothing(self, _head: str) -> None:
        self.send(STREAM + b"\r\n")
        while not self.server.closed.is_set():
            self.send(b"a" * 65536)

    def do_huge(self, _head: str) -> None:
        """The header of an image of 65,500 x 65,500 pixels."""
        image = bytearray(jpeg(bar(0)))
        at = image.index(b"\xff\xc0") + 5
        image[at : at + 4] = (65500).to_bytes(2, "big") * 2
        self.stream(STREAM + b"\r\n", lambda _: part(bytes(image)))

    def do_away(self, head: str) -> None:
        """A redirect to the address behind ``away/``."""
        self.answer("302 Found", f"Location: http://{head.split()[1].partition('/away/')[2]}\r\n")

    def do_round(self, _head: str) -> None:
        self.answer("302 Found", "Location: /round\r\n")

    def do_playlist(self, head: str) -> None:
        """HLS that names the address behind ``playlist/``."""
        target = head.split()[1].partition("/playlist/")[2]
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://{target}\n#EXT-X-ENDLIST\n"
        self.answer("200 OK", "Content-Type: application/vnd.apple.mpegurl\r\n", text.encode())
