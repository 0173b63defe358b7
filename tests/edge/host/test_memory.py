from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says in /proc what a process has mapped")

PROGRAM = """
import cv2, numpy as np
from edge.host.memory import give_back
from edge.host.sensors import resident_mb
image = np.arange(480 * 640, dtype=np.uint8).reshape(480, 640)
before, want = resident_mb(), cv2.resize(image, (384, 288)).sum()
give_back()
print(before - resident_mb(), cv2.resize(image, (384, 288)).sum() == want)
"""


def test_what_only_the_start_needed_is_given_back_and_the_libraries_go_on_working() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    given_back_mb, same = result.stdout.split()
    assert float(given_back_mb) > 10
    assert same == "True"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the bound is that of the packages for x86-64")
def test_the_daemon_stays_below_80_mb_on_the_demo_clip() -> None:
    result = subprocess.run([sys.executable, "-m", "edge", "bench", "--json"], capture_output=True, check=True)

    assert json.loads(result.stdout)["rss_mb"] < 80
