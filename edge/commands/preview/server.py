"""Serves the preview's page on loopback, and its pictures to whoever has the token.

A web page that the viewer visits elsewhere must not see the camera. The token goes in a header that a foreign page
cannot send without asking first (CORS), and it stands behind the # of the address, which no browser sends to a server.
A name that somebody else's DNS resolves to this machine is refused (DNS rebinding).
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from edge.commands.preview.view import View
from edge.errors import ConfigError

PAGE = Path(__file__).parent / "page"
FRAME_WAIT_S = 4.0
"""How long a viewer waits for a frame before it is told that none came."""
VIEWER_TIMEOUT_S = 20.0
"""A viewer that takes or sends nothing for so long is cut off."""
MAX_CONNECTIONS = 24

_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PreviewServer:
    """The page at ``url``, from ``start`` to ``stop``.

    Attributes:
        url: the page's address with the token.
        port: where it listens.
        is_local: whether only this machine reaches it.
    """

    def __init__(
        self,
        view: View,
        host: str,
        port: int,
        *,
        tick: Callable[[], None] = lambda: None,
        dashboard: Path | None = None,
    ) -> None:
        """Listen at ``host`` and ``port`` (0: any that is free).

        Args:
            view: what is shown.
            host: an address or a name of this machine.
            port: where to listen.
            tick: called twice a second.
            dashboard: the folder of the dashboard page, to be served below ``/dashboard/``.

        Raises:
            ConfigError: that address is not this machine's, or taken.
        """
        self._token = secrets.token_urlsafe(16)
        files = _files(PAGE, "/") | (_files(dashboard, "/dashboard/") if dashboard else {})
        allowed = _host_names(host)

        class Handler(_Handler):
            server_view, token, pages, host_names = view, self._token, files, allowed

        try:
            family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            self._http = _Server(family, address, Handler)
        except OSError as error:
            raise ConfigError(
                f"preview: cannot listen at {host} port {port} ({error.strerror or error}); "
                "name another with --host or --port"
            ) from error
        self._http.tick = tick
        self.port = int(self._http.server_address[1])
        self.is_local = ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback
        shown = socket.gethostname() if ipaddress.ip_address(str(address[0]).partition("%")[0]).is_unspecified else host
        self.origin = f"http://{f'[{shown}]' if ':' in shown else shown}:{self.port}"
        self.url = f"{self.origin}/#{self._token}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.5,), name="preview", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    """A thread for each connection, but not for any number of them."""

    daemon_threads = True
    block_on_close = False
    tick: Callable[[], None]

    def __init__(self, family: int, address: Any, handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = family
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Without asking the DNS for our own name, which takes long where there is none."""
        TCPServer.server_bind(self)

    def service_actions(self) -> None:
        """Called by ``serve_forever`` twice a second."""
        self.tick()

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A viewer that went away in the middle is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "fer-edge", ""
    timeout = VIEWER_TIMEOUT_S
    server_view: View
    token: str
    pages: dict[str, Path]
    host_names: frozenset[str]

    def do_GET(self) -> None:
        """A file of the page, or a frame for who has the token."""
        if not self._is_addressed():
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, b"open the preview by the address that it printed\n")
            return
        address = urlsplit(self.path)
        if address.path == "/frame":
            self._frame(parse_qs(address.query))
        elif (file := self.pages.get("/index.html" if address.path == "/" else address.path)) is not None:
            self._answer(HTTPStatus.OK, file.read_bytes(), _TYPES.get(file.suffix, "application/octet-stream"))
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"no such page\n")

    def _frame(self, query: dict[str, list[str]]) -> None:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            self._answer(HTTPStatus.FORBIDDEN, b"wrong token; open the address that fer-edge preview printed\n")
            return
        after = query.get("after", ["0"])[0]
        shot = self.server_view.newest(int(after) if re.fullmatch("[0-9]{1,15}", after) else 0, FRAME_WAIT_S)
        if shot is None:
            self._answer(HTTPStatus.NO_CONTENT, b"")
        else:
            self._answer(HTTPStatus.OK, shot.body, "application/octet-stream")

    def _is_addressed(self) -> bool:
        """Whether the browser came by an address or a name of this machine."""
        try:
            name = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
        except ValueError:
            return False
        return _is_address(name) or name in self.host_names

    def _answer(self, status: HTTPStatus, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        if kind.startswith("text/"):
            kind += "; charset=utf-8"
        if body:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: a request ten times a second is no news."""


def _files(folder: Path, below: str) -> dict[str, Path]:
    """The files of a page by their path in the address: what is not listed is not served."""
    return {
        below + quote(file.relative_to(folder).as_posix()): file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix in _TYPES
    }


def _host_names(host: str) -> frozenset[str]:
    """Names by which a browser may have come; somebody else's name may point here too, an address may not."""
    own = socket.gethostname().lower()
    return frozenset({"localhost", host.lower(), own, f"{own.partition('.')[0]}.local"})


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
