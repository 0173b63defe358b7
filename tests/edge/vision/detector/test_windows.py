"""Which parts of a frame are looked at when only some have changed."""

from __future__ import annotations

import numpy as np
import pytest

from edge.vision.detector.tiles import Tile
from edge.vision.detector.windows import ALONE, REFINED, Look, Sight, plan_windows
from edge.vision.movement import Cells

FRAME = (480, 640)
SIZES = ((128, 128), (192, 256), (256, 320), (320, 384))
CLOSEST, MOST = 0.6, 320 * 384
NOBODY = np.empty((0, 4), np.float32)


def cells(*rectangles: tuple[int, int, int, int]) -> Cells:
    """Those of (left, top, right, bottom) in pixels."""
    moved = np.zeros((60, 80), bool)
    for left, top, right, bottom in rectangles:
        moved[top // 8 : bottom // 8, left // 8 : right // 8] = True
    return moved


def faces(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    return np.array(boxes, np.float32).reshape(-1, 4)


def plan(
    moved: Cells,
    known: np.ndarray = NOBODY,
    sight: Sight = ALONE,
    *,
    frame_px: tuple[int, int] = FRAME,
    most: int = MOST,
) -> list[Look] | None:
    return plan_windows(moved, frame_px, known, SIZES, sight, CLOSEST, 40, most)


def test_a_small_face_that_moved_has_a_window_as_close_as_a_look_at_all() -> None:
    looks = plan(cells((300, 200, 340, 248)), faces((300, 200, 340, 248)))

    assert looks == [Look(Tile(213, 117, 214, 214), (128, 128))]


def test_a_large_face_has_a_window_that_shows_it_smaller() -> None:
    (look,) = plan(cells((240, 140, 400, 340)), faces((240, 140, 400, 332))) or []

    assert look.input_px == SIZES[0]
    assert look.scale * 192 == pytest.approx(48, abs=1)


def test_a_face_that_has_not_moved_is_not_looked_for() -> None:
    boxes = faces((60, 200, 100, 248), (500, 200, 540, 248))

    looks = plan(cells((500, 200, 540, 248)), boxes)

    assert looks is not None
    assert [look.tile.left_px > 300 for look in looks] == [True]


def test_neighbours_share_a_window_that_shows_both() -> None:
    boxes = faces((280, 200, 320, 248), (330, 205, 370, 253))

    assert len(plan(cells((280, 200, 370, 256)), boxes) or []) == 1


def test_other_movement_is_looked_at_closely_with_a_margin() -> None:
    (look,) = plan(cells((80, 80, 120, 120))) or []

    assert look == Look(Tile(40, 40, 120, 120), (128, 128))


def test_the_smallest_input_that_shows_it_closely_is_taken() -> None:
    for side, size in ((100, (128, 128)), (200, (192, 256)), (320, (256, 320))):
        (look,) = plan(cells((160, 80, 160 + side, 80 + side))) or []
        assert look.input_px == size
        assert look.scale >= CLOSEST


def test_movement_that_no_input_shows_closely_enough_is_left_to_a_look_at_all() -> None:
    corners = cells((0, 0, 8, 8), (632, 472, 640, 480))

    assert plan(corners, frame_px=(1080, 1920)) is None


def test_with_a_refiner_the_smallest_face_that_may_have_come_is_looked_at_from_farther_away() -> None:
    moved = cells((160, 80, 400, 320))

    (closely,), (farther,) = plan(moved) or [], plan(moved, sight=REFINED) or []

    assert farther.cost < closely.cost
    assert farther.scale * 40 >= REFINED.least_px


def test_one_look_at_all_that_has_moved_is_taken_where_windows_cost_more() -> None:
    boxes = faces((220, 200, 260, 248), (400, 200, 440, 248))
    moved = cells((220, 200, 440, 248))

    assert plan(moved, boxes, REFINED) == [Look(Tile(176, 160, 304, 128), (128, 128))]


def test_windows_that_cost_as_much_as_a_look_at_all_are_left_to_it() -> None:
    boxes = faces((60, 60, 100, 108), (500, 60, 540, 108), (60, 380, 100, 428))
    moved = cells(*(tuple(map(int, box)) for box in boxes))  # type: ignore[arg-type]

    looks = plan(moved, boxes, most=3 * 128 * 128 + 1)

    assert len(looks or []) == 3
    assert plan(moved, boxes, most=3 * 128 * 128) is None


def test_everything_that_moved_is_in_a_look() -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        corner = random.uniform(0, 400, (3, 2))
        boxes = np.hstack([corner, corner + random.uniform(30, 200, (3, 1)) * [0.8, 1]]).astype(np.float32)
        moved = cells()
        for _ in range(random.integers(1, 5)):
            row, column = random.integers(0, (55, 75))
            moved[row : row + 5, column : column + 5] = True

        looks = plan(moved, boxes, most=10 * MOST) or []

        seen = np.zeros(FRAME, bool)
        for look in looks:
            look.tile.of(seen)[:] = True
        assert looks
        assert seen[moved.repeat(8, 0).repeat(8, 1)].all()


@pytest.mark.parametrize(
    "box", [(700, 500, 740, 548), (-90, 20, -50, 68), (300, 600, 340, 648), (300, -300, 340, -252)]
)
def test_a_box_beside_the_frame_has_a_window_in_it_or_none(box: tuple[int, int, int, int]) -> None:
    for look in plan(np.ones((60, 80), bool), faces(box), most=10 * MOST) or []:
        assert look.tile.of(np.zeros(FRAME, np.uint8)).size == look.tile.width_px * look.tile.height_px > 0


def test_a_look_at_a_smaller_scale_does_not_answer_for_small_faces() -> None:
    look = Look(Tile(0, 0, 480, 480), (128, 128))
    boxes = faces((100, 100, 180, 190), (100, 100, 130, 140), (440, 100, 520, 190))

    assert look.answers(boxes, FRAME, CLOSEST, ALONE.least_px).tolist() == [True, False, False]
