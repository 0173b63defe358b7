"""How far a released detector sees: the same heads, equally large, in frames of several sizes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.vision.detector.builtin import BuiltinDetector, load_detector
from train.detector.development import PHOTOGRAPHED
from train.detector.metrics import match_boxes
from train.detector.synthesis.poses import pose
from train.detector.synthesis.scenes import Frame, SceneGenerator, place, visible
from train.detector.synthesis.sprites import NO_FACES, Collection, head

FRAMES_PX = ((480, 640), (720, 1280), (1080, 1920))
"""Heights and widths of the frames."""

HEIGHTS_PX = (20, 30, 40, 60, 90)

HEADS = 6
"""Heads in one frame."""

_SEED = 20151


SMALLEST_PX = (40, 60, 80, 100, 120, 160, 200, 300)
"""``detector.min_face_px`` as people may set it."""


def compose(
    held_back: Collection, frame_px: tuple[int, int], height_px: float, count: int, heads: int = HEADS
) -> list[Frame]:
    """Frames with ``heads`` heads whose faces are ``height_px`` high, the same ones for each ``frame_px``."""
    painter = SceneGenerator(held_back, frame_px, PHOTOGRAPHED)
    frames = []
    for number in range(count):
        random = np.random.default_rng((_SEED, number))
        pieces = [(head(held_back, height_px, PHOTOGRAPHED, random), pose(PHOTOGRAPHED, random)) for _ in range(heads)]
        canvas, faces = painter.ground(random), NO_FACES
        for piece, turn in pieces:
            faces = place(canvas, piece, faces, turn, random)
        frames.append(Frame(canvas, visible(faces, frame_px)))
    return frames


def measure_reach(folder: Path, held_back: Collection, min_face_px: int = 20, count: int = 25) -> str:
    """A Markdown table: recall by size of frame and height of face, looks, and the time that one frame takes.

    Args:
        folder: an int8 release.
        held_back: what training has not seen.
        min_face_px: what the detector is asked for.
        count: frames of each kind.

    Raises:
        ModelError: the release cannot be read or run.
    """
    detector = BuiltinDetector(load_detector(folder), min_face_px=min_face_px)
    lines = [["frame", *(f"{height} px" for height in HEIGHTS_PX), "looks", "time"]]
    lines.append(["---"] * len(lines[0]))
    for frame_px in FRAMES_PX:
        recalls, durations_ms = [], []
        for height in HEIGHTS_PX:
            found = []
            frames = compose(held_back, frame_px, height, count)
            for frame in frames:
                begun_s = time.process_time()
                found.append(detector.find(frame.pixels))
                durations_ms.append(1000 * (time.process_time() - begun_s))
            judged = match_boxes(zip(found, (frame.faces for frame in frames), strict=True), 0)
            recalls.append(judged.recall(detector.manifest.threshold))
        lines.append(
            [
                f"{frame_px[1]}x{frame_px[0]}",
                *(f"{recall:.1%}" for recall in recalls),
                f"{detector.looks}",
                f"{np.median(durations_ms):.1f} ms",
            ]
        )
    return _table(lines)


def measure_inputs(folder: Path, held_back: Collection, count: int = 200) -> str:
    """A Markdown table for 640x480: recall of faces as high as ``min_face_px``, and half as high again, in the input
    that is chosen for it and in the whole one.

    Args:
        folder: an int8 release.
        held_back: what training has not seen.
        count: frames of each kind, with two heads each.

    Raises:
        ModelError: the release cannot be read or run.
    """
    lines = [["min_face_px", "input", "recall", "of the whole input", "half as high again", "of the whole input"]]
    lines.append(["---"] * len(lines[0]))
    whole = BuiltinDetector(load_detector(folder), min_face_px=1)
    for smallest in SMALLEST_PX:
        asked = BuiltinDetector(load_detector(folder), min_face_px=smallest)
        cells = []
        for height in (smallest, 1.5 * smallest):
            frames = compose(held_back, FRAMES_PX[0], height, count, heads=2)
            for detector in (asked, whole):
                found = [detector.find(frame.pixels) for frame in frames]
                judged = match_boxes(zip(found, (frame.faces for frame in frames), strict=True), 0)
                cells.append(f"{judged.recall(detector.manifest.threshold):.1%}")
        rows, columns = asked.input_px
        lines.append([f"{smallest}", f"{columns}x{rows}", *cells])
    return _table(lines)


def _table(lines: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
