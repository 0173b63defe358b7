"""Which faces can be read honestly: beyond these bounds the classifier is right for about three of four or fewer.

docs/privacy.md has the figures of the packaged classifier on each side of every bound; ``make limits`` measures them.
"""

from __future__ import annotations

import numpy as np

from edge.records import Face, Pixels, Unreadable

MIN_HEIGHT_PX = 16

MIN_CONTRAST = 8.0
"""Standard deviation of the crop's luma."""

MIN_SHARPNESS = 0.08
"""Second difference of the crop along the blurrier axis, in contrasts."""

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
    across, down = np.diff(luma, 2, axis=1).std(), np.diff(luma, 2, axis=0).std()
    if min(across, down) < MIN_SHARPNESS * contrast:
        return "blurred"
    return "turned" if face.turn > MAX_TURN else None
