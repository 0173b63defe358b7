"""The second stage, on the tiny release: to its refiner only what is brighter than its surroundings is a face.

To its detector alone, a black wall is full of large faces, and a white one of small faces.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from edge.model.interpreter import Interpreter
from edge.model.release import Network, Release
from edge.records import Pixels
from edge.vision.crop import cut_square
from edge.vision.detector.builtin import BuiltinDetector, DetectorRelease, load_detector
from edge.vision.detector.decode import Boxes
from edge.vision.detector.refiner import CANDIDATES_REFINED, Refiner, RefinerManifest, normalised, squares_around
from edge.vision.detector.tiles import Tile
from edge.vision.detector.windows import Look
from tests.support.paths import TINY

BLOCK = 40, 32
"""Left and top of a white block in the middle of a small face."""


def room(*blocks: tuple[int, int], shape: tuple[int, int] = (96, 128), grey: int = 255) -> Pixels:
    pixels = np.full(shape, 128, np.uint8)
    for left, top in blocks:
        pixels[top : top + 8, left : left + 8] = grey
    return pixels


def face_at(left: float, top: float, score: float = 0.5) -> Boxes:
    """The box of 16x20 px around a block."""
    return Boxes(np.array([[left - 4, top - 4, left + 12, top + 16]], np.float32), np.array([score], np.float32))


@pytest.fixture
def release() -> DetectorRelease:
    return load_detector(TINY / "refined")


@pytest.fixture
def refiner(release: DetectorRelease) -> Refiner:
    assert release.refiner is not None
    return Refiner(release.refiner)


def detect(release: Release, pixels: Pixels, min_face_px: int = 10) -> list[tuple[int, int, int, int]]:  # type: ignore[type-arg]
    faces = BuiltinDetector(release, min_face_px=min_face_px).detect(pixels)
    return [(face.left_px, face.top_px, face.right_px, face.bottom_px) for face in faces]


def test_a_face_gets_the_box_of_the_refiner(release: DetectorRelease) -> None:
    # 30 px around (44, 38), of which the box has a half and three fifths.
    assert detect(release, room(BLOCK)) == [(37, 29, 51, 47)]


def test_what_only_the_detector_takes_for_a_face_is_none(release: DetectorRelease) -> None:
    walls = [np.full((96, 128), grey, np.uint8) for grey in (0, 255)]

    alone = [len(detect(load_detector(TINY / "face"), wall)) for wall in walls]
    refined = [detect(release, wall) for wall in walls]

    assert min(alone) > 0
    assert refined == [[], []]


def test_the_detector_alone_would_not_take_a_dim_face_that_the_refiner_finds(release: DetectorRelease) -> None:
    dim = room(BLOCK, grey=180)  # scores 0.27

    assert detect(load_detector(TINY / "face"), dim) == []
    assert len(detect(release, dim)) == 1
    assert detect(replace(release, manifest=replace(release.manifest, candidate_threshold=0.3)), dim) == []


def test_both_scores_count(refiner: Refiner) -> None:
    doubtful, sure = (refiner.refine(room(BLOCK), face_at(*BLOCK, score), 1, 0.01).scores[0] for score in (0.02, 0.5))
    surest = refiner.refine(room(BLOCK), face_at(*BLOCK, 0.999999), 1, 0.01).scores[0]

    logits = np.log([each / (1 - each) for each in (doubtful, sure, surest)])
    assert np.diff(logits) == pytest.approx([np.log(49)] * 2, abs=0.01)  # no score counts as more than 0.98


def test_what_scores_too_little_for_a_face_but_enough_to_keep_a_track_is_unsure(release: DetectorRelease) -> None:
    manifest = replace(release.manifest, threshold=0.99999)
    detector = BuiltinDetector(replace(release, manifest=manifest), min_face_px=10)

    assert detector.detect(room(BLOCK, grey=180)) == ()
    assert len(detector.unsure) == 1


def test_a_release_without_its_refiner_is_the_detector_alone(release: DetectorRelease) -> None:
    plain = Release(release.manifest, release.model)

    for frame in (room(BLOCK), room(BLOCK, grey=180)):
        assert detect(plain, frame) == detect(load_detector(TINY / "face"), frame)


def test_each_output_is_read_in_its_place_although_the_file_has_another_order(release: DetectorRelease) -> None:
    assert release.refiner is not None
    shapes = [spec.shape for spec in Interpreter(release.refiner.model).outputs]

    assert shapes == [(1, 4), (1, 1)]
    assert [spec.shape for spec in release.refiner.manifest.outputs] == [(1, 1), (1, 4)]


@pytest.mark.parametrize(
    ("left", "top"), [(0, 0), (120, 88), (-6, 40), (120, 95)], ids=["corner", "corner", "left half out", "mostly out"]
)
def test_what_leaves_the_frame_is_refined_with_the_border_repeated(refiner: Refiner, left: int, top: int) -> None:
    frame = room(shape=(300, 300))
    frame[max(0, 100 + top) : 108 + top, 100 + left : 108 + left] = 255
    inner = frame[100:196, 100:228]
    padded = np.pad(inner, 100, mode="edge")

    (score,) = refiner.refine(inner, face_at(left, top), 1, 0.0001).scores
    (expected,) = refiner.refine(padded, face_at(100 + left, 100 + top), 1, 0.0001).scores

    assert score == expected


@pytest.mark.parametrize(("left", "top"), [(-25, 40), (148, 40), (40, -29), (40, 113), (9000, 9000)])
def test_a_candidate_whose_square_lies_outside_the_frame_is_no_face(refiner: Refiner, left: int, top: int) -> None:
    assert len(refiner.refine(room(), face_at(left, top), 1, 0.0001)) == 0


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (3, 200), (200, 3)])
def test_a_frame_smaller_than_the_square_is_refined(refiner: Refiner, shape: tuple[int, int]) -> None:
    sides = np.array([[0, 0, 2, min(2, shape[0])]], np.float32)

    refined = refiner.refine(room(shape=shape), Boxes(sides, np.array([0.5], np.float32)), 0, 0.0001)

    assert len(refined) == 1
    assert np.isfinite(refined.sides).all()


def test_a_candidate_far_larger_than_the_frame_is_no_face_and_takes_no_memory(refiner: Refiner) -> None:
    sides = np.array([[-1e5, -1e5, 1e5, 1e5]], np.float32)

    assert len(refiner.refine(room(), Boxes(sides, np.array([0.9], np.float32)), 1, 0.0001)) == 0


def test_without_candidates_there_are_no_faces(release: DetectorRelease, refiner: Refiner) -> None:
    nothing = Boxes(np.empty((0, 4), np.float32), np.empty(0, np.float32))

    assert len(refiner.refine(room(), nothing, 1, 0.5)) == 0
    assert detect(release, room()) == []


def test_of_many_candidates_the_best_are_refined(refiner: Refiner) -> None:
    scores = np.linspace(0.9, 0.1, 200, dtype=np.float32)
    candidates = Boxes(np.repeat(face_at(*BLOCK).sides, 200, axis=0), scores)

    refined = refiner.refine(room(BLOCK), candidates, 1, 0.01)

    alone = refiner.refine(room(BLOCK), Boxes(candidates.sides[:CANDIDATES_REFINED], scores[:120]), 1, 0.01)
    np.testing.assert_array_equal(refined.scores, alone.scores)
    assert len(refined) == CANDIDATES_REFINED == 120


def test_candidates_that_are_too_low_take_no_place(refiner: Refiner) -> None:
    low = np.tile(np.array([[0, 0, 10, 6]], np.float32), (60, 1))
    candidates = Boxes(np.concatenate([low, face_at(*BLOCK).sides]), np.linspace(0.9, 0.5, 61, dtype=np.float32))

    assert len(refiner.refine(room(BLOCK), candidates, 7, 0.5)) == 1


@pytest.mark.parametrize(("min_face_px", "too_small"), [(24, 1), (30, 0)])
def test_what_is_far_lower_than_asked_for_is_not_refined(
    release: DetectorRelease, min_face_px: int, too_small: int
) -> None:
    detector = BuiltinDetector(release, min_face_px=min_face_px)  # the block's box has 20 px

    assert detector.detect(room(BLOCK)) == ()
    assert len(detector.too_small) == too_small


def test_the_square_of_a_candidate_is_cut_out_of_the_frame_also_where_it_leaves_the_tile(
    release: DetectorRelease, refiner: Refiner
) -> None:
    frame = room((248, 104), shape=(192, 512))
    frame[:, 256:] = 255  # beyond the tile all is as bright as the block
    look = Look(Tile(128, 72, 128, 96), (96, 128))
    candidates = BuiltinDetector(load_detector(TINY / "face"), min_face_px=10)._look(frame, look)

    seen = BuiltinDetector(release, min_face_px=10)._look(frame, look)

    in_tile = Boxes(candidates.sides - np.array([128, 72] * 2, np.float32), candidates.scores)
    assert seen.scores == refiner.refine(frame, candidates, 7, 0.3).scores
    assert seen.scores < refiner.refine(look.tile.of(frame), in_tile, 7, 0.3).scores


def test_faces_of_tiles_lie_where_they_are_in_the_frame(release: DetectorRelease) -> None:
    pixels = np.full((960, 1280), 128, np.uint8)
    pixels[160:200, 240:280] = 255

    ((left, top, right, bottom),) = detect(release, pixels, 40)

    assert (left + right) / 2 == pytest.approx(260, abs=20)
    assert (top + bottom) / 2 == pytest.approx(180, abs=40)


def test_a_square_is_around_the_middle_of_the_box_and_never_tiny() -> None:
    sides = np.array([[36, 28, 52, 48], [0, 0, 1, 1]], np.float32)

    assert squares_around(sides, 1.5, 48).tolist() == [[29, 23, 30], [-4, -4, 8]]


@pytest.mark.parametrize(("height_px", "side_px"), [(60, 90), (67, 100), (139, 208), (259, 392)])
def test_the_square_of_a_large_candidate_can_be_halved(height_px: int, side_px: int) -> None:
    sides = np.array([[0, 0, 60, height_px]], np.float32)

    assert squares_around(sides, 1.5, 48)[0, 2] == side_px


def test_light_and_contrast_make_no_difference() -> None:
    crop = np.tile(np.arange(100, 148, dtype=np.uint8), (48, 1))
    dark = np.asarray(crop // 2, np.uint8)

    bright, dimmed = normalised(np.stack([crop, dark]))

    assert bright.mean() == pytest.approx(128, abs=0.5)
    assert bright.std() == pytest.approx(50, abs=0.5)
    assert np.abs(bright.astype(int) - dimmed).max() <= 3


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_flat_square_is_grey_and_a_faint_pattern_stays_faint(grey: int) -> None:
    flat = np.full((1, 48, 48), grey, np.uint8)
    faint = flat.copy()
    faint[0, ::2] = abs(grey - 2)  # standard deviation 1

    assert (normalised(flat) == 128).all()
    assert normalised(faint).std() == pytest.approx(10)


def test_a_square_outside_the_frame_cannot_be_cut() -> None:
    with pytest.raises(ValueError, match=re.escape("square of 8 px at (200, 0) lies outside the 128x96 frame")):
        cut_square(room(), 200, 0, 8, 48)


def test_on_an_accelerator_a_refiner_without_a_compiled_file_runs_on_the_cpu(
    release: DetectorRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Recording(Network[RefinerManifest]):
        def __init__(self, release: Release[RefinerManifest], *, threads: int, delegate: str | None) -> None:
            asked.append(delegate)
            super().__init__(release, threads=threads)

    monkeypatch.setattr("edge.vision.detector.refiner.Network", Recording)
    assert release.refiner is not None

    for edgetpu in (None, b"compiled"):
        Refiner(replace(release.refiner, edgetpu=edgetpu), delegate="edgetpu")

    assert asked == [None, "edgetpu"]
