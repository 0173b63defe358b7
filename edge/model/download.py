"""Models by other people that a user may download: pinned by their sha256, checked before they are installed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigError, DownloadError, ModelError

SYSTEM_FOLDER = Path("/var/lib/fer-edge")
"""Where root writes and the service may read: the unit's StateDirectory."""

_TIMEOUT_S = 30.0


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
            part = target.with_name(f".{self.file}.part")
            part.write_bytes(content)
            part.chmod(0o644)  # root's umask may keep the service out
            part.replace(target)
        except OSError as error:
            raise ConfigError(
                f"{self.name}: {folder} cannot be written ({error.strerror}); name another folder with --to"
            ) from error
        return target

    def _check(self, path: Path) -> None:
        try:
            content = path.read_bytes()
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
        from urllib.request import build_opener

        try:
            with build_opener().open(url, timeout=_TIMEOUT_S) as response:
                content: bytes = response.read(self.size_bytes + 1)
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
