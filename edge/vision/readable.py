"""Which faces can be read honestly: beyond these bounds the classifier is right for about two faces of three or fewer.

Each bound was measured with the packaged classifier on 1,200 faces of FER2013's PublicTest with a FER+ majority, of
which it gets 84.6 % right; docs/privacy.md has the figures.
"""

from __future__ import annotations

import numpy as np

from edge.records import Face, Pixels, Unreadable

MIN_HEIGHT_PX = 16
"""73 % are right at 16 px, 63 % at 12."""

MIN_CONTRAST = 8.0
"""Standard deviation of the crop's luma. At 13 80 % are right, at 6.5 70 %, with noise 61 %. Lit ones have over 33."""

MIN_SHARPNESS = 0.08
"""Second difference of the crop along the blurrier axis, in contrasts. 67 % are right after a Gaussian blur of 2 px of
the 48, half of which have less, and 59 % after a movement of 9 px. Sharp faces have 0.24 to 0.65."""

MAX_TURN = 0.6
"""How far the nose is from between the eyes, in distances of the eyes. 72 % are right beyond; 90 % below 0.05."""


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
