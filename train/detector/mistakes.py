"""Draws hits, misses and false positives; the images show people, so they stay in the run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.vision.detector.decode import Boxes, Floats, overlaps
from train.detector.candidates import SMALLEST_PX
from train.detector.development import Frame
from train.detector.metrics import MATCH_IOU

HIT, MISS, FALSE_POSITIVE = (90, 200, 60), (0, 200, 255), (60, 60, 255)
"""Green, amber and red, as OpenCV orders channels."""

TILE_PX = 320
COLUMNS = 5


def save_frames(frames: Sequence[Frame], found: Sequence[Boxes], threshold: float, png: Path, most: int = 40) -> None:
    """Draw the frames with the most mistakes: hits green with scores, false positives red, missed faces amber."""
    drawn: list[tuple[int, int, npt.NDArray[np.uint8]]] = []
    for frame, boxes in zip(frames, found, strict=True):
        sure = boxes.scores >= threshold
        ratios = overlaps(boxes.sides[sure], frame.faces)
        hits = ratios.max(axis=1, initial=0) >= MATCH_IOU
        missed = (ratios.max(axis=0, initial=0) < MATCH_IOU) & _counts(frame.faces)
        shown = hits | _counts(boxes.sides[sure])
        mistakes = int((shown & ~hits).sum() + missed.sum())
        image = _draw(frame, boxes.sides[sure][shown], boxes.scores[sure][shown], hits[shown], frame.faces[missed])
        drawn.append((-mistakes, len(drawn), image))
    _save_sheet([image for _, _, image in sorted(drawn, key=lambda each: each[:2])[:most]], png)


def _counts(sides: Floats) -> npt.NDArray[np.bool_]:
    """Which boxes are high enough to count, see ``metrics.match_boxes``."""
    return np.asarray(sides[:, 3] - sides[:, 1] >= SMALLEST_PX)


def _draw(
    frame: Frame, sides: Floats, scores: Floats, hits: npt.NDArray[np.bool_], missed: Floats
) -> npt.NDArray[np.uint8]:
    scale = TILE_PX / max(frame.pixels.shape)
    small = cv2.resize(frame.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.asarray(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR), np.uint8)
    for box in missed:
        _box(canvas, box * scale, MISS)
    for box, score, hit in zip(sides, scores, hits, strict=True):
        _box(canvas, box * scale, HIT if hit else FALSE_POSITIVE)
        corner = (int(box[0] * scale), max(8, int(box[1] * scale) - 2))
        cv2.putText(canvas, f"{score:.2f}", corner, cv2.FONT_HERSHEY_SIMPLEX, 0.3, HIT if hit else FALSE_POSITIVE, 1)
    return canvas


def _box(canvas: npt.NDArray[np.uint8], box: Floats, colour: tuple[int, int, int]) -> None:
    left, top, right, bottom = (round(float(side)) for side in box)
    cv2.rectangle(canvas, (left, top), (right, bottom), colour, 1)


def _save_sheet(tiles: Sequence[npt.NDArray[np.uint8]], png: Path) -> None:
    """Write rows of ``COLUMNS`` images, each scaled to fit ``TILE_PX``."""
    height = max((tile.shape[0] for tile in tiles), default=TILE_PX)
    rows = max(1, -(-len(tiles) // COLUMNS))
    sheet = np.full((rows * (height + 4), COLUMNS * (TILE_PX + 4), 3), 255, np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // COLUMNS * (height + 4), index % COLUMNS * (TILE_PX + 4)
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    cv2.imwrite(str(png), sheet)
