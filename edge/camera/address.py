"""The address of a network camera, taken apart once, so that what is shown of it never holds a password."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from edge.errors import CameraError

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
"""Default port of each scheme that a camera may have."""
_EXPECTED = (
    f"expected {'://, '.join(PORTS)}:// and a host, with / @ # ? in user and password as %2F %40 %23 %3F (camera.url)"
)


@dataclass(frozen=True, slots=True)
class Address:
    """An address; ``target`` is path and query as they are sent, ``user`` and ``password`` are decoded."""

    scheme: str
    host: str
    port: int
    target: str
    user: str
    password: str

    def __str__(self) -> str:
        """Scheme, host and port only: cameras take passwords in every other part."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == PORTS[self.scheme] else f":{self.port}")

    def __repr__(self) -> str:
        return f"Address({self})"

    @property
    def url(self) -> str:
        """The address without user and password."""
        return f"{self}{self.target}"

    @property
    def with_login(self) -> str:
        """The whole address, for the one who connects; never to be shown."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        return self.url.replace("://", f"://{login}", 1)


def parse_address(url: str) -> Address:
    """Take ``url`` apart.

    Raises:
        CameraError: it is not the address of a camera; the message does not repeat it.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise CameraError(f"camera stream: the address is malformed; {_EXPECTED}") from None
    misplaced_password = "@" in parts.path + parts.query + parts.fragment
    sendable = re.fullmatch(r"[!-~]*", parts.path + parts.query)
    if parts.scheme not in PORTS or not host or not host.isprintable() or misplaced_password or not sendable:
        raise CameraError(f"camera stream: the address is not usable; {_EXPECTED}")
    return Address(
        scheme=parts.scheme,
        host=host,
        port=port or PORTS[parts.scheme],
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
