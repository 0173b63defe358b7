"""A look at a part of a frame, by an input of some size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edge.vision.detector.decode import Floats
from edge.vision.detector.tiles import Tile

LEAST_PX = 24
"""Height of a face in the input from which a look at a smaller scale finds it."""

Size: TypeAlias = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True, slots=True)
class Look:
    """A part of the frame, and height and width of the input that shows it."""

    tile: Tile
    input_px: Size

    @property
    def cost(self) -> int:
        """What the network takes is in proportion to the pixels of its input."""
        return math.prod(self.input_px)

    @property
    def scale(self) -> float:
        """Pixels of the input for one of the frame."""
        return self.tile.scale(self.input_px)

    def answers(self, sides: Floats, frame_px: Size, closest: float) -> npt.NDArray[np.bool_]:
        """Which boxes (n, 4) it would find again if they were there: those that it shows whole, and large enough.

        Args:
            sides: left, top, right and bottom in pixels of the frame.
            frame_px: height and width of the frame.
            closest: the scale from which every box is large enough.
        """
        whole = self.tile.shows(sides, frame_px)
        if self.scale < closest:
            whole &= self.scale * (sides[:, 3] - sides[:, 1]) >= LEAST_PX
        return whole
