"""Instructions of a detection in each size of input, a refined candidate and a classification, by ``run.sh arm64
THIS_FILE``.

With YuNet's .onnx file as an argument also those of a detection by YuNet at 320 pixels. A part that runs twice leaves
out what the first run prepares.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.mark import mark
from edge.vision.classifier import PACKAGED_LIGHT_MODEL, PACKAGED_MODEL, EmotionClassifier, load_release
from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector
from edge.vision.detector.decode import Boxes
from edge.vision.detector.refiner import Refiner
from edge.vision.detector.yunet import YuNetDetector

TIMES = 4


def main() -> None:
    """Say which part follows, and mark its begin and end, ``TIMES`` runs apart."""
    random = np.random.default_rng(0)
    frame = np.full((480, 640), 128, np.uint8)  # without a candidate: those are counted apart
    release = load_detector(PACKAGED_DETECTOR)
    parts: dict[str, Callable[[], object]] = {}
    for least in (40, 80, 160, 330):
        detector = BuiltinDetector(release, min_face_px=least)
        parts[f"detect from {least} px in 640x480"] = partial(detector.detect, frame)
    if release.refiner:
        box = Boxes(np.array([[280, 200, 340, 270]], np.float32), np.array([0.5], np.float32))
        parts["refine a candidate"] = partial(Refiner(release.refiner).refine, frame, box, 0, 0.01)
    for model in sys.argv[1:]:
        parts["detect 640x480 with YuNet"] = partial(YuNetDetector(Path(model)).detect, frame)
    for name, folder in (("standard", PACKAGED_MODEL), ("light", PACKAGED_LIGHT_MODEL)):
        classifier = EmotionClassifier(load_release(folder))
        size_px = classifier.input_size_px
        crop = random.integers(0, 256, (size_px, size_px), np.uint8)
        parts[f"classify {name}"] = lambda classifier=classifier, crop=crop: classifier.classify([crop])  # type: ignore[misc]
    for name, work in parts.items():
        work()
        print(f"{name}: {TIMES} times between the next two marks", flush=True)
        mark()
        for _ in range(TIMES):
            work()
        mark()


if __name__ == "__main__":
    main()
