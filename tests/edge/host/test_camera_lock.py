from __future__ import annotations

import subprocess
import sys

import pytest

from edge.errors import CameraError
from edge.host.camera_lock import hold_camera

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's abstract sockets")

HOLDER = """
import sys, time
from edge.host.camera_lock import hold_camera
lock = hold_camera("lock-test-killed")
print("held", flush=True)
time.sleep(60)
"""


def test_a_camera_has_one_holder_at_a_time() -> None:
    with hold_camera("lock-test"), pytest.raises(CameraError, match="stop the service"):
        hold_camera("lock-test")

    with hold_camera("lock-test"), hold_camera("lock-test-another"):
        pass


def test_a_holder_that_is_killed_leaves_the_camera_free() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(CameraError):
            hold_camera("lock-test-killed")

        holder.kill()
        holder.wait(10)

    with hold_camera("lock-test-killed"):
        pass
