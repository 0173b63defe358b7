"""A detector's raw box -> a Face inside the frame."""

from __future__ import annotations

from collections.abc import Sequence

from edge.records import Face, Pixels


def clip_box(pixels: Pixels, box: Sequence[float], confidence: float) -> Face | None:
    """The part of ``box`` (left, top, width, height in px) inside the frame, in whole pixels; None if there is none."""
    frame_height, frame_width = pixels.shape
    left_px, top_px, width_px, height_px = box
    left, right = (round(min(max(x, 0.0), frame_width)) for x in (left_px, left_px + width_px))
    top, bottom = (round(min(max(y, 0.0), frame_height)) for y in (top_px, top_px + height_px))
    if left >= right or top >= bottom:
        return None
    return Face(left, top, right - left, bottom - top, min(max(confidence, 0.0), 1.0))
