"""Drawing sprites: where their pixels and their faces are afterwards."""

from __future__ import annotations

import numpy as np
import pytest

from train.detector.synthesis.drawing import Sprite, blend, oval, stretch

FACES = np.array([[2, 1, 6, 9]], np.float32)


def sprite(height: int = 10, width: int = 8) -> Sprite:
    pixels = np.arange(height * width, dtype=np.uint8).reshape(height, width)
    return Sprite(pixels, np.full_like(pixels, 255), FACES)


def test_an_upright_sprite_is_copied_pixel_by_pixel() -> None:
    canvas = np.zeros((20, 20), np.uint8)

    faces = sprite().lay(canvas, np.array([[1.0, 0, 5], [0, 1.0, 3]]))

    np.testing.assert_array_equal(canvas[3:13, 5:13], sprite().pixels)
    assert canvas.sum() == sprite().pixels.sum()
    np.testing.assert_array_equal(faces, FACES + np.array([5, 3, 5, 3]))


def test_a_quarter_turn_turns_pixels_and_faces_alike() -> None:
    canvas = np.zeros((20, 20), np.uint8)

    faces = sprite().lay(canvas, np.array([[0.0, -1, 15], [1, 0.0, 4]]))  # (x, y) -> (15 - y, 4 + x)

    np.testing.assert_array_equal(canvas[4:12, 5:15], np.rot90(sprite().pixels, -1))
    np.testing.assert_allclose(faces, [[15 - 9, 4 + 2, 15 - 1, 4 + 6]], atol=1e-5)


def test_a_tilted_face_has_the_box_of_its_ellipse() -> None:
    tilt = np.deg2rad(30)
    matrix = np.array([[np.cos(tilt), -np.sin(tilt), 20], [np.sin(tilt), np.cos(tilt), 20]])

    ((left, top, right, bottom),) = sprite().lay(np.zeros((60, 60), np.uint8), matrix)

    assert right - left == pytest.approx(2 * np.hypot(2 * np.cos(tilt), 4 * np.sin(tilt)), abs=1e-4)
    assert bottom - top == pytest.approx(2 * np.hypot(2 * np.sin(tilt), 4 * np.cos(tilt)), abs=1e-4)


@pytest.mark.parametrize("place", [(-5, -6), (17, 18), (-100, 0), (100, 100)])
def test_parts_outside_the_canvas_are_cut_off(place: tuple[int, int]) -> None:
    whole, canvas = np.zeros((220, 220), np.uint8), np.zeros((20, 20), np.uint8)

    sprite().lay(canvas, np.array([[1.0, 0, place[0]], [0, 1.0, place[1]]]))
    sprite().lay(whole, np.array([[1.0, 0, place[0] + 100], [0, 1.0, place[1] + 100]]))

    np.testing.assert_array_equal(canvas, whole[100:120, 100:120])


def test_alpha_decides_between_above_and_below() -> None:
    below, above = np.full((1, 3), 40, np.uint8), np.full((1, 3), 200, np.uint8)

    assert blend(below, above, np.array([[0, 128, 255]], np.uint8)).tolist() == [[40, 120, 200]]


def test_an_oval_is_full_inside_and_empty_outside() -> None:
    alpha = oval((40, 40), (20.0, 20.0), (15.0, 10.0), feather=2.0)

    assert alpha[20, 20] == alpha[20, 10] == 255
    assert alpha[5, 20] == alpha[20, 1] == 0
    assert 0 < alpha[10, 20] < 255


def test_a_resized_image_keeps_at_least_a_pixel() -> None:
    assert stretch(np.zeros((10, 10), np.uint8), 0.2, 7).shape == (7, 1)
