"""Starts ``rtsp_server.py``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SYSTEM_PYTHON = Path("/usr/bin/python3")
_NEEDS = 'import gi; gi.require_version("GstRtspServer", "1.0"); from gi.repository import GstRtspServer'


@contextmanager
def rtsp_server(scheme: str = "") -> Iterator[int]:
    """The port of a running server that asks for no password, or for one as ``basic`` or ``digest`` do."""
    known = SYSTEM_PYTHON.exists() and not subprocess.run([SYSTEM_PYTHON, "-c", _NEEDS], capture_output=True).returncode
    if not known:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs GStreamer's RTSP server; tests/support/rtsp_server.py names the packages")
        pytest.skip("needs GStreamer's RTSP server; tests/support/rtsp_server.py names the packages")
    command = [str(SYSTEM_PYTHON), str(Path(__file__).with_name("rtsp_server.py")), *([scheme] if scheme else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.kill()
