import cv2
import numpy as np
import pytest

from edge.records import Face, Pixels
from edge.vision.readable import why_unreadable

FACE = Face(0, 0, 60, 60, 0.9)


def sharp(contrast: float = 40.0) -> Pixels:
    """A crop with as much detail as a face in focus."""
    coarse = np.random.default_rng(1).normal(0, 1, (12, 12)).astype(np.float32)
    detail = cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(128 + contrast * detail / detail.std(), 0, 255), np.uint8)


def test_a_sharp_face_in_good_light_is_read() -> None:
    assert why_unreadable(FACE, sharp()) is None


@pytest.mark.parametrize(("height_px", "reason"), [(15, "too_small"), (16, None)])
def test_a_face_of_few_pixels_is_not(height_px: int, reason: str | None) -> None:
    assert why_unreadable(Face(0, 0, 12, height_px, 0.9), sharp()) == reason


@pytest.mark.parametrize(("contrast", "reason"), [(6, "dark"), (10, None)])
def test_a_face_without_contrast_is_dark(contrast: float, reason: str | None) -> None:
    assert why_unreadable(FACE, sharp(contrast)) == reason


@pytest.mark.parametrize("axis", [0, 1])
def test_a_face_is_blurred_also_if_it_moved_along_one_axis(axis: int) -> None:
    kernel = (25, 1) if axis else (1, 25)

    assert why_unreadable(FACE, cv2.blur(sharp(), kernel).astype(np.uint8)) == "blurred"


def test_a_face_out_of_focus_is_blurred() -> None:
    assert why_unreadable(FACE, cv2.GaussianBlur(sharp(60.0), (0, 0), 4).astype(np.uint8)) == "blurred"


@pytest.mark.parametrize(("turn", "reason"), [(0.61, "turned"), (0.6, None)])
def test_a_face_that_looks_away_is_turned(turn: float, reason: str | None) -> None:
    assert why_unreadable(Face(0, 0, 60, 60, 0.9, turn), sharp()) == reason
