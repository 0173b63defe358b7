"""Chatter of C libraries and words of our own, in a process that writes both."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.paths import ROOT, TINY

SPEAKER = """
import logging, os, sys
from edge.streams import native_code_silenced

logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
with native_code_silenced():
    os.write(2, b"Corrupt JPEG data\\n")
    logging.warning("logged")
    print("printed", file=sys.stderr)
os.write(2, b"libc speaks again\\n")
logging.warning("logged again")
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("edge", "--help"),
        ("edge", "--version"),
        ("edge", "model", "list"),
        ("edge", "check", "--model", str(TINY / "grey")),
        ("edge", "bench", "--json"),
        ("train", "--help"),
        ("quantize", "--help"),
        ("quantize", "verify", str(TINY / "grey")),
        ("quantize", "edgetpu", str(TINY / "grey")),
    ],
    ids=" ".join,
)
def test_a_reader_who_leaves_is_no_error(arguments: tuple[str, ...]) -> None:
    if arguments[0] == "quantize":
        pytest.importorskip("rich", reason="needs the extra train")
    read, write = os.pipe()
    os.close(read)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}

    run = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, env=buffered, stdout=write, stderr=subprocess.PIPE, text=True
    )

    os.close(write)
    assert (run.returncode, run.stderr) == (0, "")


def test_only_python_is_heard_and_afterwards_everybody() -> None:
    heard = subprocess.run([sys.executable, "-c", SPEAKER], cwd=ROOT, capture_output=True, text=True, check=True).stderr

    assert heard.splitlines() == ["logged", "printed", "libc speaks again", "logged again"]
