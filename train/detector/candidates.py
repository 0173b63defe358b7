"""What can be measured: our network as a Keras file or a release, and the other detectors of the daemon."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from edge.errors import ModelError
from edge.records import Face
from edge.vision.detector import FaceDetector
from edge.vision.detector.builtin import BuiltinDetector, load_detector
from edge.vision.detector.decode import Boxes
from edge.vision.detector.haar import HaarDetector
from edge.vision.detector.yunet import YuNetDetector
from train.detector.cutout import Picture
from train.detector.measure import MIN_SCORE
from train.run.saved import open_model

Find: TypeAlias = Callable[[Sequence[Picture]], Iterator[Boxes]]
"""Frames -> the boxes of each, best first, down to ``MIN_SCORE``."""

SMALLEST_PX = 20
"""Detectors of the daemon are asked for faces from this height on."""

YUNET_THRESHOLD = 0.7
"""The daemon's."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A detector to measure. ``threshold`` is the score that it is used with, None where development shall choose.

    ``one`` looks at one frame, for the clock; None for what does not run on a device.
    """

    name: str
    find: Find
    threshold: float | None
    one: Callable[[Picture], object] | None = None

    def time_ms(self, frame: Picture, rounds: int = 15) -> float | None:
        """Median time for ``frame``."""
        if self.one is None:
            return None
        durations = []
        for _ in range(rounds):
            start = time.perf_counter()
            self.one(frame)
            durations.append(time.perf_counter() - start)
        return float(np.median(durations) * 1e3)


def keras_subject(path: Path) -> Subject:
    """A ``.keras`` file of ``fer-train detector fit``.

    Raises:
        ModelError: it cannot be loaded, or is no detector.
    """
    from train.detector.find import find, letterboxed
    from train.detector.recipe import STRIDES

    model = open_model(path)
    size = model.input_shape[1:3]
    if model.input_shape != (None, *size, 1) or len(model.outputs) != 2 * len(STRIDES):
        raise ModelError(f"model {path}: takes {model.input_shape} and gives {len(model.outputs)} maps, is no detector")

    def look(frames: Sequence[Picture]) -> Iterator[Boxes]:
        yield from find(model, *letterboxed(frames, size))

    return Subject(path.name, look, None)


def release_subject(folder: Path) -> Subject:
    """An int8 release of ``fer-quantize``, with the threshold of its manifest.

    Raises:
        ModelError: the release cannot be read or run.
    """
    release = load_detector(folder)
    usual = BuiltinDetector(release, min_face_px=SMALLEST_PX)
    eager = BuiltinDetector(replace(release, manifest=replace(release.manifest, threshold=MIN_SCORE)))
    return Subject(usual.name, lambda frames: map(eager.find, frames), release.manifest.threshold, usual.detect)


def haar_subject() -> Subject:
    """The cascade that OpenCV brings; its confidence only ranks, so every box counts."""
    detector = HaarDetector(min_face_px=SMALLEST_PX)
    return _subject(detector, detector, 0.0)


def yunet_subject(model: Path) -> Subject:
    """YuNet, as the daemon uses it.

    Raises:
        ModelError: the file is not YuNet.
    """
    usual, eager = (
        YuNetDetector(model, min_face_px=least, threshold=score)
        for least, score in ((SMALLEST_PX, YUNET_THRESHOLD), (1, MIN_SCORE))
    )
    return _subject(usual, eager, YUNET_THRESHOLD)


def _subject(usual: FaceDetector, eager: FaceDetector, threshold: float) -> Subject:
    def look(frames: Sequence[Picture]) -> Iterator[Boxes]:
        for frame in frames:
            yield _boxes(eager.detect(frame))

    return Subject(usual.name, look, threshold, usual.detect)


def _boxes(faces: Sequence[Face]) -> Boxes:
    sides = [(f.left_px, f.top_px, f.right_px, f.bottom_px) for f in faces]
    return Boxes(np.array(sides, np.float32).reshape(-1, 4), np.array([face.confidence for face in faces], np.float32))
