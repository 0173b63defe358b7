from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.records import Pixels
from edge.vision.shift import Patch

SIZE = 96, 96


def room(x_px: float = 0.0, y_px: float = 0.0) -> Pixels:
    coarse = np.random.default_rng(1).normal(128, 30, (40, 40)).astype(np.float32)
    scene = cv2.resize(coarse, (320, 320), interpolation=cv2.INTER_CUBIC)
    moved = cv2.warpAffine(scene, np.array([[1, 0, x_px], [0, 1, y_px]], np.float32), (320, 320), flags=cv2.INTER_CUBIC)
    return np.asarray(np.clip(moved, 0, 255), np.uint8)


@pytest.mark.parametrize(("x_px", "y_px"), [(0.0, 0.0), (0.3, -0.2), (-0.9, 0.6), (1.5, 1.0)])
def test_a_shift_is_measured_to_a_part_of_a_pixel(x_px: float, y_px: float) -> None:
    patch = Patch(room(), 100, 100, SIZE, (32, 32))

    change = patch.compare(room(x_px, y_px), (0, 0))

    assert change.x_px == pytest.approx(x_px, rel=0.15, abs=0.12)
    assert change.y_px == pytest.approx(y_px, rel=0.15, abs=0.12)
    assert change.error_px < 0.1


def test_a_larger_one_is_looked_for_where_it_is_expected() -> None:
    patch = Patch(room(), 100, 100, SIZE, (32, 32))

    change = patch.compare(room(12.3, -8.0), (12, -8))

    assert (change.x_px, change.y_px) == pytest.approx((12.3, -8.0), abs=0.15)


def test_what_somebody_covers_moves_nothing() -> None:
    patch, covered = Patch(room(), 100, 100, SIZE, (32, 32)), room()
    covered[100:196, 100:125] = 40

    change = patch.compare(covered, (0, 0))

    assert abs(change.x_px) < 0.1
    assert abs(change.y_px) < 0.1
    assert change.rest_share > 0.3


def test_brighter_light_from_one_side_moves_nothing() -> None:
    patch = Patch(room(), 100, 100, SIZE, (32, 32))

    lit = np.clip(room() * np.linspace(0.7, 1.2, 320), 0, 255).astype(np.uint8)
    change = patch.compare(lit, (0, 0))

    assert abs(change.x_px) < 0.1
    assert abs(change.y_px) < 0.1
    assert change.rest_share < 0.1


def test_the_shift_of_a_plain_wall_is_uncertain() -> None:
    wall = np.full((320, 320), 120, np.uint8)

    change = Patch(wall, 100, 100, SIZE, (32, 32)).compare(wall, (0, 0))

    assert change.error_px > 1
    assert (change.x_px, change.y_px) == (0, 0)


def test_where_the_mask_is_0_nothing_counts() -> None:
    patch, covered = Patch(room(), 100, 100, SIZE, (32, 32)), room()
    covered[100:196, 100:160] = room(3, 0)[100:196, 100:160]
    mask = np.ones((28, 28), np.float32)
    mask[:, :20] = 0

    change = patch.compare(covered, (0, 0), mask.ravel())

    assert abs(change.x_px) < 0.1
