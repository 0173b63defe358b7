"""Raw H.264 as a Pi's rpicam-vid writes it, encoded by GStreamer under the system's Python (which alone has gi)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import cv2
import pytest

from edge.records import Pixels
from tests.support.rtsp import SYSTEM_PYTHON

_FIND = """
import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
raise SystemExit(not all(Gst.ElementFactory.find(name) for name in ("rawvideoparse", "x264enc")))
"""
_ENCODE = """
import sys, gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
pipeline = Gst.parse_launch(sys.argv[1])
pipeline.set_state(Gst.State.PLAYING)
end = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
pipeline.set_state(Gst.State.NULL)
if end.type == Gst.MessageType.ERROR:
    sys.exit(str(end.parse_error()))
"""


def write_h264(path: Path, images: list[Pixels], fps: int) -> Path:
    """Encode ``images``, of one size (sides of whole 8 pixels), with reordered pictures and a key picture among ten."""
    have = SYSTEM_PYTHON.exists() and not subprocess.run([SYSTEM_PYTHON, "-c", _FIND], capture_output=True).returncode
    if not have:
        packages = "python3-gi gir1.2-gstreamer-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-ugly"
        reason = f"needs GStreamer's x264enc; Debian: {packages}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    height, width = images[0].shape
    pipeline = (
        f"fdsrc fd=0 ! rawvideoparse format=i420 width={width} height={height} framerate={fps}/1 ! "
        "x264enc bframes=3 b-adapt=false key-int-max=10 ! "
        f'video/x-h264,stream-format=byte-stream,profile=high ! filesink location="{path}"'
    )
    colours = (cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), cv2.COLOR_BGR2YUV_I420) for image in images)
    content = b"".join(colour.tobytes() for colour in colours)
    subprocess.run([SYSTEM_PYTHON, "-c", _ENCODE, pipeline], input=content, check=True, timeout=60)
    return path
