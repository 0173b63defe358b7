"""Augmentation: within its bounds, different for every image, absent outside training."""

from __future__ import annotations

import dataclasses
from typing import Any

import cv2
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from train.classifier.augment import Augment, there_and_back  # noqa: E402
from train.classifier.recipes import Augmentation  # noqa: E402

STILL = Augmentation(rotation_deg=0, scale=0, shift=0, contrast=0, brightness=0, blur=0, noise=0, erase=0)


def disturb(options: Augmentation, pixels: np.ndarray, seed: int = 1, training: bool = True) -> np.ndarray:
    return np.asarray(Augment(options, seed)(pixels, training=training)[1])


@pytest.fixture
def pixels() -> np.ndarray:
    ramp = np.linspace(0, 255, 48, dtype=np.uint8)
    return np.tile(ramp[None, None, :, None], (64, 48, 1, 1))


def test_outside_training_images_are_unchanged(pixels: np.ndarray) -> None:
    seen = disturb(Augmentation(), pixels, training=False)

    np.testing.assert_array_equal(seen, pixels)


def test_with_everything_off_images_are_at_most_mirrored(pixels: np.ndarray) -> None:
    seen = disturb(STILL, pixels)

    mirrored = [np.allclose(image, pixels[0][:, ::-1], atol=0.1) for image in seen]
    same = [np.allclose(image, pixels[0], atol=0.1) for image in seen]
    assert all(a or b for a, b in zip(mirrored, same, strict=True))
    assert 16 < sum(mirrored) < 48


def test_grey_levels_stay_in_range_and_every_image_differs(pixels: np.ndarray) -> None:
    seen = disturb(Augmentation(), pixels)

    assert seen.min() >= 0
    assert seen.max() <= 255
    assert len(np.unique(seen.reshape(64, -1), axis=0)) == 64


def test_the_same_seed_gives_the_same_images(pixels: np.ndarray) -> None:
    np.testing.assert_array_equal(disturb(Augmentation(), pixels, 5), disturb(Augmentation(), pixels, 5))
    assert not np.array_equal(disturb(Augmentation(), pixels, 5), disturb(Augmentation(), pixels, 6))


@pytest.mark.parametrize(
    ("option", "change"),
    [("shift", 0.1), ("scale", 0.2), ("contrast", 0.3), ("brightness", 0.1), ("noise", 6), ("erase", 1.0)],
)
def test_each_option_alone_changes_the_image(pixels: np.ndarray, option: str, change: float) -> None:
    values: dict[str, Any] = {**dict.fromkeys(Augmentation.__slots__, 0), option: change}
    only = Augmentation(**values)

    seen, still = disturb(only, pixels), disturb(STILL, pixels)

    assert np.abs(seen - still).mean() > 0.5


def test_a_shift_moves_by_at_most_its_share_of_the_side() -> None:
    spot = np.zeros((64, 48, 48, 1), np.uint8)
    spot[:, 24, 24] = 255
    values: dict[str, Any] = {**dict.fromkeys(Augmentation.__slots__, 0), "shift": 0.1}
    only = Augmentation(**values)

    seen = disturb(only, spot)[..., 0]

    rows = (seen.sum(axis=2) * np.arange(48)).sum(axis=1) / seen.sum(axis=(1, 2))
    assert np.abs(rows - 24).max() <= 0.1 * 48 + 0.01
    assert np.abs(rows - 24).max() > 2


def test_detail_is_lost_in_one_of_the_two_pictures_alone(pixels: np.ndarray) -> None:
    blind = dataclasses.replace(STILL, shift=0.1, blur=1.0, far_px=(2, 2), noise=20, erase=1.0)

    near, far = (np.asarray(each) for each in Augment(blind, 1)(pixels, training=True))

    steps = np.abs(np.diff(near[..., 0], axis=2))
    assert steps.max() < 7  # still the ramp, moved
    assert np.abs(far - near).mean() > 20


@pytest.mark.parametrize("far_px", [10, 17, 24, 40])
def test_a_far_face_is_what_opencv_makes_of_it(far_px: int) -> None:
    face = np.random.RandomState(0).randint(0, 256, (48, 48)).astype(np.float32)
    matrix = there_and_back(48, far_px)

    coarse = matrix @ face @ matrix.T

    small = cv2.resize(face, (far_px, far_px), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(coarse, cv2.resize(small, (48, 48), interpolation=cv2.INTER_LINEAR), atol=0.1)


def test_far_faces_have_every_size_of_their_range() -> None:
    noise = np.random.RandomState(0).randint(0, 256, (400, 48, 48, 1)).astype(np.uint8)
    far = dataclasses.replace(STILL, blur=1.0, far_px=(10, 13))

    seen = disturb(far, noise)[..., 0]

    sides = {size: there_and_back(48, size) for size in (10, 11, 12, 13)}
    drawn = [
        min(sides, key=lambda size: min(np.abs(sides[size] @ each @ sides[size].T - picture).mean() for each in both))
        for picture, original in zip(seen, noise[..., 0].astype(np.float32), strict=True)
        for both in [(original, original[:, ::-1])]
    ]
    counts = [drawn.count(size) for size in sides]
    assert sum(counts) == 400
    assert min(counts) > 60
