"""Chatter of C libraries and words of our own, in a process that writes both."""

from __future__ import annotations

import subprocess
import sys

from tests.support.paths import ROOT

SPEAKER = """
import logging, os, sys
from edge.stderr import native_code_silenced

logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
with native_code_silenced():
    os.write(2, b"Corrupt JPEG data\\n")
    logging.warning("logged")
    print("printed", file=sys.stderr)
os.write(2, b"libc speaks again\\n")
logging.warning("logged again")
"""


def test_only_python_is_heard_and_afterwards_everybody() -> None:
    heard = subprocess.run([sys.executable, "-c", SPEAKER], cwd=ROOT, capture_output=True, text=True, check=True).stderr

    assert heard.splitlines() == ["logged", "printed", "libc speaks again", "logged again"]
