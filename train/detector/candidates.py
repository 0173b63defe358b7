"""The detectors that can be compared: ours as a Keras file or a release, and the other detectors of the daemon."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from edge.errors import ModelError
from edge.model.release import MODEL_FILE as RELEASED_FILE
from edge.records import Face, Pixels
from edge.vision.detector import FaceDetector
from edge.vision.detector.builtin import BuiltinDetector, load_detector
from edge.vision.detector.decode import Boxes
from edge.vision.detector.haar import HaarDetector
from edge.vision.detector.yunet import YuNetDetector
from train.detector.metrics import MIN_SCORE
from train.run.folder import MODEL_FILE
from train.run.saved import open_model

Find: TypeAlias = Callable[[Sequence[Pixels]], Iterator[Boxes]]
"""Finds the boxes of each frame, best first, down to ``MIN_SCORE``."""

SMALLEST_PX = 20
"""Height of the smallest face that counts."""

YUNET_THRESHOLD = 0.7
"""The score that the daemon uses YuNet with."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A detector to evaluate. ``threshold`` is the score it is used with, None to choose one on the development set.

    ``detect`` runs on one frame, to be timed; None for what does not run on a device.
    """

    name: str
    find: Find
    threshold: float | None
    detect: Callable[[Pixels], object] | None = None

    def time_ms(self, frame: Pixels, rounds: int = 15) -> float | None:
        """Median time for ``frame`` in milliseconds, None for what does not run on a device."""
        if self.detect is None:
            return None
        durations = []
        for _ in range(rounds):
            start = time.perf_counter()
            self.detect(frame)
            durations.append(time.perf_counter() - start)
        return float(np.median(durations) * 1e3)


def keras_candidate(path: Path) -> Candidate:
    """A ``.keras`` file of ``fer-train detector fit``.

    Raises:
        ModelError: it cannot be loaded or is not a detector.
    """
    from train.detector.predict import letterboxed, predict
    from train.detector.recipe import STRIDES

    model = open_model(path)
    size = model.input_shape[1:3]
    if model.input_shape != (None, *size, 1) or len(model.outputs) != 2 * len(STRIDES):
        raise ModelError(
            f"model {path}: maps {model.input_shape} to {len(model.outputs)} outputs and is not a detector; "
            "give a .keras file of fer-train detector fit"
        )

    def find(frames: Sequence[Pixels]) -> Iterator[Boxes]:
        yield from predict(model, *letterboxed(frames, size))

    return Candidate(path.name, find, None)


def release_candidate(folder: Path) -> Candidate:
    """An int8 release of ``fer-quantize``, with the threshold of its manifest.

    Raises:
        ModelError: the release cannot be read or run.
    """
    release = load_detector(folder)
    everything = replace(release, manifest=replace(release.manifest, keep_threshold=MIN_SCORE))
    usual, eager = (BuiltinDetector(each, min_face_px=SMALLEST_PX) for each in (release, everything))
    return Candidate(usual.name, lambda frames: map(eager.find, frames), release.manifest.threshold, usual.detect)


def proposer(path: Path) -> tuple[Path, Find]:
    """The model file of a detector's run folder, or of its release, and what that finds without a refiner.

    Raises:
        ModelError: there is none, or it cannot be run.
    """
    if (path / RELEASED_FILE).is_file():
        release = replace(load_detector(path), refiner=None)
        manifest = replace(release.manifest, keep_threshold=MIN_SCORE)
        alone = BuiltinDetector(replace(release, manifest=manifest), min_face_px=SMALLEST_PX)
        return path / RELEASED_FILE, lambda frames: map(alone.find, frames)
    return path / MODEL_FILE, keras_candidate(path / MODEL_FILE).find


def haar_candidate() -> Candidate:
    """OpenCV's own cascade. Its confidence only ranks boxes, so every box counts."""
    detector = HaarDetector(min_face_px=SMALLEST_PX)
    return _candidate(detector, detector, 0.0)


def yunet_candidate(model: Path) -> Candidate:
    """YuNet, as the daemon uses it.

    Raises:
        ModelError: the file is not a YuNet model.
    """
    usual, eager = (
        YuNetDetector(model, min_face_px=smallest_px, threshold=score)
        for smallest_px, score in ((SMALLEST_PX, YUNET_THRESHOLD), (1, MIN_SCORE))
    )
    return _candidate(usual, eager, YUNET_THRESHOLD)


def _candidate(usual: FaceDetector, eager: FaceDetector, threshold: float) -> Candidate:
    def find(frames: Sequence[Pixels]) -> Iterator[Boxes]:
        for frame in frames:
            yield _boxes(eager.detect(frame))

    return Candidate(usual.name, find, threshold, usual.detect)


def _boxes(faces: Sequence[Face]) -> Boxes:
    sides = [(f.left_px, f.top_px, f.right_px, f.bottom_px) for f in faces]
    return Boxes(np.array(sides, np.float32).reshape(-1, 4), np.array([face.confidence for face in faces], np.float32))
