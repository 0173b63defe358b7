"""A recording as a camera: a video file, an image, or a folder of images in the order of their names."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import cv2

from edge.camera.luma import JPEG_SUFFIXES, read_image, readable_name, shortcoming, shown_name
from edge.camera.pace import Pace
from edge.camera.video import Video, open_video
from edge.errors import CameraError
from edge.records import Image, Pixels

log = logging.getLogger(__name__)

MIN_FPS, MAX_FPS = 1, 240
IMAGE_SUFFIXES = JPEG_SUFFIXES | {".bmp", ".gif", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
HEIC_SUFFIXES = frozenset({".heic", ".heif"})
RAW_SUFFIXES = frozenset({".264", ".265", ".h264", ".h265", ".hevc", ".mjpeg", ".mjpg"})
"""Video without a container: nothing in it says how fast it was recorded."""
EXPECTED = "expected a video file that FFmpeg reads, or a folder of images"
HOLD_S = 1.0
"""In a longer pause of a recording its last image is shown again, so that who is in it stays in view."""

Timed = tuple[float, Pixels]
"""An image, and its time in seconds on the clip's own clock, which begins at 0."""


class ReplayCamera:
    """The video, image or folder at ``path``; folders within the folder belong to it.

    Images come at the times the video recorded them, and those of a folder or of a raw video ``fps`` a second; of
    faster videos ``fps`` a second are used. With ``pace="real"`` it behaves like a live camera: images carry the time
    at which they come. With ``pace="fast"`` the reader sets the pace, and images carry the clip's own clock, which
    starts now: windows are as long as they would have been.

    ``bad_frames`` counts unreadable images, and frames that a truncated video announces but does not hold.
    """

    def __init__(self, path: Path, *, pace: Literal["real", "fast"], loop: bool, fps: float = 10.0) -> None:
        """Open the recording and decode its first frame.

        Raises:
            CameraError: the path cannot be read, or holds no readable image.
        """
        # The name is published, the path is not.
        self.name, self._where = f"replay {shown_name(Path(path.name))}", f"replay {shown_name(path)}"
        try:
            path.stat()
            files = sorted(path.rglob("*")) if path.is_dir() else None
        except OSError as error:
            raise CameraError(f"{self._where}: {error.strerror}; {EXPECTED}") from error
        self.live = pace == "real"
        self.bad_frames = 0
        self._path, self._loop, self._fps = path, loop, fps
        self._images = self._paced(self._held(self._timed_images(files)))
        self._upcoming = next(self._images, None)
        if self._upcoming is None:
            raise CameraError(f"{self._where}: holds nothing readable; {EXPECTED}")
        self._start_s: float | None = None

    def read(self) -> Image | None:
        """The next image, when it is due; None at the end."""
        if self._upcoming is None:
            return None
        if self._start_s is None:
            self._start_s = time.monotonic()
        at_s, pixels = self._upcoming
        due_s = self._start_s + at_s
        if self.live:
            time.sleep(max(0.0, due_s - time.monotonic()))
        image = Image(time.monotonic() if self.live else due_s, pixels)
        self._upcoming = next(self._images, None)
        return image

    def close(self) -> None:
        """Close the file."""
        self._images.close()
        self._upcoming = None

    def _paced(self, images: Iterable[Timed]) -> Generator[Timed, None, None]:
        pace = Pace(self._fps)
        for at_s, pixels in images:
            if pace.due(at_s):
                yield at_s, pixels

    def _held(self, images: Iterable[Timed]) -> Iterator[Timed]:
        shown_s, shown = 0.0, None
        for at_s, pixels in images:
            while shown is not None and at_s - shown_s > HOLD_S:
                shown_s += HOLD_S
                yield shown_s, shown
            shown_s, shown = at_s, pixels
            yield at_s, pixels

    def _timed_images(self, files: list[Path] | None) -> Iterator[Timed]:
        if files is not None:
            return self._folder_images(self._readable(files))
        suffix = self._path.suffix.lower()
        if suffix in HEIC_SUFFIXES:
            raise CameraError(f"{self._where}: is HEIC, which OpenCV does not read; convert it to JPEG")
        if suffix in IMAGE_SUFFIXES - {".gif"}:
            return self._folder_images([self._path])
        return self._video_images()

    def _readable(self, files: list[Path]) -> list[Path]:
        files = [path for path in files if path.is_file()]
        images = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
        kinds = Counter(path.suffix.lower() for path in files)
        if heic := sum(kinds[suffix] for suffix in HEIC_SUFFIXES):
            self.bad_frames += heic
            log.warning(
                "%s: skips HEIC images (%d), which OpenCV does not read; convert them to JPEG", self._where, heic
            )
        if not images and kinds:
            found = ", ".join(
                f"{number} {shown_name(Path(kind or 'without suffix'))}" for kind, number in kinds.most_common(3)
            )
            raise CameraError(f"{self._where}: holds nothing readable but {found}; {EXPECTED}")
        return images

    def _folder_images(self, readable: list[Path]) -> Iterator[Timed]:
        count, told = 0, set[Path]()
        while readable:
            for path in tuple(readable):
                try:
                    pixels = read_image(path)
                except CameraError as error:
                    readable.remove(path)
                    self.bad_frames += 1
                    log.warning("replay %s: skipped, it %s", shown_name(path), error)
                    continue
                if path not in told and (lacks := shortcoming(path)):
                    log.warning("replay %s: %s", shown_name(path), lacks)
                told.add(path)
                yield count / self._fps, pixels
                count += 1
            if not self._loop:
                return

    def _video_images(self) -> Iterator[Timed]:
        begin_s = 0.0
        while True:
            with self._opened() as video:
                own_fps, announced = video.get(cv2.CAP_PROP_FPS), video.get(cv2.CAP_PROP_FRAME_COUNT)
                raw = self._path.suffix.lower() in RAW_SUFFIXES
                # Of raw video under another name FFmpeg knows no length, and guesses the rate.
                guessed = raw or announced <= 0
                fps = own_fps if MIN_FPS <= own_fps <= MAX_FPS and not guessed else self._fps
                at_s = -1 / fps
                first_s: float | None = None
                while video.grab():
                    stamp_s = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
                    first_s = stamp_s if first_s is None else first_s
                    # Without stamps, or with wild ones, the rate is all there is.
                    moved = not raw and at_s < stamp_s - first_s < at_s + 3600
                    at_s = stamp_s - first_s if moved else at_s + 1 / fps
                    pixels = video.retrieve()
                    if pixels is None:
                        self.bad_frames += 1
                    else:
                        yield begin_s + at_s, pixels
                if first_s is None:
                    codec = int(video.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("ascii", "replace")
                    codec = codec if codec.isprintable() else "unknown"
                    known = codec.lower() in ("h264", "avc1")
                    advice = "it is empty, damaged, or without its beginning" if known else "convert it to H.264"
                    raise CameraError(f"{self._where}: is {codec} video, of which no frame can be decoded; {advice}")
            end_s, announced_s = at_s + 1 / fps, announced / own_fps if own_fps > 0 else 0.0
            if not raw and end_s < 0.9 * announced_s:  # the number is the container's own estimate
                lost = round(announced * (1 - end_s / announced_s))
                self.bad_frames += lost
                log.warning("%s: ends after %.1f of %.1f s, it is truncated", self._where, end_s, announced_s)
            if not self._loop:
                return
            begin_s += end_s

    @contextmanager
    def _opened(self) -> Iterator[Video]:
        with readable_name(self._path.resolve()) as name:
            one_thread = cv2.CAP_PROP_N_THREADS, 1  # each further one holds an image of its own
            video = open_video(name, cv2.CAP_FFMPEG, one_thread, options="protocol_whitelist;file")
            if video is None:
                raise CameraError(f"{self._where}: holds nothing readable; {EXPECTED}")
            try:
                yield video
            finally:
                video.close()
