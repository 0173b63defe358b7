"""Where the built-in detector looks, and in inputs of which size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ModelError
from edge.records import Face, Pixels
from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, input_sizes, load_detector
from edge.vision.detector.decode import Boxes
from edge.vision.detector.windows import REFINED, Look
from edge.vision.movement import Cells
from tests.support.film import Actor, background, clear_expressions, film


def cells(*places: tuple[int, int]) -> Cells:
    """Of a frame of 640x480, those that have changed: squares of 40 pixels at (left, top)."""
    moved = np.zeros((60, 80), bool)
    for left, top in places:
        moved[top // 8 : top // 8 + 5, left // 8 : left // 8 + 5] = True
    return moved


class CountingDetector(BuiltinDetector):
    """Counts the pixels of the inputs that it looks at."""

    pixels = 0

    def _look(self, pixels: Pixels, look: Look) -> Boxes:
        self.pixels += look.cost
        return super()._look(pixels, look)


@pytest.fixture
def counting() -> CountingDetector:
    return CountingDetector(load_detector(PACKAGED_DETECTOR))


@pytest.fixture(scope="module")
def sizes_px() -> tuple[int, ...]:
    """Pixels of the inputs of the packaged detector, smallest first."""
    manifest = load_detector(PACKAGED_DETECTOR).manifest
    _, height, width, _ = manifest.input.shape
    return tuple(math.prod(size) for size in input_sizes((height, width), max(manifest.strides), REFINED))


def picture(shared: Path, *places: tuple[int, int], side_px: int = 120) -> Pixels:
    """A wall of 640x480 with the same face at these middles."""
    face = clear_expressions(shared)[0].pixels
    (frame,) = film(background(), [Actor(face, 0, 1, at, side_px, sway_px=0) for at in places], 1, fps=1)
    return frame.pixels


def across(faces: Sequence[Face]) -> list[float]:
    return sorted(face.centre_px[0] for face in faces)


def test_only_what_moved_is_looked_at_and_faces_elsewhere_stay(
    shared: Path, counting: CountingDetector, sizes_px: Sequence[int]
) -> None:
    left, right = across(counting.detect(picture(shared, (120, 120), (480, 340))))
    whole, counting.pixels = counting.pixels, 0

    still, moved = across(counting.detect(picture(shared, (120, 120), (500, 340)), cells((480, 320))))

    assert counting.pixels == sizes_px[0] < whole / 7
    assert still == left
    assert abs(moved - right - 20) <= 3


def test_a_new_face_is_found_where_something_moved(
    shared: Path, counting: CountingDetector, sizes_px: Sequence[int]
) -> None:
    counting.detect(picture(shared, (120, 120)))
    counting.pixels = 0

    faces = counting.detect(picture(shared, (120, 120), (500, 340)), cells((460, 300), (500, 340)))

    assert len(faces) == 2
    assert counting.pixels < sizes_px[-1] / 2


def test_where_a_known_face_is_lost_all_is_looked_at(
    shared: Path, counting: CountingDetector, sizes_px: Sequence[int]
) -> None:
    counting.detect(picture(shared, (120, 120)))
    counting.pixels = 0

    (face,) = counting.detect(picture(shared, (500, 340)), cells((100, 100)))

    assert face.left_px > 300
    assert counting.pixels > sizes_px[-1]


def test_who_left_is_gone_at_once(shared: Path, counting: CountingDetector) -> None:
    counting.detect(picture(shared, (120, 120), (480, 340)))

    assert len(counting.detect(picture(shared, (120, 120)), cells((480, 340)))) == 1


def test_a_network_for_one_size_only_looks_at_all_of_it(
    shared: Path, monkeypatch: pytest.MonkeyPatch, sizes_px: Sequence[int]
) -> None:
    def refuse(*_: object) -> bytes:
        raise ModelError("for one size only")

    monkeypatch.setattr("edge.vision.detector.builtin.resized", refuse)
    detector = CountingDetector(load_detector(PACKAGED_DETECTOR), min_face_px=60)
    detector.detect(picture(shared, (120, 120)))

    faces = detector.detect(picture(shared, (120, 120), (500, 340)), cells((500, 340)))

    assert len(faces) == 2
    assert detector.pixels == 2 * sizes_px[-1]


@pytest.mark.parametrize(("min_face_px", "size"), [(20, 3), (60, 3), (80, 2), (120, 2), (160, 1), (330, 0)])
def test_the_larger_the_smallest_face_the_smaller_the_input(
    min_face_px: int, size: int, sizes_px: Sequence[int]
) -> None:
    detector = CountingDetector(load_detector(PACKAGED_DETECTOR), min_face_px=min_face_px)

    detector.detect(np.full((480, 640), 128, np.uint8))

    assert detector.pixels == sizes_px[size]


def test_a_small_frame_fills_the_whole_input_only_where_small_faces_are_asked_for(sizes_px: Sequence[int]) -> None:
    small, large = (CountingDetector(load_detector(PACKAGED_DETECTOR), min_face_px=least) for least in (30, 120))

    for detector in (small, large):
        detector.detect(np.full((240, 320), 128, np.uint8))

    assert (small.pixels, large.pixels) == (sizes_px[-1], sizes_px[1])


@pytest.mark.parametrize("min_face_px", [60, 80, 120, 200])
def test_in_a_smaller_input_faces_as_high_as_asked_for_are_found(shared: Path, min_face_px: int) -> None:
    frame = picture(shared, (320, 240), side_px=round(1.3 * min_face_px))

    (face,) = BuiltinDetector(load_detector(PACKAGED_DETECTOR), min_face_px=min_face_px).detect(frame)

    assert abs(face.centre_px[0] - 320) < min_face_px / 4
