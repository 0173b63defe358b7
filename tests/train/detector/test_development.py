"""The development set: what it holds, and that it is always the same."""

from __future__ import annotations

import numpy as np
import pytest

from train.detector.development import FRAME_PX, FULL, NEAR, SETS_WITH_FACES, SETS_WITHOUT_FACES, compose
from train.detector.synthesis.sprites import Collection


@pytest.fixture(scope="module")
def held_back(collection: Collection) -> Collection:
    return collection


def test_every_set_is_there_and_those_of_nobody_show_none(held_back: Collection) -> None:
    clips = held_back.photographs[:2]

    sets = compose(held_back, clips, share=0.05)

    assert {name: len(frames) for name, frames in sets.items()} == {
        "scenes": 8,
        "mosaics": 2,
        "clips": 2,
        "heads": 5,
        "masks": 5,
        "near": 5,
        "full": 10,
        "covered": 4,
        "turned": 4,
        "bowed": 4,
        "dark": 4,
        "blown": 4,
        "empty": 30,
        "objects": 8,
        "people": 8,
    }
    assert {len(frame.faces) > 0 for name in SETS_WITH_FACES for frame in sets[name]} == {True}
    assert not any(len(frame.faces) for name in SETS_WITHOUT_FACES for frame in sets[name])


def test_a_mosaic_shows_whole_photographs_beside_each_other(held_back: Collection) -> None:
    six, twenty = compose(held_back, [], share=0.05)["mosaics"]

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


def test_full_faces_fill_the_frame_or_overflow_it(held_back: Collection) -> None:
    sets = compose(held_back, [], share=0.05)

    for name, (least, most) in (("near", NEAR), ("full", FULL)):
        heights = np.concatenate([np.ptp(frame.faces[:, 1::2], axis=1) for frame in sets[name]]) / FRAME_PX[0]
        assert least - 0.01 <= heights.min() < heights.max() <= most + 0.01


def test_dark_and_overexposed_frames_show_the_same_faces_in_another_light(held_back: Collection) -> None:
    sets = compose(held_back, [], share=0.03)

    for dark, blown in zip(sets["dark"], sets["blown"], strict=True):
        np.testing.assert_array_equal(dark.faces, blown.faces)
        assert dark.pixels.mean() < 34 < blown.pixels.mean()


def test_it_is_the_same_every_time(held_back: Collection) -> None:
    once, again = (compose(held_back, [], share=0.02) for _ in range(2))

    for name in once:
        for ours, theirs in zip(once[name], again[name], strict=True):
            np.testing.assert_array_equal(ours.pixels, theirs.pixels)
