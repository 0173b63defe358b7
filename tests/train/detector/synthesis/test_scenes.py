"""Scenes: drawn again from their key, faces where they are said to be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from edge.vision.detector.decode import overlaps
from edge.vision.detector.letterbox import MARGIN_GREY
from train.detector.recipe import Synthesis
from train.detector.synthesis import scenes
from train.detector.synthesis.degrade import degrade
from train.detector.synthesis.drawing import Sprite, stretch
from train.detector.synthesis.scenes import Frame, SceneGenerator, mirrored
from train.detector.synthesis.sprites import NO_FACES, Collection

SIZE = (96, 128)


@pytest.fixture
def painter(collection: Collection) -> SceneGenerator:
    return SceneGenerator(collection, SIZE, Synthesis(largest_px=80))


def test_a_key_draws_the_same_scene_in_any_order(painter: SceneGenerator) -> None:
    first = [painter.scene((3, 0, number)) for number in range(8)]
    again = [painter.scene((3, 0, number)) for number in reversed(range(8))][::-1]

    for ours, theirs in zip(first, again, strict=True):
        np.testing.assert_array_equal(ours.pixels, theirs.pixels)
        np.testing.assert_array_equal(ours.faces, theirs.faces)
    assert len({frame.pixels.tobytes() for frame in first}) == 8


def test_faces_lie_in_the_image_and_do_not_hide_each_other(painter: SceneGenerator) -> None:
    counts = []
    for number in range(60):
        faces = painter.scene((0, number)).faces
        ratios = overlaps(faces, faces) - np.eye(len(faces))
        centres = (faces[:, :2] + faces[:, 2:]) / 2
        assert ((centres > 0) & (centres < [SIZE[1], SIZE[0]])).all()
        assert ratios.max(initial=0) < 0.25
        counts.append(len(faces))

    assert 0 in counts
    assert max(counts) > 5


def test_faces_are_where_they_are_said_to_be(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "degrade", lambda pixels, *_: pixels)
    options = Synthesis(nobody=0, close=0, crowds=0, tiles=1, margins=0, covered=0, worn=0, most_faces=1)
    options = replace(options, quartered=0, dense=0)
    options = replace(options, smallest_px=40, largest_px=40, in_front=0)
    painter = SceneGenerator(replace(collection, tight=[]), SIZE, options)

    for number in range(10):
        frame = painter.scene((1, number))
        backdrop = painter.backdrop((1, number))
        changed = (frame.pixels != backdrop) & (frame.pixels != backdrop[:, ::-1])
        rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
        left, top, right, bottom = frame.faces[0]
        assert rows[0] <= max(top, 0) + 1
        assert min(bottom, SIZE[0]) - 1 <= rows[-1] + 1
        assert columns[0] <= max(left, 0) + 1
        assert min(right, SIZE[1]) - 1 <= columns[-1] + 1


def test_four_scenes_at_half_their_size_make_one(painter: SceneGenerator) -> None:
    painter.options = replace(painter.options, quartered=1, nobody=0, close=0, crowds=0, tiles=0, dense=0, most_faces=1)

    frames = [painter.scene((0, number)) for number in range(10)]

    assert {frame.pixels.shape for frame in frames} == {SIZE}
    assert max(np.ptp(frame.faces[:, 1::2], axis=1).max(initial=0) for frame in frames) < 0.7 * 80
    assert np.mean([len(frame.faces) for frame in frames]) > 2
    centres = np.concatenate([(frame.faces[:, :2] + frame.faces[:, 2:]) / 2 for frame in frames])
    assert {(x > SIZE[1] / 2, y > SIZE[0] / 2) for x, y in centres.tolist()} == {(a, b) for a in (0, 1) for b in (0, 1)}


def test_unclear_faces_are_where_their_scene_is_among_four(painter: SceneGenerator) -> None:
    box = np.array([[10, 20, 30, 40]], np.float32)
    scene = Frame(np.zeros(SIZE, np.uint8), box, box + 2)

    four = painter._four([scene] * 4)

    corners = np.array([[0, 0], [64, 0], [0, 48], [64, 48]], np.float32)
    np.testing.assert_array_equal(four.unclear, (box + 2) / 2 + np.tile(corners, 2))
    np.testing.assert_array_equal(four.faces, box / 2 + np.tile(corners, 2))


def test_a_face_that_the_border_cuts_too_much_is_unclear_in_its_scene(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "CUT", 0.9)
    options = Synthesis(quartered=0, nobody=0, close=0, crowds=0, margins=0, dense=0, largest_px=60)
    painter = SceneGenerator(collection, SIZE, options)

    unclear = np.concatenate([painter.scene((5, number)).unclear for number in range(20)])

    assert len(unclear) > 5
    seen = np.minimum(unclear[:, 2:], SIZE[::-1]) - np.maximum(unclear[:, :2], 0)
    assert (seen > 0).all()
    assert (np.prod(seen, axis=1) < 0.5 * np.prod(unclear[:, 2:] - unclear[:, :2], axis=1)).all()


def test_a_dense_scene_has_many_small_faces(collection: Collection) -> None:
    options = Synthesis(quartered=0, nobody=0, close=0, crowds=0, margins=0, smallest_px=8)
    counts = [
        np.mean([len(painter.scene((0, number)).faces) for number in range(10)])
        for painter in (SceneGenerator(collection, (192, 256), replace(options, dense=share)) for share in (0, 1))
    ]

    assert counts[1] > 1.5 * counts[0]


def test_a_scene_can_be_drawn_on_the_backdrop_of_another(
    painter: SceneGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "degrade", lambda pixels, *_: pixels)
    for share in ("BESIDE", "FACELESS", "HOODS"):
        monkeypatch.setattr(scenes, share, 0)
    painter.options = replace(painter.options, nobody=1, margins=0, in_front=0)
    backdrop = painter.backdrop((7, 7))

    pixels = painter.scene((0, 1), (7, 7)).pixels

    assert np.array_equal(pixels, backdrop) or np.array_equal(pixels, backdrop[:, ::-1])


def test_a_close_face_may_overflow_the_picture_and_its_box_says_so(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Synthesis(
        quartered=0,
        nobody=0,
        close=1,
        margins=0,
        close_heights=(1.2, 1.3),
        bowed=0,
        rotation_deg=0,
        squeezed=0,
        tilted=0,
    )
    painter = SceneGenerator(collection, SIZE, options)

    heights = [np.ptp(painter.scene((9, number)).faces[0, 1::2]) for number in range(20)]

    assert min(heights) >= 1.15 * SIZE[0]
    assert max(heights) <= 1.35 * SIZE[0]


def test_a_scene_may_leave_a_margin_as_a_frame_of_another_shape_does(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "degrade", lambda pixels, *_: pixels)
    painter = SceneGenerator(collection, SIZE, Synthesis(margins=1, nobody=1, quartered=0))

    for number in range(10):
        pixels = painter.scene((2, number)).pixels
        assert pixels.shape == SIZE
        assert (pixels[:, -3:] == MARGIN_GREY).all() or (pixels[-3:] == MARGIN_GREY).all()


def test_what_the_picture_hardly_shows_is_no_face() -> None:
    faces = np.array([[-20, 10, 20, 50], [-25, 10, 15, 50], [80, 60, 160, 180], [10, 10, 30, 30]], np.float32)

    seen = scenes.visible(faces, SIZE)
    cut_off = scenes.visible(np.concatenate([faces, [[-60, 10, -10, 50]]]), SIZE, cut_off=True)

    np.testing.assert_array_equal(seen, [faces[3]])
    np.testing.assert_array_equal(cut_off, faces[:3])


def test_a_mirrored_frame_has_mirrored_faces() -> None:
    faces = np.array([[10, 5, 30, 25]], np.float32)
    frame = Frame(np.tile(np.arange(0, 250, 2, dtype=np.uint8), (40, 1)), faces, faces + 1)

    once = mirrored(frame, np.random.default_rng(0))
    twice = mirrored(once, np.random.default_rng(0))

    np.testing.assert_array_equal(once.faces, [[95, 5, 115, 25]])
    np.testing.assert_array_equal(once.unclear, [[94, 6, 114, 26]])
    np.testing.assert_array_equal(twice.faces, faces)
    assert once.pixels[0, 0] > once.pixels[0, -1]


def test_degrading_an_image_keeps_its_shape() -> None:
    pixels = np.tile(np.arange(128, dtype=np.uint8), (96, 1))

    spoiled = [degrade(pixels, np.random.default_rng(seed)) for seed in range(40)]

    assert {(each.shape, each.dtype.name) for each in spoiled} == {((96, 128), "uint8")}
    assert min(each.mean() for each in spoiled) < 25 < 60 < max(each.mean() for each in spoiled)


@pytest.mark.parametrize(("light", "lift"), [(0.01, 5), (0.02, 235), (0.0, 120)])
def test_a_face_that_light_leaves_nothing_of_is_neither_face_nor_background(light: float, lift: float) -> None:
    random = np.random.default_rng(0)
    pixels = stretch(random.integers(0, 256, (12, 16)).astype(np.uint8), SIZE[1], SIZE[0])
    seen, unseen = np.array([[10, 20, 40, 60]], np.float32), np.array([[70, 20, 100, 60]], np.float32)
    pixels[:, 64:] = (pixels[:, 64:] * light + lift).astype(np.uint8)

    frame = scenes.without_flat(Frame(pixels, np.concatenate([seen, unseen])))

    np.testing.assert_array_equal(frame.faces, seen)
    np.testing.assert_array_equal(frame.unclear, unseen)


def test_distractors_come_before_a_scene_but_never_lie_on_a_face(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "degrade", lambda pixels, *_: pixels)
    options = Synthesis(quartered=0, nobody=0, close=0, margins=0, dense=0, largest_px=60, most_faces=3)
    without, with_them = (
        SceneGenerator(collection, SIZE, replace(options, in_front=mean, drawn=0.8, faceless=0.2)) for mean in (0, 6)
    )

    changed = 0
    for number in range(20):
        before, after = without.scene((4, number)), with_them.scene((4, number))
        differs = before.pixels != after.pixels
        np.testing.assert_array_equal(before.faces, after.faces)
        changed += differs.sum()
        for left, top, right, bottom in np.maximum(after.faces, 0).astype(int):
            assert not differs[top + 1 : bottom, left + 1 : right].any()

    assert changed > 20 * 500


def test_nothing_is_hidden_by_a_soft_edge_either() -> None:
    canvas, haze = np.full((40, 40), 9, np.uint8), np.full((100, 100), 60, np.uint8)
    piece = Sprite(haze * 4, haze, NO_FACES)
    face = np.array([[15, 15, 25, 25]], np.float32)

    scenes.place(canvas, piece, face, np.eye(2), np.random.default_rng(0), hidden=0)
    assert (canvas == 9).all()

    scenes.place(canvas, piece, face, np.eye(2), np.random.default_rng(0))
    assert (canvas != 9).any()


@pytest.mark.parametrize(("nobody", "means"), [(0, [1.5, 2.0]), (1, [1.5, 4.0])])
def test_twice_as_many_distractors_are_in_front_where_nobody_is(
    nobody: float, means: list[float], collection: Collection
) -> None:
    asked = []

    class Noting(SceneGenerator):
        def _distract(self, canvas: np.ndarray, mean: float, *given: Any) -> None:
            asked.append(mean)

    options = Synthesis(quartered=0, close=0, nobody=nobody, distractors=1.5, in_front=2)
    Noting(collection, SIZE, options).scene((1, 2))

    assert asked == means


def test_scenes_of_nobody_show_large_heads_without_a_face(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "degrade", lambda pixels, *_: pixels)
    options = Synthesis(quartered=0, nobody=1, margins=0, distractors=0, in_front=0)
    painter = SceneGenerator(collection, SIZE, options)

    for share, others in (("FACELESS", ("BESIDE", "HOODS")), ("HOODS", ("BESIDE", "FACELESS"))):
        with monkeypatch.context() as patch:
            patch.setattr(scenes, share, 1)
            for other in others:
                patch.setattr(scenes, other, 0)
            frames = [painter.scene((6, number)) for number in range(5)]
        with monkeypatch.context() as patch:
            for each in (share, *others):
                patch.setattr(scenes, each, 0)
            plain = [painter.scene((6, number)) for number in range(5)]
        changed = [(ours.pixels != bare.pixels).mean() for ours, bare in zip(frames, plain, strict=True)]
        assert max(changed) > 0.1
        assert not any(len(frame.faces) for frame in frames)


def test_a_close_face_is_not_shown_a_second_time_beside_its_photograph(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []
    warp = cv2.warpAffine

    def noting(*given: Any, **options: Any) -> Any:
        used.append(options.get("borderMode", cv2.BORDER_CONSTANT))
        return warp(*given, **options)

    monkeypatch.setattr(cv2, "warpAffine", noting)
    painter = SceneGenerator(collection, SIZE, Synthesis(quartered=0, nobody=0, close=1))
    for number in range(40):
        painter.scene((8, number))

    assert set(used) == {cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE}
