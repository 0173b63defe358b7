"""Which faces can be read honestly: beyond these bounds the classifier is right for about three of four or fewer.

docs/privacy.md has the figures of the packaged classifier on each side of every bound; ``make limits`` measures them.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.records import Face, Pixels, Unreadable

MIN_HEIGHT_PX = 16

MIN_CONTRAST = 8.0
"""Standard deviation of the crop's luma."""

MIN_SHARPNESS = 0.18
"""Second difference over ``_STEP`` pixels of the smoothed crop along the blurrier axis, in contrasts. Smoothed, because
noise is sharp; of 15 measures this tells best which readings a blur turns wrong, the classifier's own confidence aside.
"""
_STEP = 2

MAX_TURN = 0.6
"""How far the nose is from between the eyes, in distances of the eyes."""


def why_unreadable(face: Face, crop: Pixels) -> Unreadable | None:
    """The first reason not to classify ``crop``, the square that was cut for ``face``; None if it can be read."""
    if face.height_px < MIN_HEIGHT_PX:
        return "too_small"
    luma = crop.astype(np.float32)
    contrast = float(luma.std())
    if contrast < MIN_CONTRAST:
        return "dark"
    smooth = cv2.GaussianBlur(luma, (5, 5), 1.0)
    across, down = (
        smooth[2 * _STEP :] - 2 * smooth[_STEP:-_STEP] + smooth[: -2 * _STEP] for smooth in (smooth.T, smooth)
    )
    if min(across.std(), down.std()) < MIN_SHARPNESS * contrast:
        return "blurred"
    return "turned" if face.turn > MAX_TURN else None
