"""Where to look for faces again when only parts of the frame have changed.

A face that is known is looked for in a window around it, in the smallest input that the network takes, and a large one
at a smaller scale than the frame was. Everything else that has changed is looked at as closely as the whole frame is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edge.vision.detector.decode import Floats
from edge.vision.detector.tiles import Tile
from edge.vision.movement import Cells

FOLLOWED_PX = 48
"""Height of a known face in the input: enough to find it for certain, three eighths of the smallest input."""

LEAST_PX = 24
"""Height of a face in the input from which a look at a smaller scale finds it; as much is shown around what has moved.
"""

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


def plan_windows(
    moved: Cells, frame_px: Size, known: Floats, sizes: Sequence[Size], closest: float, most: int
) -> list[Look] | None:
    """The looks that show everything that has moved; None if no input shows it closely enough, or for ``most``.

    Args:
        moved: the cells of the frame that have changed; they share the frame evenly.
        frame_px: height and width of the frame.
        known: boxes (n, 4) of the faces in it, in its pixels, best first.
        sizes: inputs that the network takes, smallest first.
        closest: the scale at which unknown faces are looked for.
        most: what the looks have to cost less than.
    """
    rest, looks, seen = moved.copy(), list[Look](), np.zeros(len(known), bool)
    for index, box in enumerate(known.tolist()):
        if seen[index]:
            continue
        side = max(box[3] - box[1], FOLLOWED_PX / closest) * sizes[0][0] / FOLLOWED_PX
        left, top = ((box[each] + box[2 + each] - side) / 2 for each in (0, 1))
        look = Look(_within(frame_px, left, top, left + side, top + side), sizes[0])
        cells = _cells(look.tile, moved.shape, frame_px)
        if moved[cells].any():
            looks.append(look)
            if len(looks) * look.cost >= most:
                return None
            rest[cells] = False
            seen |= look.answers(known, frame_px, closest)
    if rest.any():
        around = _around(rest, frame_px, sizes, closest)
        if around is None:
            return None
        looks.append(around)
    return looks if sum(look.cost for look in looks) < most else None


def _around(moved: Cells, frame_px: Size, sizes: Sequence[Size], closest: float) -> Look | None:
    """A look at everything that has moved, with a margin; None if no input shows it closely enough."""
    (top, bottom), (left, right) = (
        (places[0] * side / count - LEAST_PX / closest, (places[-1] + 1) * side / count + LEAST_PX / closest)
        for places, side, count in zip(
            (np.flatnonzero(moved.any(axis=1)), np.flatnonzero(moved.any(axis=0))), frame_px, moved.shape, strict=True
        )
    )
    tile = _within(frame_px, left, top, right, bottom)
    return next((Look(tile, size) for size in sizes if tile.scale(size) >= closest), None)


def _within(frame_px: Size, left: float, top: float, right: float, bottom: float) -> Tile:
    """The part of a rectangle that lies in the frame, in whole pixels; one at least."""
    rows, columns = frame_px
    x, y = min(max(0, math.floor(left)), columns - 1), min(max(0, math.floor(top)), rows - 1)
    return Tile(x, y, max(1, min(columns, math.ceil(right)) - x), max(1, min(rows, math.ceil(bottom)) - y))


def _cells(tile: Tile, shape: tuple[int, ...], frame_px: Size) -> tuple[slice, slice]:
    """The cells that lie in a tile as a whole."""
    rows, columns = shape[0] / frame_px[0], shape[1] / frame_px[1]
    return (
        slice(math.ceil(tile.top_px * rows), math.floor((tile.top_px + tile.height_px) * rows)),
        slice(math.ceil(tile.left_px * columns), math.floor((tile.left_px + tile.width_px) * columns)),
    )
