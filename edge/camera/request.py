"""One request to a network camera, HTTP or RTSP, in bounded time and memory and to the camera's own host only.

Python's ``http.client`` bounds each call to the socket, not the whole answer: a server that sends a byte a second
holds it for ever. It also refuses the cameras that leave out the status line.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urljoin

from edge.camera.address import Address, parse_address
from edge.errors import CameraError

MAX_HEAD_BYTES = 32 * 1024
_MAX_REDIRECTS = 3
_PIECE_BYTES = 64 * 1024


class Reply:
    """The answer to one request: its head is read, its body comes piece by piece with ``read``.

    ``deadline_s`` (monotonic) bounds every wait for the camera; the reader moves it on.
    """

    def __init__(self, address: Address, deadline_s: float) -> None:
        """Connect.

        Raises:
            CameraError: with the reason for which there is no connection.
        """
        self.address, self.deadline_s = address, deadline_s
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self._buffer = bytearray()
        self._chunk_bytes = 0
        self._chunked = False
        self._socket = _connect(address, self._remaining_s())

    def ask(self, head: str) -> None:
        """Send a request and read the head of the answer.

        Raises:
            CameraError: the camera hangs up, or answers with something else.
            TimeoutError: it does not answer before the deadline.
        """
        try:
            self._socket.settimeout(self._remaining_s())
            self._socket.sendall(head.encode("latin-1"))
        except TimeoutError:
            raise
        except OSError as error:
            raise CameraError(f"hung up ({error.strerror or error})") from error
        first = self._line()
        found = re.match(r"(?:HTTP|RTSP)/\d\.\d (\d{3})", first)
        # Some cameras begin with the headers right away.
        if found is None and ":" not in first:
            raise CameraError("answers neither HTTP nor RTSP; is the port right?")
        self.status = int(found[1]) if found else 200
        line, length = first if found is None else self._line(), 0
        while line:
            name, _, value = line.partition(":")
            self.headers.append((name.strip().lower(), value.strip()))
            length += len(line)
            if length > MAX_HEAD_BYTES:
                raise CameraError(f"answers with more than {MAX_HEAD_BYTES} bytes of headers")
            line = self._line()
        self._chunked = "chunked" in self.header("transfer-encoding").lower()

    def header(self, name: str) -> str:
        """The first header of that name; empty if there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def read(self) -> bytes:
        """The next piece of the body, at most 64 KiB; empty at its end.

        Raises:
            CameraError: the connection broke.
            TimeoutError: nothing comes before the deadline.
        """
        if not self._chunked:
            return self._piece(_PIECE_BYTES)
        if self._chunk_bytes == 0:
            size = self._line() or self._line()  # the end of the last chunk is an empty line
            if not re.match(r"[0-9a-fA-F]{1,8}\b", size):
                return b""
            self._chunk_bytes = int(re.split(r"\W", size)[0], 16)
            if self._chunk_bytes == 0:
                return b""
        piece = self._piece(self._chunk_bytes)
        self._chunk_bytes -= len(piece)
        return piece

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()

    def _piece(self, most: int) -> bytes:
        if not self._buffer and not self._receive():
            return b""
        piece = bytes(self._buffer[:most])
        del self._buffer[:most]
        return piece

    def _line(self) -> str:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise CameraError(f"answers with more than {MAX_HEAD_BYTES} bytes in a line")
            if not self._receive():
                end = len(self._buffer)
                break
        line = self._buffer[:end].decode("latin-1").rstrip("\r")
        del self._buffer[: end + 1]
        return line

    def _receive(self) -> bool:
        try:
            self._socket.settimeout(self._remaining_s())
            received = self._socket.recv(_PIECE_BYTES)
        except TimeoutError:
            raise
        except OSError as error:
            raise CameraError(f"hung up ({error.strerror or error})") from error
        self._buffer += received
        return bool(received)

    def _remaining_s(self) -> float:
        remaining_s = self.deadline_s - time.monotonic()
        if remaining_s <= 0:
            raise TimeoutError
        return remaining_s


