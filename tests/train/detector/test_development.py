"""The development set: what it holds, and that it is always the same."""

from __future__ import annotations

import numpy as np
import pytest

from train.detector.development import FRAME_PX, SETS_WITH_FACES, SETS_WITHOUT_FACES, compose
from train.detector.synthesis.sprites import Collection


@pytest.fixture(scope="module")
def held_back(collection: Collection) -> Collection:
    return collection


def test_every_set_is_there_and_those_without_faces_have_none(held_back: Collection) -> None:
    clips = held_back.photographs[:2]

    sets = compose(held_back, clips, share=0.04)

    assert {name: len(frames) for name, frames in sets.items()} == {
        "scenes": 8,
        "mosaics": 2,
        "clips": 2,
        "covered": 4,
        "turned": 4,
        "dark": 4,
        "empty": 30,
        "backdrops": 8,
    }
    assert {len(frame.faces) > 0 for name in SETS_WITH_FACES for frame in sets[name]} == {True}
    assert not any(len(frame.faces) for name in SETS_WITHOUT_FACES for frame in sets[name])


def test_a_mosaic_shows_whole_photographs_beside_each_other(held_back: Collection) -> None:
    six, twenty = compose(held_back, [], share=0.04)["mosaics"]

    assert six.pixels.shape == FRAME_PX
    assert (len(six.faces), len(twenty.faces)) == (6, 20)
    for left, top, right, bottom in six.faces.round().astype(int):
        assert six.pixels[top:bottom, left:right].std() > 20  # drawn faces, not the plain picture around them


def test_turned_faces_are_narrower_than_those_of_scenes(held_back: Collection) -> None:
    sets = compose(held_back, [], share=0.1)

    def width(name: str) -> float:
        left, top, right, bottom = np.concatenate([frame.faces for frame in sets[name]]).T
        return float(np.mean((right - left) / (bottom - top)))

    assert width("turned") < 0.95 * width("scenes")


def test_dark_frames_are_the_first_scenes_at_a_sixth_of_the_light(held_back: Collection) -> None:
    sets = compose(held_back, [], share=0.02)

    for light, dark in zip(sets["scenes"], sets["dark"], strict=False):
        np.testing.assert_array_equal(light.faces, dark.faces)
        assert dark.pixels.mean() == pytest.approx(light.pixels.mean() / 6, abs=2)


def test_it_is_the_same_every_time(held_back: Collection) -> None:
    once, again = (compose(held_back, [], share=0.02) for _ in range(2))

    for name in once:
        for ours, theirs in zip(once[name], again[name], strict=True):
            np.testing.assert_array_equal(ours.pixels, theirs.pixels)
