"""Models by other people that a user may download: pinned by their sha256, checked before they are installed."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigError, DownloadError, ModelError

SYSTEM_FOLDER = Path("/var/lib/fer-edge")
"""Where root writes and the service may read: the unit's StateDirectory."""

_TIMEOUT_S, _LIMIT_S = 30.0, 600.0
"""How long a server may be silent, and how long a download may take in all."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file on the web. ``size_bytes`` and ``sha256`` pin it; another version at ``url`` is refused."""

    name: str
    file: str
    url: str
    size_bytes: int
    sha256: str
    licence: str

    def find(self) -> Path:
        """The downloaded file, the user's own before the system's.

        Raises:
            ModelError: it was not downloaded, or has changed since.
        """
        for folder in folders():
            path = folder / self.file
            if os.access(path, os.R_OK):
                self._check(path)
                return path
        raise ModelError(
            f"{self.name}: {self.file} is not in {' or '.join(map(str, folders()))}; "
            f"run fer-edge model fetch {self.name}, or name the file with detector.model"
        )

    def fetch(self, folder: Path, url: str | None = None) -> Path:
        """Download the file into ``folder`` and return its path; a file that is there already is kept.

        Args:
            folder: created if it is missing.
            url: a mirror. A proxy is taken from the environment, see ``urllib.request``.

        Raises:
            DownloadError: the url cannot be reached.
            ModelError: the download, or the file in ``folder``, is not the pinned one.
            ConfigError: ``folder`` cannot be written, or the file in it cannot be read.
        """
        target = folder / self.file
        if os.access(target, os.F_OK):
            self._check(target)
            return target
        content = self._download(url or self.url)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(target, content)
        except OSError as error:
            raise ConfigError(
                f"{self.name}: {folder} cannot be written ({error.strerror}); name another folder with --to"
            ) from error
        return target

    def _check(self, path: Path) -> None:
        try:
            content = _read(path, self.size_bytes + 1)
        except OSError as error:
            raise ConfigError(f"{self.name}: {path} cannot be read ({error.strerror}); move it away") from error
        if not self._matches(content):
            raise ModelError(
                f"{self.name}: {path} is not the pinned file, sha256 {self.sha256[:12]}...; "
                f"move it away and run fer-edge model fetch {self.name}"
            )

    def _matches(self, content: bytes) -> bool:
        return hashlib.sha256(content).hexdigest() == self.sha256

    def _download(self, url: str) -> bytes:
        from http.client import HTTPException

        try:
            content = _fetch(url, self.size_bytes + 1)
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise DownloadError(
                f"{self.name}: {url} cannot be fetched ({reason}); connect this machine, set https_proxy, or copy the "
                "file here and name it with detector.model"
            ) from error
        if not self._matches(content):
            raise ModelError(
                f"{self.name}: {url} is not the pinned file of {self.size_bytes} bytes with sha256 "
                f"{self.sha256[:12]}...; nothing was kept"
            )
        return content


def download(url: str, most_bytes: int) -> bytes:
    """What a server sends; a proxy is taken from the environment, see ``urllib.request``.

    Raises:
        DownloadError: it cannot be had, or is larger.
    """
    from http.client import HTTPException

    try:
        content = _fetch(url, most_bytes + 1)
    except (OSError, HTTPException, ValueError) as error:
        raise DownloadError(f"{url} cannot be fetched ({getattr(error, 'reason', None) or error})") from error
    if len(content) > most_bytes:
        raise DownloadError(f"{url} has more than {most_bytes} bytes, which no model has")
    return content


def _fetch(url: str, size_bytes: int) -> bytes:
    """At most ``size_bytes`` of what a server sends.

    Raises:
        OSError: it cannot be had within ``_LIMIT_S``.
        HTTPException: the server does not speak HTTP.
        ValueError: this is no URL.
    """
    from urllib.error import HTTPError
    from urllib.request import build_opener

    outcome: list[bytes | Exception] = []

    def read() -> None:
        try:
            with build_opener().open(url, timeout=_TIMEOUT_S) as answer:
                content: bytes = answer.read(size_bytes)
        except Exception as error:  # noqa: BLE001 - raised again below
            if isinstance(error, HTTPError):
                error.close()  # holds the connection
            outcome.append(error)
        else:
            outcome.append(content)

    # In a thread, because a server that sends a byte now and then never runs into a timeout.
    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(_LIMIT_S)
    if not outcome:
        raise TimeoutError(f"not complete after {_LIMIT_S:g} s")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _read(path: Path, size_bytes: int) -> bytes:
    """At most ``size_bytes`` of a file; a pipe or device in its place would block or never end.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "Is not a file")
    with os.fdopen(handle, "rb") as file:
        return file.read(size_bytes)


def _write(target: Path, content: bytes) -> None:
    """Put a file into place, whole or not at all.

    Its temporary name is new: through a link under a name that can be guessed, root would write another file.

    Raises:
        OSError: the folder cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)  # mkstemp keeps the service out
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink()
        raise


YUNET = Download(
    name="yunet",
    file="face_detection_yunet_2023mar.onnx",
    url="https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/face_detection_yunet_2023mar.onnx",
    size_bytes=232_589,
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    licence="MIT",
)

DOWNLOADS = {YUNET.name: YUNET}


def folders() -> tuple[Path, ...]:
    """Where downloaded files are looked for; ``fetch`` uses the first unless the user names another folder."""
    if os.geteuid() == 0:
        return (SYSTEM_FOLDER,)
    home = os.environ.get("XDG_DATA_HOME") or Path(os.environ.get("HOME", "/")) / ".local" / "share"
    return (Path(home) / "fer-edge", SYSTEM_FOLDER)
