from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.vision.crop import cut_square


@pytest.mark.parametrize("side_px", [96, 97, 144, 240, 383, 384])
def test_a_reduced_square_has_the_means_of_areas(side_px: int) -> None:
    noise = np.random.default_rng(0).normal(0, 1, (400, 400))
    smooth = cv2.GaussianBlur(noise, (0, 0), 6)
    pixels = np.asarray((128 + 40 * smooth / smooth.std()).clip(0, 255), np.uint8)

    square = cut_square(pixels, 8, 16, side_px, 48)

    means = cv2.resize(
        pixels[16 : 16 + side_px, 8 : 8 + side_px].astype(np.float32), (48, 48), interpolation=cv2.INTER_AREA
    )
    assert np.abs(square - means).mean() < 2
