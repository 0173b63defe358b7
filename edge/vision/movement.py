"""Where to look for faces: at all of the picture once a second, and meanwhile where it has changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from edge.records import Face, Frame, Pixels

Cells: TypeAlias = npt.NDArray[np.bool_]
"""Parts of a frame: rows and columns of cells of about 8x8 pixels that share it evenly."""

_HALVINGS = 3
"""Squares of 8x8 pixels are compared by their means, so that the noise of single pixels is no movement."""

MOVED_GREY = 6
"""Grey levels by which a mean changes at least. The noise of a webcam at night is well below it; a face of 16 pixels
that moves by one changes more."""

_FULL = 0.5
"""Part of a square as large as the smallest face that a new one changes. Noise, and the bands of a picture of few
greys, change less of it."""

_WIDE = 0.8
"""Side of that square in heights of the face."""

WHOLE_S = 1.0
"""All of the picture is looked at as often."""

EMPTY_S = 5.0
"""And as often after ``_EMPTY_LOOKS`` such looks in a row that found nobody, while nothing has changed."""

_EMPTY_LOOKS = 10

_COARSE = 4
"""Side, in cells, of the squares that tell whether anything has changed: a face of little contrast does, so does the
light."""

_CHANGED_GREY = 3
"""Grey levels by which the mean of such a square changes; the noise that is left in it is below one."""


class Movement:
    """Compares each part of a frame with the same part when it was last looked at. Used by one thread only."""

    def __init__(self, min_face_px: int = 40) -> None:
        """``min_face_px`` is the height of the smallest face that may appear."""
        self._side = max(1, round(_WIDE * min_face_px / 2**_HALVINGS))
        self.forget()

    def forget(self) -> None:
        """The next frame is the first: the camera was closed."""
        self._cells = self._squares = np.empty((0, 0), np.uint8)
        self._whole_at_s, self._empty = -math.inf, 0

    def find(self, frame: Frame, faces: Sequence[Face] = ()) -> Cells | None:
        """The cells of a frame in which to look for faces; None if a look would show nothing new.

        They are all, or those that a new face may have changed and, at the known ``faces``, those that differ at all.
        """
        cells = _reduced(frame.pixels, _HALVINGS)
        squares = _reduced(cells, _COARSE // 2)
        if cells.shape != self._cells.shape:
            return self._look_anew(frame, cells, squares)
        changed = cv2.absdiff(self._cells, cells) >= MOVED_GREY
        moved = changed & (self._fills(changed) | _at(faces, frame.pixels.shape, cells.shape))
        quiet = not faces and not moved.any() and cv2.absdiff(self._squares, squares).max() < _CHANGED_GREY
        if not quiet:
            self._empty = 0
        if frame.captured_at_s - self._whole_at_s >= (EMPTY_S if self._empty >= _EMPTY_LOOKS else WHOLE_S):
            return self._look_anew(frame, cells, squares)
        self._cells = np.where(moved, cells, self._cells)
        return moved if moved.any() else None

    def _look_anew(self, frame: Frame, cells: Pixels, squares: Pixels) -> Cells:
        self._cells, self._squares, self._whole_at_s = cells, squares, frame.captured_at_s
        self._empty += 1
        return np.ones(cells.shape, bool)

    def _fills(self, changed: Cells) -> Cells:
        """The cells of every square of which as much has changed as by a new face."""
        side = self._side, self._side
        counts = cv2.boxFilter(
            changed.view(np.uint8), cv2.CV_16U, side, normalize=False, borderType=cv2.BORDER_REPLICATE
        )
        full = (counts >= _FULL * self._side**2).view(np.uint8)
        mirrored = self._side - 1 - self._side // 2
        return cv2.dilate(full, np.ones(side, np.uint8), anchor=(mirrored, mirrored)).view(bool)


def _reduced(pixels: Pixels, halvings: int) -> Pixels:
    """``pixels`` made smaller: a fifth of the time of one step by area; of even sides it is the mean as well."""
    for _ in range(halvings):
        height, width = pixels.shape
        size = max(1, width // 2), max(1, height // 2)
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    return pixels


def touches(moved: Cells, face: Face, frame_px: tuple[int, ...]) -> bool:
    """Whether any of the cells lies at a face, in a frame of this height and width."""
    return bool(moved[_cells(face, frame_px, moved.shape)].any())


def _at(faces: Sequence[Face], frame_px: tuple[int, ...], shape: tuple[int, ...]) -> Cells:
    """The cells of faces."""
    cells = np.zeros(shape, bool)
    for face in faces:
        cells[_cells(face, frame_px, shape)] = True
    return cells


def _cells(face: Face, frame_px: tuple[int, ...], shape: tuple[int, ...]) -> tuple[slice, slice]:
    rows, columns = (count / side for count, side in zip(shape, frame_px, strict=True))
    return (
        slice(max(0, int(face.top_px * rows)), max(0, math.ceil(face.bottom_px * rows))),
        slice(max(0, int(face.left_px * columns)), max(0, math.ceil(face.right_px * columns))),
    )
