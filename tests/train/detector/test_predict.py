"""A Keras detector over frames of any size."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from train.detector.predict import letterboxed, predict  # noqa: E402
from train.detector.recipe import STRIDES  # noqa: E402

SIZE = (64, 96)


def test_a_box_is_given_in_pixels_of_its_frame() -> None:
    class OneFace:
        """Sees a face of 16x16 around the cell (2, 3) of the finest map, whatever it is shown."""

        def __call__(self, pixels: np.ndarray, training: bool) -> list[np.ndarray]:
            shapes = [(len(pixels), SIZE[0] // stride, SIZE[1] // stride) for stride in STRIDES]
            logits = [np.full((*shape, 1), -9, np.float32) for shape in shapes]
            logits[0][:, 2, 3] = 5
            return [*logits, *(np.zeros((*shape, 4), np.float32) for shape in shapes)]

    frames = [np.zeros((128, 192), np.uint8), np.zeros((32, 48), np.uint8), np.zeros((64, 20), np.uint8)]

    found = list(predict(OneFace(), *letterboxed(frames, SIZE)))

    box = np.array([20, 12, 36, 28])
    for boxes, scale in zip(found, (0.5, 2, 1), strict=True):
        np.testing.assert_allclose(boxes.sides, [box / scale], rtol=1e-5)
        assert boxes.scores == pytest.approx([0.9933], abs=1e-3)
