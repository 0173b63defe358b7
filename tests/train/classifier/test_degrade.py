from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from edge.model.golden import golden_input
from edge.records import Face
from edge.vision.crop import CropRule, crop_face
from tests.train.faces import face_set
from train.classifier.degrade import DEGRADATIONS, Degradation, measure_curves

NAMED = {kind.name: kind for kind in DEGRADATIONS}
MASKS = np.stack([golden_input(seed, (1, 48, 48, 1))[0, ..., 0] for seed in range(8)])
BRIGHT, DARK = 3, 4


def brightness_sensor(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Predicts happy for bright images and sad for others."""
    bright = pixels.mean(axis=(1, 2)) > 100
    return np.eye(7, dtype=np.float32)[np.where(bright, BRIGHT, DARK)]


@pytest.mark.parametrize("kind", DEGRADATIONS, ids=lambda kind: kind.name)
def test_the_first_level_changes_nothing_and_each_next_one_changes_more(kind: Degradation) -> None:
    damaged = [kind.apply(MASKS, level, seed=0) for level in kind.levels]

    distances = [np.abs(each.astype(int) - MASKS).mean() for each in damaged]
    assert all(each.shape == MASKS.shape and each.dtype == np.uint8 for each in damaged)
    assert distances[0] == 0
    assert all(near < far for near, far in pairwise(distances))


@pytest.mark.parametrize("name", ["Shift", "Rotation", "Noise"])
def test_the_seed_decides_direction_and_noise(name: str) -> None:
    kind = NAMED[name]

    first, again, other = (kind.apply(MASKS, kind.levels[2], seed) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_low_resolution_is_what_the_device_crops_of_a_distant_face() -> None:
    frame = MASKS[0].reshape(24, 2, 24, 2).mean(axis=(1, 3)).round().astype(np.uint8)
    crop = crop_face(frame, Face(0, 0, 24, 24, 1.0), CropRule(1.0), 48)

    damaged = NAMED["Low resolution"].apply(MASKS[:1], 24, seed=0)[0]

    assert np.abs(damaged.astype(int) - crop).max() <= 1


def test_accuracy_falls_only_where_the_model_is_sensitive() -> None:
    pixels = np.full((10, 48, 48), 120, np.uint8)
    faces = face_set([BRIGHT] * 10, pixels=pixels)

    measured = {curve.degradation.name: list(curve.accuracy) for curve in measure_curves(brightness_sensor, faces)}

    assert measured.keys() == NAMED.keys()
    assert measured["Blur"] == [1, 1, 1, 1, 1, 1]
    assert measured["Darkness"] == [1, 0, 0, 0, 0, 0]
