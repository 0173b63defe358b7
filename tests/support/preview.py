"""The real ``fer-edge preview`` as a process."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.daemon import configuration


@dataclass(frozen=True)
class Preview:
    """A running preview: its process, and the address that it printed."""

    process: subprocess.Popen[str]
    url: str
    folder: Path

    @property
    def token(self) -> str:
        """What opens the pictures."""
        return urlsplit(self.url).fragment

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or 0

    def ask(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer; a header ``Host`` replaces the true one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()
        finally:
            connection.close()

    def frame(self, after: int = 0) -> tuple[dict[str, Any], bytes]:
        """What was found in the newest frame, and the picture as JPEG."""
        status, _, body = self.ask(f"/frame?after={after}", Authorization=f"Bearer {self.token}")
        assert status == 200, body
        line, _, jpeg = body.partition(b"\n")
        return json.loads(line), jpeg

    def close(self) -> None:
        """End it, if it still runs."""
        self.process.terminate()
        self.process.wait(20)
        assert self.process.stderr is not None
        self.process.stderr.close()


StartPreview = Callable[..., Preview]


def start_preview(folder: Path, *arguments: str, **sections: Any) -> Preview:
    """Start it on the demo's clip, or whatever ``sections`` name, and wait for the address."""
    folder.mkdir()
    file = folder / "fer-edge.toml"
    file.write_text(configuration(1, **sections), "utf-8")
    command = [sys.executable, "-m", "edge", "preview", "--config", str(file), "--port", "0", *arguments]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("preview: http"):
            return Preview(process, line.removeprefix("preview: ").strip(), folder)
    raise AssertionError(f"it ended with status {process.wait()}: {''.join(said)}")
