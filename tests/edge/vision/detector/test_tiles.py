"""Looks at frames of any size: where they lie, and how their boxes become faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.records import Pixels
from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector
from edge.vision.detector.decode import NO_BOXES, Boxes
from edge.vision.detector.tiles import Tile, merge, plan_looks, seen_whole
from edge.vision.detector.windows import Look

TINY = Path(__file__).parents[3] / "data" / "tiny"
INPUT = (256, 320)


def boxes(*rows: tuple[float, float, float, float, float]) -> Boxes:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Boxes(table[:, :4], table[:, 4])


@pytest.mark.parametrize("frame", [(480, 640), (240, 320), (360, 480), (96, 128)])
@pytest.mark.parametrize("min_face_px", [16, 40, 200])
def test_one_look_is_enough_for_a_frame_of_640x480(frame: tuple[int, int], min_face_px: int) -> None:
    assert plan_looks(frame, INPUT, min_face_px) == (Tile(0, 0, frame[1], frame[0]),)


@pytest.mark.parametrize(("frame", "count"), [((720, 1280), 7), ((1080, 1920), 13), ((480, 1280), 4)])
def test_a_larger_frame_is_looked_at_closer_too(frame: tuple[int, int], count: int) -> None:
    whole, *tiles = plan_looks(frame, INPUT, 40)

    assert whole == Tile(0, 0, frame[1], frame[0])
    assert len(tiles) == count - 1
    for tile in tiles:  # at the scale of a look at 640x480
        assert min(INPUT[0] / tile.height_px, INPUT[1] / tile.width_px) == pytest.approx(0.5)


def test_larger_faces_need_fewer_looks() -> None:
    counts = [len(plan_looks((1080, 1920), INPUT, least)) for least in (20, 40, 60, 90, 120)]

    assert counts == sorted(counts, reverse=True)
    assert counts[0] == counts[1]
    assert counts[-1] == 1


@pytest.mark.parametrize("frame", [(720, 1280), (1080, 1920), (1944, 2592), (1000, 641)])
def test_every_face_that_the_whole_look_may_miss_lies_in_one_tile(frame: tuple[int, int]) -> None:
    _, *tiles = plan_looks(frame, INPUT, 40)
    largest = 20 / min(INPUT[0] / frame[0], INPUT[1] / frame[1])

    random = np.random.default_rng(0)
    for height in random.uniform(20, largest, 200):
        left, top = random.uniform(0, frame[1] - height), random.uniform(0, frame[0] - height)
        assert any(
            tile.left_px <= left
            and left + height <= tile.left_px + tile.width_px
            and tile.top_px <= top
            and top + height <= tile.top_px + tile.height_px
            for tile in tiles
        )


def test_what_an_inner_border_cuts_is_left_to_the_next_tile() -> None:
    tile = Tile(400, 0, 640, 512)
    found = boxes((500, 100, 540, 150, 0.9), (370, 100, 410, 150, 0.8), (500, -20, 540, 30, 0.7))

    seen = seen_whole(found, tile, (720, 1280))

    np.testing.assert_array_equal(seen.sides, [[500, 100, 540, 150], [500, -20, 540, 30]])


def test_a_face_that_two_looks_see_is_one_and_the_surer_box_stays() -> None:
    whole = boxes((100, 100, 140, 150, 0.6), (10, 10, 60, 70, 0.95))
    tile = boxes((101, 100, 142, 152, 0.9), (300, 300, 330, 340, 0.7), (20, 30, 40, 60, 0.5))

    merged = merge([whole, tile], 0.4)

    assert merged.scores.tolist() == pytest.approx([0.95, 0.9, 0.7])


def room(*places: tuple[int, int]) -> np.ndarray:
    """A frame twice as large as one look of the tiny detector, with small faces at (left, top)."""
    pixels = np.full((960, 1280), 128, np.uint8)
    for left, top in places:
        pixels[top : top + 40, left : left + 40] = 255
    return pixels


def test_a_small_face_in_a_large_frame_is_found_in_a_tile() -> None:
    detector = BuiltinDetector(load_detector(TINY / "face"), min_face_px=40)

    (face,) = detector.detect(room((200, 160)))

    assert detector.looks > 1
    assert abs(face.left_px + face.width_px / 2 - 220) < 20
    assert abs(face.top_px + face.height_px / 2 - 180) < 40


def test_tiles_take_turns_and_what_they_saw_holds_until_their_next() -> None:
    detector = BuiltinDetector(load_detector(TINY / "face"), min_face_px=40, max_looks=2)
    frame = room((200, 160))

    counts = [len(detector.detect(frame)) for _ in range(10)]
    turns = detector.looks - 1
    gone = [len(detector.detect(room())) for _ in range(turns)]

    assert counts[0] == 1
    assert set(counts) == {1}
    assert gone[-1] == 0


class Blind(BuiltinDetector):
    """Finds nothing, and keeps where it looked."""

    def __init__(self) -> None:
        super().__init__(load_detector(PACKAGED_DETECTOR), max_looks=3)
        self.shown: list[Tile] = []

    def _look(self, _: Pixels, look: Look) -> Boxes:
        self.shown.append(look.tile)
        return NO_BOXES


def test_a_tile_takes_its_turn_beside_what_has_moved() -> None:
    detector = Blind()
    frame, moved = np.full((1080, 1920), 128, np.uint8), np.zeros((135, 240), bool)
    moved[20:30, 20:30] = True
    _, height, width, _ = detector.manifest.input.shape
    whole, *tiles = plan_looks((1080, 1920), (height, width), 40)

    for each in (None, moved, moved, None):
        detector.detect(frame, each)

    window = detector.shown[3]
    assert window.width_px < 240
    assert detector.shown == [whole, *tiles[:2], window, tiles[2], window, tiles[3], whole, *tiles[4:6]]


def test_another_shape_of_frame_starts_anew() -> None:
    detector = BuiltinDetector(load_detector(TINY / "face"), min_face_px=40, max_looks=2)
    detector.detect(room((200, 160)))

    assert detector.detect(np.full((480, 640), 128, np.uint8)) == ()
    assert detector.looks == 1
