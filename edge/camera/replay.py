"""A recording as a camera: a video file, or a folder of images in the order of their names."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from pathlib import Path
from typing import Literal

import cv2

from edge.camera.luma import open_video, read_image, read_video
from edge.errors import CameraError
from edge.records import Image, Pixels

log = logging.getLogger(__name__)

DEFAULT_FPS = 10.0
"""For folders, and for files whose own rate is missing or out of range."""
MIN_FPS, MAX_FPS = 1, 240
IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
EXPECTED = "expected a video file that FFmpeg reads, or a folder of images"


class ReplayCamera:
    """The video file or folder at ``path``.

    With ``pace="real"`` it behaves like a live camera: images come at the clip's rate and carry the time at which they
    come. With ``pace="fast"`` the reader sets the pace, and images carry the clip's own clock, which starts now and
    advances by ``1 / fps``: windows are as long as they would have been.

    ``skipped`` counts unreadable images, and frames that a truncated video announces but does not hold.
    """

    def __init__(self, path: Path, *, pace: Literal["real", "fast"], loop: bool, fps: float | None = None) -> None:
        """Open the recording and decode its first frame.

        Raises:
            CameraError: the path cannot be read, or holds no readable image.
        """
        try:
            path.stat()
            files = sorted(path.iterdir()) if path.is_dir() else None
        except OSError as error:
            raise CameraError(f"replay {path}: {error.strerror}; {EXPECTED}") from error
        self.name = f"replay {path}"
        self.live = pace == "real"
        self.skipped = 0
        self._path, self._loop, self._fps = path, loop, fps or DEFAULT_FPS
        self._frames = self._video_frames(own_fps=fps is None) if files is None else self._folder_frames(files)
        self._upcoming = next(self._frames, None)
        if self._upcoming is None:
            raise CameraError(f"replay {path}: holds nothing readable; {EXPECTED}")
        self._delivered = 0
        self._start_s: float | None = None

    def read(self) -> Image | None:
        """The next image, when it is due; None at the end."""
        if self._upcoming is None:
            return None
        if self._start_s is None:
            self._start_s = time.monotonic()
        due_s = self._start_s + self._delivered / self._fps
        if self.live:
            time.sleep(max(0.0, due_s - time.monotonic()))
        image = Image(time.monotonic() if self.live else due_s, self._upcoming)
        self._delivered += 1
        self._upcoming = next(self._frames, None)
        return image

    def close(self) -> None:
        """Close the file."""
        self._frames.close()
        self._upcoming = None

    def _folder_frames(self, files: list[Path]) -> Generator[Pixels, None, None]:
        readable = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
        while readable:
            for path in tuple(readable):
                pixels = read_image(str(path))
                if pixels is not None:
                    yield pixels
                else:
                    readable.remove(path)
                    self.skipped += 1
                    log.warning("replay %s: skipped, it is not a readable image", path)
            if not self._loop:
                return

    def _video_frames(self, own_fps: bool) -> Generator[Pixels, None, None]:
        count = 1
        while count:
            video = open_video(str(self._path.resolve()), cv2.CAP_FFMPEG)
            if video is None:
                return
            try:
                fps, announced = video.get(cv2.CAP_PROP_FPS), video.get(cv2.CAP_PROP_FRAME_COUNT)
                if own_fps and MIN_FPS <= fps <= MAX_FPS:
                    self._fps = fps
                count = 0
                while (pixels := read_video(video)) is not None:
                    count += 1
                    yield pixels
            finally:
                video.release()
            if count < 0.9 * announced:  # the number is the container's own estimate
                self.skipped += round(announced) - count
                log.warning("replay %s: ends after %d of %d frames, it is truncated", self._path, count, announced)
            if not self._loop:
                return
