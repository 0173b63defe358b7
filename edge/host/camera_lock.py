"""One camera, one process of fer-edge: ``run`` and ``preview`` do not read the same camera at the same time."""

from __future__ import annotations

import hashlib
import socket
import sys
from contextlib import AbstractContextManager, nullcontext

from edge.errors import CameraError


def hold_camera(camera: str) -> AbstractContextManager[object]:
    """Reserve ``camera``, any name that is the same in every process, until the returned context ends.

    A socket of this name in Linux's abstract namespace is the lock: it leaves no file behind, needs no folder that both
    users may write, and is gone when its process is, however that ends. Elsewhere there is no such lock.

    Raises:
        CameraError: another process of fer-edge has it.
    """
    if sys.platform != "linux":
        return nullcontext()
    # The name is in /proc/net/unix for everybody, and an address may hold a password.
    name = b"\0fer-edge-camera-" + hashlib.sha256(camera.encode()).hexdigest()[:32].encode()
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(name)
    except OSError as error:
        lock.close()
        raise CameraError(
            "camera: another fer-edge uses it; stop the service (systemctl stop fer-edge) or the preview first"
        ) from error
    return lock
