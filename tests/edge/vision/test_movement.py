from __future__ import annotations

import numpy as np
import pytest

from edge.records import Pixels
from edge.vision.movement import Movement


def room(noise: float = 0.0, seed: int = 0) -> Pixels:
    random = np.random.default_rng(seed)
    scene = np.random.default_rng(99).integers(60, 200, (60, 80)).repeat(8, 0).repeat(8, 1)
    return np.clip(scene + noise * random.standard_normal(scene.shape), 0, 255).astype(np.uint8)


def test_the_first_image_is_a_movement_and_the_same_again_is_none() -> None:
    movement = Movement()

    assert movement.is_in(room())
    assert not movement.is_in(room())


def test_the_noise_of_a_webcam_is_no_movement() -> None:
    movement = Movement()
    movement.is_in(room(noise=5, seed=1))

    assert not any(movement.is_in(room(noise=5, seed=seed)) for seed in range(2, 12))


def test_a_face_of_16_pixels_that_moves_by_one_is_a_movement() -> None:
    movement, before, after = Movement(), room(), room()
    before[100:116, 100:116] = after[100:116, 101:117] = 230

    movement.is_in(before)

    assert movement.is_in(after)


def test_what_moves_slowly_is_noticed_in_the_end() -> None:
    movement = Movement()
    frames = [room() + np.uint8(step) for step in range(8)]

    assert [movement.is_in(frame) for frame in frames] == [True, *5 * [False], True, False]


@pytest.mark.parametrize("shape", [(1, 1), (7, 640), (481, 641)])
def test_frames_of_any_size_are_compared(shape: tuple[int, int]) -> None:
    movement = Movement()
    movement.is_in(room())

    assert movement.is_in(np.full(shape, 9, np.uint8))
    assert not movement.is_in(np.full(shape, 9, np.uint8))
