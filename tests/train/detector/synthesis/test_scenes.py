"""Scenes: drawn again from their key, faces where they are said to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.vision.detector.decode import overlaps
from train.detector.recipe import Synthesis
from train.detector.synthesis import scenes
from train.detector.synthesis.degrade import degrade
from train.detector.synthesis.scenes import Frame, SceneGenerator, mirrored
from train.detector.synthesis.sprites import Collection

SIZE = (96, 128)


@pytest.fixture
def generator(collection: Collection) -> SceneGenerator:
    return SceneGenerator(collection, SIZE, Synthesis(largest_px=80))


def test_a_key_draws_the_same_scene_in_any_order(generator: SceneGenerator) -> None:
    first = [generator.scene((3, 0, number)) for number in range(8)]
    again = [generator.scene((3, 0, number)) for number in reversed(range(8))][::-1]

    for ours, theirs in zip(first, again, strict=True):
        np.testing.assert_array_equal(ours.pixels, theirs.pixels)
        np.testing.assert_array_equal(ours.faces, theirs.faces)
    assert len({frame.pixels.tobytes() for frame in first}) == 8


def test_faces_lie_in_the_image_and_do_not_hide_each_other(generator: SceneGenerator) -> None:
    counts = []
    for number in range(60):
        faces = generator.scene((0, number)).faces
        ratios = overlaps(faces, faces) - np.eye(len(faces))
        assert (faces >= 0).all()
        assert (faces <= [SIZE[1], SIZE[0]] * 2).all()
        assert ratios.max(initial=0) < 0.25
        counts.append(len(faces))

    assert 0 in counts
    assert max(counts) > 5


def test_faces_are_where_they_are_said_to_be(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "degrade", lambda pixels, _: pixels)
    options = Synthesis(nobody=0, crowds=0, tiles=1, covered=0, swapped=0, smallest_px=40, largest_px=40)
    generator = SceneGenerator(collection, SIZE, replace(options, most_faces=1))

    for number in range(10):
        frame = generator.scene((1, number))
        backdrop = generator.backdrop((1, number))
        changed = (frame.pixels != backdrop) & (frame.pixels != backdrop[:, ::-1])
        rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
        left, top, right, bottom = frame.faces[0]
        assert rows[0] <= top + 1
        assert bottom - 1 <= rows[-1] + 1
        assert columns[0] <= left + 1
        assert right - 1 <= columns[-1] + 1


def test_a_scene_can_be_drawn_on_the_backdrop_of_another(
    generator: SceneGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "degrade", lambda pixels, _: pixels)
    generator.options = replace(generator.options, nobody=1)
    backdrop = generator.backdrop((7, 7))

    pixels = generator.scene((0, 1), (7, 7)).pixels

    assert np.array_equal(pixels, backdrop) or np.array_equal(pixels, backdrop[:, ::-1])


def test_a_mirrored_frame_has_mirrored_faces() -> None:
    faces = np.array([[10, 5, 30, 25]], np.float32)
    frame = Frame(np.tile(np.arange(0, 250, 2, dtype=np.uint8), (40, 1)), faces)

    once = mirrored(frame, np.random.default_rng(0))
    twice = mirrored(once, np.random.default_rng(0))

    np.testing.assert_array_equal(once.faces, [[95, 5, 115, 25]])
    np.testing.assert_array_equal(twice.faces, faces)
    assert once.pixels[0, 0] > once.pixels[0, -1]


def test_degrading_an_image_keeps_its_shape() -> None:
    pixels = np.tile(np.arange(128, dtype=np.uint8), (96, 1))

    spoiled = [degrade(pixels, np.random.default_rng(seed)) for seed in range(40)]

    assert {(each.shape, each.dtype.name) for each in spoiled} == {((96, 128), "uint8")}
    assert min(each.mean() for each in spoiled) < 25 < 60 < max(each.mean() for each in spoiled)
