"""Assigns every face to cells of the output maps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge.vision.detector.decode import Floats
from train.detector.recipe import STRIDES
from train.detector.synthesis.sprites import NO_FACES

SMALLEST, LARGEST = 3.6, 5.0
"""Smallest face of a map in strides of the next finer map, and largest in its own: neighbouring maps share the sizes in
between. The finest map takes all smaller faces, the coarsest all larger ones."""

DOUBTFUL = 1.5
"""A map ignores faces that are too small or too large for it by less than this factor."""

CORE = 0.25
"""The cells this close to the centre of a face predict it, as a share of its width and height."""

NEAR, INSIDE = 0.7, 0.42
"""So do those within ``NEAR`` strides, as far as they lie within ``INSIDE`` of its width and height: a face of ten
pixels would have one cell, and the cell beside it, which sees nearly the same, would be told that it is nothing."""

AROUND = 0.75
"""Cells this close, in strides, that do not predict the face are ignored."""

LEAST_PX = 7.5
"""Lower faces are ignored: nobody asks for them, and they are too small to be told from other things."""

FACE, NOTHING, DOUBT = 1.0, 0.0, -1.0
"""What a cell should predict; doubtful cells do not count in the loss."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of all maps of one input size, one after the other, as ``TrainingModel`` flattens its predictions."""

    size_px: tuple[int, int]

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Rows and columns of each map."""
        return [(self.size_px[0] // stride, self.size_px[1] // stride) for stride in STRIDES]

    def centres(self) -> Floats:
        """x, y and stride of every cell, float32 (cells, 3)."""
        parts = []
        for (rows, columns), stride in zip(self.shapes, STRIDES, strict=True):
            y, x = np.mgrid[:rows, :columns]
            parts.append(np.stack([(x + 0.5) * stride, (y + 0.5) * stride, np.full_like(x, stride)], -1).reshape(-1, 3))
        return np.concatenate(parts).astype(np.float32)

    def assign(self, faces: Floats, unclear: Floats = NO_FACES) -> Floats:
        """The target of every cell, float32 (cells, 5): ``FACE``, ``NOTHING`` or ``DOUBT``, then the sides of the face.

        Where faces overlap, the smaller one gets the cell.

        Args:
            faces: (n, 4) left, top, right and bottom in pixels of the input.
            unclear: (n, 4), others that are neither face nor background.
        """
        known = np.arange(len(faces) + len(unclear)) < len(faces)
        faces = np.concatenate([faces, unclear])
        maps = [np.zeros((*shape, 5), np.float32) for shape in self.shapes]
        areas = (faces[:, 2] - faces[:, 0]) * (faces[:, 3] - faces[:, 1])
        for number in np.argsort(-areas, kind="stable"):
            face = faces[number]
            height = face[3] - face[1]
            for index, (cells, stride) in enumerate(zip(maps, STRIDES, strict=True)):
                low = 0.0 if index == 0 else SMALLEST * STRIDES[index - 1]
                high = math.inf if index == len(maps) - 1 else LARGEST * stride
                if low / DOUBTFUL <= height <= high * DOUBTFUL:
                    core, ring = (
                        cells[cut(face[1], face[3], stride), cut(face[0], face[2], stride)] for cut in (_core, _ring)
                    )
                    if not known[number] or (height < LEAST_PX and low <= height <= high):
                        ring[..., 0] = DOUBT
                    elif not low <= height <= high:
                        core[..., 0] = DOUBT
                    else:
                        ring[..., 0][ring[..., 0] == NOTHING] = DOUBT
                        core[..., 0], core[..., 1:] = FACE, face
        return np.concatenate([cells.reshape(-1, 5) for cells in maps])


def _core(low: float, high: float, stride: int) -> slice:
    """The cells that predict a face between ``low`` and ``high``."""
    return _within(low, high, stride, max(CORE * (high - low), min(NEAR * stride, INSIDE * (high - low))))


def _ring(low: float, high: float, stride: int) -> slice:
    """The same cells and those beside them that are ignored."""
    return _within(low, high, stride, max(CORE * (high - low), AROUND * stride))


def _within(low: float, high: float, stride: int, reach: float) -> slice:
    """The cells with centres within ``reach`` of the middle, or the nearest cell."""
    middle = (low + high) / 2
    first = math.ceil((middle - reach) / stride - 0.5)
    last = math.floor((middle + reach) / stride - 0.5)
    if first > last:
        first = last = math.floor(middle / stride)
    return slice(max(first, 0), max(last + 1, 0))
