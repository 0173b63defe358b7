"""Films of people -> clips that every program reads alike."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Bgr = npt.NDArray[np.uint8]

FRAMES, FPS = 300, 10.0
"""The length of a clip, and the rate at which fer-edge analyses by default."""


def letterboxed(film: Path, size: str, folder: Path) -> Path:
    """A clip in ``folder`` that repeats ``film`` until it has ``FRAMES`` frames of a size such as ``640x480``."""
    width, height = (int(side) for side in size.split("x"))
    out, frames = folder / f"{film.stem}-{size}.mp4", read(film)
    write(out, [letterbox(frames[index % len(frames)], width, height) for index in range(FRAMES)])
    return out


def read(film: Path) -> list[Bgr]:
    """Every frame of a film."""
    video = cv2.VideoCapture(str(film), cv2.CAP_FFMPEG)
    frames: list[Bgr] = []
    while len(frames) < FRAMES:
        ok, frame = video.read()
        if not ok:
            break
        frames.append(np.asarray(frame, np.uint8))
    if not frames:
        sys.exit(f"{film}: holds no video that OpenCV reads")
    return frames


def letterbox(frame: Bgr, width: int, height: int) -> Bgr:
    """The frame as large as it fits, in the middle of a black one."""
    scale = min(width / frame.shape[1], height / frame.shape[0])
    inner = round(frame.shape[1] * scale), round(frame.shape[0] * scale)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    image = np.zeros((height, width, 3), np.uint8)
    image[top : top + inner[1], left : left + inner[0]] = cv2.resize(frame, inner)
    return image


def write(out: Path, frames: list[Bgr], fps: float = FPS) -> None:
    """An MPEG-4 video of the frames."""
    out.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    video = cv2.VideoWriter(str(out), cv2.VideoWriter.fourcc(*"mp4v"), fps, (width, height))
    for frame in frames:
        video.write(frame)
    video.release()
