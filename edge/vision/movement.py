"""Whether anything has moved since faces were last looked for."""

from __future__ import annotations

import cv2
import numpy as np

from edge.records import Pixels

_HALVINGS = 3
"""Squares of 8x8 pixels are compared by their means, so that the noise of single pixels is no movement."""

MOVED_GREY = 6
"""Grey levels by which a mean changes at least. The noise of a webcam at night is well below it; a face of 16 pixels
that moves by one changes more."""


class Movement:
    """Compares frames with the one that was last remembered. Used by one thread only."""

    def __init__(self) -> None:
        self._cells: Pixels | None = None

    def is_in(self, pixels: Pixels) -> bool:
        """Whether ``pixels`` differ; then they are remembered."""
        cells = pixels
        for _ in range(_HALVINGS):  # a fifth of the time of one step by area; of even sides it is the mean as well
            height, width = cells.shape
            size = max(1, width // 2), max(1, height // 2)
            cells = np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        before = self._cells
        if before is not None and before.shape == cells.shape and cv2.absdiff(before, cells).max() < MOVED_GREY:
            return False
        self._cells = cells
        return True
