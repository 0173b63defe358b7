"""How a detector with an input of fixed size looks at a frame of any size: all of it at once, and parts of it closer.

A larger frame that is reduced to the same input shows the same face smaller, so that more pixels would find fewer
faces. So it is also looked at in tiles, at the scale at which a look at 640x480 pixels sees a face of 40 pixels, or
less closely where only larger faces are asked for. Tiles overlap by as much as the largest face that the look at the
whole frame may miss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.records import Pixels
from edge.vision.detector.decode import Boxes, Floats, overlaps, shares

USUAL_PX = (480, 640)
"""Height and width of the frame that one look is enough for."""

USUAL_FACE_PX = 40
"""Height of the smallest face that is asked for in it, as a rule."""

SAME_FACE_SHARE = 0.6
"""Share of the smaller of two boxes of different looks from which they show the same face."""

CUT = 0.1
"""Share of its height by which a box may cross the border of a tile inside the frame; what crosses it by more is seen
whole in the next tile, or in the look at all."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A window of the frame, in its pixels."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int

    def scale(self, input_px: tuple[int, int]) -> float:
        """Pixels of an input of this height and width for one of the frame."""
        return min(input_px[0] / self.height_px, input_px[1] / self.width_px)

    def of(self, pixels: Pixels) -> Pixels:
        """What ``pixels`` show in it."""
        return pixels[self.top_px : self.top_px + self.height_px, self.left_px : self.left_px + self.width_px]

    def shows(self, sides: Floats, frame_px: tuple[int, int]) -> npt.NDArray[np.bool_]:
        """Which boxes (n, 4), in pixels of a frame of this height and width, no inner border of the tile cuts."""
        rows, columns = frame_px
        slack = CUT * (sides[:, 3] - sides[:, 1])
        right, bottom = self.left_px + self.width_px, self.top_px + self.height_px
        whole = np.ones(len(sides), bool)
        for inner, crossing in (
            (self.left_px > 0, self.left_px - sides[:, 0]),
            (self.top_px > 0, self.top_px - sides[:, 1]),
            (right < columns, sides[:, 2] - right),
            (bottom < rows, sides[:, 3] - bottom),
        ):
            if inner:
                whole &= crossing <= slack
        return whole


def usual_scale(input_px: tuple[int, int]) -> float:
    """Pixels of an input of this height and width for one of a frame of ``USUAL_PX``."""
    return min(input_px[0] / USUAL_PX[0], input_px[1] / USUAL_PX[1])


def plan_looks(frame_px: tuple[int, int], input_px: tuple[int, int], min_face_px: int) -> tuple[Tile, ...]:
    """The looks that it takes to find faces of ``min_face_px`` in a frame: first the whole, then the tiles.

    Args:
        frame_px: height and width of the frame.
        input_px: height and width of the detector's input.
        min_face_px: height of the smallest face, in pixels of the frame.
    """
    rows, columns = frame_px
    whole = Tile(0, 0, columns, rows)
    scale = min(input_px[0] / rows, input_px[1] / columns)
    usual = usual_scale(input_px)
    closer = usual * min(1.0, USUAL_FACE_PX / min_face_px)
    if scale >= closer:
        return (whole,)
    overlap = math.ceil(USUAL_FACE_PX * usual / scale)
    height, width = (min(have, math.floor(side / closer)) for have, side in zip(frame_px, input_px, strict=True))
    tops, lefts = _starts(rows, height, overlap), _starts(columns, width, overlap)
    return (whole, *(Tile(left, top, width, height) for top in tops for left in lefts))


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin that cover ``length``, evenly, with at least ``overlap`` in common where tiles allow it."""
    if tile >= length:
        return [0]
    step = max(tile - overlap, tile // 2)
    count = math.ceil((length - tile) / step) + 1
    return [round(index * (length - tile) / (count - 1)) for index in range(count)]


def seen_whole(boxes: Boxes, tile: Tile, frame_px: tuple[int, int]) -> Boxes:
    """``boxes`` of a look at ``tile``, in pixels of the frame, without those that its inner borders cut."""
    whole = tile.shows(boxes.sides, frame_px)
    return Boxes(boxes.sides[whole], boxes.scores[whole])


def merge(looks: Sequence[Boxes], most: float) -> Boxes:
    """The boxes of all looks, best first, each face once.

    Args:
        looks: the boxes of each, in pixels of the frame; each look has its faces once.
        most: intersection over union that the boxes of two faces may have.
    """
    sides = np.concatenate([look.sides for look in looks])
    scores = np.concatenate([look.scores for look in looks])
    origin = np.concatenate([np.full(len(look), number) for number, look in enumerate(looks)])
    order = np.argsort(-scores, kind="stable")
    sides, scores, origin = sides[order], scores[order], origin[order]
    others = origin[:, None] != origin
    same = others & ((overlaps(sides, sides) > most) | (shares(sides) > SAME_FACE_SHARE))
    left = np.ones(len(scores), bool)
    kept = []
    for index in range(len(scores)):
        if left[index]:
            kept.append(index)
            left &= ~same[index]
    return Boxes(sides[kept], scores[kept])
