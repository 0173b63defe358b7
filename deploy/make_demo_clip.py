"""Make the demo clip: a camera that drifts over the public-domain NASA portrait of Eileen Collins.

Needs scikit-image, which contains the portrait, beside the daemon's own packages:

    pip install scikit-image && python deploy/make_demo_clip.py edge/media/astronaut.mp4
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import cv2
import numpy as np
from skimage import data

SIZE_PX = (480, 360)
FPS = 10
FRAMES = 50
"""One full turn of every movement below, so that the clip loops without a jump."""
FACE_PX = (226, 118)
"""Middle of the face in the 512x512 portrait."""


def view(portrait: np.ndarray, turn: float) -> np.ndarray:
    """What the drifting camera sees at ``turn`` (0..1), grey uint8 (360, 480)."""
    angle = 2 * math.pi * turn
    width = 330 - 70 * math.cos(angle)
    scale = SIZE_PX[0] / width
    face_x = SIZE_PX[0] * (0.5 + 0.12 * math.sin(angle))
    face_y = SIZE_PX[1] * (0.36 + 0.03 * math.sin(2 * angle))
    move = np.array([[scale, 0, face_x - scale * FACE_PX[0]], [0, scale, face_y - scale * FACE_PX[1]]])
    return cv2.warpAffine(portrait, move, SIZE_PX, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def main() -> None:
    """Write the clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, help="the .mp4 file to write")
    clip = parser.parse_args().clip
    portrait = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY)
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), FPS, SIZE_PX)
    if not writer.isOpened():
        parser.error(f"{clip}: cannot be written")
    for index in range(FRAMES):
        writer.write(cv2.cvtColor(view(portrait, index / FRAMES), cv2.COLOR_GRAY2BGR))
    writer.release()


if __name__ == "__main__":
    main()