class Login:
    """User and password of one camera, as its newest challenge asks for them (RFC 7617 Basic, RFC 7616 Digest)."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._challenge: dict[str, str] = {}
        self._count = 0

    def learn(self, reply: Reply) -> bool:
        """Remember the challenge of a refusal; whether there is an answer to it."""
        offers = [value for name, value in reply.headers if name == "www-authenticate"]
        parsed = [
            {"scheme": offer.partition(" ")[0].lower()}
            | {key.lower(): quoted or bare for key, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', offer)}
            for offer in offers
        ]
        known = [offer for offer in parsed if offer["scheme"] in ("basic", "digest") and _hash_of(offer) is not None]
        known.sort(key=lambda offer: offer["scheme"] == "basic")  # Digest first: it does not send the password
        self._challenge, self._count = (known[0] if known else {}), 0
        return bool(known and self._address.user)

    def header(self, method: str, target: str) -> str:
        """The line of the request, or nothing while nobody asked for it."""
        challenge, user, password = self._challenge, self._address.user, self._address.password
        if not challenge:
            return ""
        if challenge["scheme"] == "basic":
            return f"Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}\r\n"
        digest = _hash_of(challenge)
        assert digest is not None
        self._count += 1
        count, own = f"{self._count:08x}", secrets.token_hex(8)
        realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")
        qop = "auth" if "auth" in re.split(r"[,\s]+", challenge.get("qop", "")) else ""
        secret = digest(f"{user}:{realm}:{password}")
        if challenge.get("algorithm", "").lower().endswith("-sess"):
            secret = digest(f"{secret}:{nonce}:{own}")
        middle = f"{nonce}:{count}:{own}:{qop}" if qop else nonce
        fields = {
            "username": user,
            "realm": realm,
            "nonce": nonce,
            "uri": target,
            "response": digest(f"{secret}:{middle}:{digest(f'{method}:{target}')}"),
        }
        if "opaque" in challenge:
            fields["opaque"] = challenge["opaque"]
        parts = [f'{key}="{value}"' for key, value in fields.items()]
        if "algorithm" in challenge:
            parts.append(f"algorithm={challenge['algorithm']}")
        if qop:
            parts += [f"qop={qop}", f"nc={count}", f'cnonce="{own}"']
        return f"Authorization: Digest {', '.join(parts)}\r\n"


def request(address: Address, login: Login, deadline_s: float) -> Reply:
    """GET an ``http`` address, or DESCRIBE an ``rtsp`` one, and return the answer if it is a good one.

    A redirect is followed on the same scheme, host and port only.

    Raises:
        CameraError: with the true reason.
        TimeoutError: there is a connection, but no answer before the deadline.
    """
    for _ in range(_MAX_REDIRECTS + 1):
        reply = _ask(address, login, deadline_s)
        if reply.status == 401 and login.learn(reply):
            reply.close()
            reply = _ask(address, login, deadline_s)
        if 200 <= reply.status < 300:
            return reply
        reply.close()
        if not (300 <= reply.status < 400 and reply.header("location")):
            break
        address = _redirected(address, reply.header("location"))
    raise CameraError(_refusal(reply.status, given=bool(address.user)))


def _ask(address: Address, login: Login, deadline_s: float) -> Reply:
    reply = Reply(address, deadline_s)
    try:
        if address.scheme.startswith("rtsp"):
            method, target, protocol = "DESCRIBE", address.url, "RTSP/1.0"
            more = "CSeq: 1\r\nAccept: application/sdp\r\n"
        else:
            method, target, protocol = "GET", address.target, "HTTP/1.1"
            host = str(address).partition("://")[2]
            more = f"Host: {host}\r\nAccept: multipart/x-mixed-replace, image/jpeg\r\nConnection: close\r\n"
        login_line = login.header(method, target)
        reply.ask(f"{method} {target} {protocol}\r\n{more}User-Agent: fer-edge\r\n{login_line}\r\n")
    except (CameraError, TimeoutError):
        reply.close()
        raise
    return reply


def _redirected(address: Address, location: str) -> Address:
    try:
        target = parse_address(urljoin(address.url, location))
    except (CameraError, ValueError):
        raise CameraError("redirects to something that is not a camera's address") from None
    if (target.scheme, target.host, target.port) != (address.scheme, address.host, address.port):
        raise CameraError(
            f"redirects to {str(target)[:80]}, which is not visited; if it is yours, name it in camera.url"
        )
    return replace(address, target=target.target)


def _refusal(status: int, *, given: bool) -> str:
    match status:
        case 401 | 403 if given:
            return f"refuses this user and password ({status})"
        case 401 | 403:
            return f"asks for a user and password ({status}); camera.url takes them as user:password@ before the host"
        case 404:
            return "has nothing at this path (404); the camera's manual names it"
        case 301 | 302 | 303 | 307 | 308:
            return f"redirects more than {_MAX_REDIRECTS} times"
    return f"answers with the error {status}"


def _connect(address: Address, timeout_s: float) -> socket.socket:
    try:
        connection = socket.create_connection((address.host, address.port), timeout_s)
        if address.scheme in ("https", "rtsps"):
            # Cameras sign their certificates themselves: this keeps listeners out, not impostors.
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            try:
                return context.wrap_socket(connection, server_hostname=address.host)
            except OSError:
                connection.close()
                raise
    except socket.gaierror as error:
        raise CameraError(f"the name {address.host} is not known") from error
    except TimeoutError as error:
        raise CameraError("does not answer; is it on, are host and port right?") from error
    except ConnectionRefusedError as error:
        raise CameraError(f"refuses connections on port {address.port}; is it on, is the port right?") from error
    except ssl.SSLError as error:
        raise CameraError(f"does not speak TLS ({error.reason})") from error
    except (OSError, UnicodeError) as error:
        raise CameraError(f"cannot be reached ({getattr(error, 'strerror', None) or error})") from error
    return connection


def _hash_of(challenge: dict[str, str]) -> Callable[[str], str] | None:
    """The digest that a challenge asks for; None if it is another than MD5 and SHA-256."""
    name = challenge.get("algorithm", "MD5").upper().removesuffix("-SESS")
    algorithm = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}.get(name)
    return None if algorithm is None else lambda text: algorithm(text.encode()).hexdigest()
