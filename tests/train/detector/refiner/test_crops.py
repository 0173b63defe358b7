"""What a refiner learns from: a detector's candidates, cut out and labelled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ModelError
from edge.records import Pixels
from edge.vision.detector.decode import NO_BOXES, Boxes
from train.detector.recipe import Synthesis
from train.detector.refiner.crops import CropGenerator, Crops, _beside, _cut
from train.detector.refiner.recipe import Recipe
from train.detector.synthesis.scenes import Frame
from train.detector.synthesis.sprites import NO_FACES, Collection

RECIPE = Recipe(scenes_px=((120, 160), (60, 80)), synthesis=Synthesis(smallest_px=18, largest_px=80), added=0.5)
FACE = (100.0, 100.0, 160.0, 180.0)


def boxes(*rows: Sequence[float], score: float = 0.5) -> Boxes:
    return Boxes(np.array(rows, np.float32).reshape(-1, 4), np.full(len(rows), score, np.float32))


def frame(*faces: Sequence[float], unclear: Sequence[Sequence[float]] = ()) -> Frame:
    pixels = np.random.default_rng(0).integers(0, 256, (240, 320), np.uint8)
    return Frame(pixels, *(np.array(each, np.float32).reshape(-1, 4) for each in (faces, unclear)))


def cut(scene: Frame, found: Boxes, recipe: Recipe = RECIPE) -> Crops:
    return _cut(scene, found, recipe, np.random.default_rng(0))


def test_a_candidate_knows_how_well_it_fits_its_face_and_where_that_lies_in_its_square() -> None:
    crops = cut(frame(FACE), boxes((90, 100, 150, 180), (10, 10, 50, 60)))

    # The square of 120 pixels around the first box begins at (60, 80).
    np.testing.assert_allclose(crops.sides[0], [40 / 120, 20 / 120, 100 / 120, 100 / 120], atol=1e-6)
    assert crops.overlaps == pytest.approx([50 / 70, 0])
    assert crops.heights_px.tolist() == [80, 50]
    assert crops.logits == pytest.approx([0, 0])
    assert crops.pixels.shape == (2, 48, 48)


def test_a_square_that_leaves_a_picture_smaller_than_itself_repeats_the_border() -> None:
    pixels = np.full((20, 16), 77, np.uint8)

    crops = cut(Frame(pixels, np.array([[0, 0, 16, 20]], np.float32)), boxes((0, 0, 16, 20)))

    assert (crops.pixels == 77).all()
    assert crops.overlaps == pytest.approx([1])


def test_what_nobody_could_tell_or_asks_for_teaches_nothing() -> None:
    small = (200, 20, 210, 33)
    scene = frame(FACE, small, unclear=[(20, 100, 80, 180)])

    crops = cut(scene, boxes((21, 100, 82, 180), (200, 20, 210, 33), (250, 200, 256, 208), (1000, 0, 1060, 80)))

    assert len(crops) == 0


def test_of_the_candidates_on_no_face_only_some_count() -> None:
    wrong = [(x, y, x + 15, y + 20) for x in range(0, 90, 18) for y in range(0, 96, 24)]

    crops = cut(frame(FACE), boxes(FACE, *wrong), replace(RECIPE, most_wrong=3))

    assert sorted(crops.overlaps) == pytest.approx([0, 0, 0, 1])


def test_the_best_scores_are_cut_off_so_that_the_refiner_can_overrule_them() -> None:
    crops = cut(frame(FACE), boxes(FACE, score=0.9999))

    assert crops.logits == pytest.approx([np.log(0.98 / 0.02)], rel=1e-3)


def test_boxes_beside_faces_are_near_them() -> None:
    faces = np.tile(np.array([FACE], np.float32), (200, 1))

    found = _beside(faces, 0.5, np.random.default_rng(1))

    assert 70 < len(found) < 130
    assert np.abs(found.sides - FACE).max() < 60
    assert cut(frame(FACE), found).overlaps.min() > 0.3


def test_rare_kinds_are_drawn_more_often_than_there_are_of_them() -> None:
    def crops(count: int, height: float, overlap: float) -> Crops:
        column = np.ones(count, np.float32)
        return Crops(
            np.zeros((count, 4, 4), np.uint8),
            overlap * column,
            np.zeros((count, 4), np.float32),
            column,
            height * column,
        )

    weights = Crops.join([crops(100, 20, 0.0), crops(25, 300, 0.9)]).weights()

    assert weights.sum() == pytest.approx(1)
    assert weights[:100].sum() == pytest.approx(2 / 3)


def find_centres(frames: Sequence[Pixels]) -> Iterator[Boxes]:
    """Finds a box in the middle of every frame, and one of which nobody is sure."""
    for pixels in frames:
        rows, columns = pixels.shape
        box = np.array([columns / 4, rows / 4, columns / 2, rows * 3 / 4], np.float32)
        yield Boxes(np.stack([box, box + 1]), np.array([0.4, 0.07], np.float32))


def test_the_same_key_draws_the_same_crops_with_any_number_of_threads(collection: Collection) -> None:
    one, two = (CropGenerator(find_centres, collection, RECIPE, workers) for workers in (1, 3))

    first, again, other = one.draw((3, 1), 40), two.draw((3, 1), 40), one.draw((3, 2), 40)

    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.sides, again.sides)
    assert not np.array_equal(first.pixels[:20], other.pixels[:20])
    assert len(first) > 40 * 0.5
    assert one.crops_per_s > 0


def test_a_detector_that_proposes_nothing_is_refused(collection: Collection) -> None:
    generator = CropGenerator(lambda frames: (NO_BOXES for _ in frames), collection, RECIPE)

    with pytest.raises(ModelError, match=r"proposes nothing in 5 scenes with a score of 0\.1 or more; train it"):
        generator.draw((1,), 5)


def test_a_frame_without_faces_and_candidates_gives_no_crop() -> None:
    assert len(cut(Frame(np.zeros((10, 10), np.uint8), NO_FACES), NO_BOXES)) == 0
