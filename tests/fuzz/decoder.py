"""A process of its own that decodes what others would crash on.

Reads the path of a file or folder a line and answers with a line of JSON: ``frames`` and ``skipped``, or the ``error``
it was refused with; and ``peak_mb``, the most memory it has ever used. Anything but our own errors ends it.
"""

from __future__ import annotations

import json
import re
import sys
from itertools import islice
from pathlib import Path

from edge.camera.replay import ReplayCamera
from edge.errors import CameraError

MOST_FRAMES = 50


def decode(path: Path) -> dict[str, object]:
    """Play ``path`` to its end, at most 50 frames of it."""
    try:
        camera = ReplayCamera(path, pace="fast", loop=False)
        frames = list(islice(iter(camera.read, None), MOST_FRAMES))
    except CameraError as error:
        return {"error": str(error)}
    camera.close()
    shapes = {frame.pixels.shape for frame in frames}
    assert all(frame.pixels.dtype == "uint8" and frame.pixels.flags.c_contiguous for frame in frames)
    return {"frames": len(frames), "skipped": camera.bad_frames, "longest_px": max(map(max, shapes))}


def peak_mb() -> float:
    """The most memory of this program; ``ru_maxrss`` would begin with what the process had that started it."""
    status = Path("/proc/self/status").read_text("ascii")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak
    return int(peak[1]) * 1024 / 1e6


for line in sys.stdin:
    answer = decode(Path(line.rstrip("\n")))
    answer["peak_mb"] = peak_mb()
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
