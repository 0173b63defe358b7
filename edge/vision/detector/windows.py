"""Where to look for faces again when only parts of the frame have changed.

A face that is known is looked for in a window around it, in the smallest input that the network takes, and a large one
at a smaller scale than the frame was. Everything else that has changed is looked at so closely that the smallest face
is found. If that takes less, one look shows everything that has changed, with the known faces.
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

Size: TypeAlias = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True, slots=True)
class Sight:
    """How small a network may see a face.

    Attributes:
        sure_px: height of a face in the input from which it is found as surely as a larger one, see docs/reach.md.
        followed_px: that of a known face in a window: enough to find it for certain.
        least_px: that from which a look at a smaller scale finds a face; as much is shown around what has moved.
        smallest_px: side of the smallest input; a window around a face has this size.
        shares: sides of the inputs that are used, of those of the whole, the smallest first.
    """

    sure_px: int
    followed_px: int
    least_px: int
    smallest_px: int
    shares: tuple[float, ...]


ALONE = Sight(sure_px=36, followed_px=48, least_px=24, smallest_px=128, shares=(1 / 3, 3 / 5, 3 / 4, 1))
"""A detector whose boxes are faces."""

REFINED = Sight(sure_px=32, followed_px=32, least_px=14, smallest_px=64, shares=(1 / 5, 2 / 5, 3 / 4, 1))
"""A detector whose boxes are candidates, which the refiner looks at again in the pixels of the frame."""


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

    def answers(self, sides: Floats, frame_px: Size, closest: float, least_px: int) -> npt.NDArray[np.bool_]:
        """Which boxes (n, 4) it would find again if they were there: those that it shows whole, and large enough.

        Args:
            sides: left, top, right and bottom in pixels of the frame.
            frame_px: height and width of the frame.
            closest: the scale from which every box is large enough.
            least_px: height in the input from which a box is large enough at any scale.
        """
        whole = self.tile.shows(sides, frame_px)
        if self.scale < closest:
            whole &= self.scale * (sides[:, 3] - sides[:, 1]) >= least_px
        return whole


def plan_windows(
    moved: Cells,
    frame_px: Size,
    known: Floats,
    sizes: Sequence[Size],
    sight: Sight,
    closest: float,
    min_face_px: int,
    most: int,
) -> list[Look] | None:
    """The looks that show everything that has moved; None if no input shows it closely enough, or for ``most``.

    Args:
        moved: the cells of the frame that have changed; they share the frame evenly.
        frame_px: height and width of the frame.
        known: boxes (n, 4) of the faces in it, in its pixels, best first.
        sizes: inputs that the network takes, smallest first.
        sight: how small it may see a face.
        closest: the scale of a look at all of the frame.
        min_face_px: height of the smallest unknown face that is looked for, in pixels of the frame.
        most: what the looks have to cost less than.
    """
    rest, looks, seen = moved.copy(), list[Look](), np.zeros(len(known), bool)
    for index, box in enumerate(known.tolist()):
        if seen[index]:
            continue
        side = max(box[3] - box[1], sight.followed_px / closest) * sizes[0][0] / sight.followed_px
        left, top = ((box[each] + box[2 + each] - side) / 2 for each in (0, 1))
        look = Look(_within(frame_px, left, top, left + side, top + side), sizes[0])
        cells = _cells(look.tile, moved.shape, frame_px)
        if moved[cells].any():
            looks.append(look)
            rest[cells] = False
            seen |= look.answers(known, frame_px, closest, sight.least_px)
    enough = min(closest, sight.least_px / min_face_px)
    cheapest = None
    for windows, others in (looks, rest), (list[Look](), moved):
        around = _around(others, frame_px, sizes, enough, sight.least_px / enough)
        if around is not None and (cost := sum(look.cost for look in (*windows, *around))) < most:
            cheapest, most = [*windows, *around], cost
    return cheapest


def _around(
    moved: Cells, frame_px: Size, sizes: Sequence[Size], scale: float, margin_px: float
) -> tuple[Look, ...] | None:
    """A look of at least this scale at all that has moved, with a margin; None if no input shows it so closely."""
    if not moved.any():
        return ()
    (top, bottom), (left, right) = (
        (places[0] * side / count - margin_px, (places[-1] + 1) * side / count + margin_px)
        for places, side, count in zip(
            (np.flatnonzero(moved.any(axis=1)), np.flatnonzero(moved.any(axis=0))), frame_px, moved.shape, strict=True
        )
    )
    tile = _within(frame_px, left, top, right, bottom)
    return next(((Look(tile, size),) for size in sizes if tile.scale(size) >= scale), None)


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
