"""Where faces are looked for, on pictures of squares; ``test_looking.py`` has films of faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edge.records import Face, Frame, Pixels
from edge.vision.movement import Cells, Movement

FACE = Face(200, 96, 280, 192, 0.9)


def room(noise: float = 0.0, seed: int = 0) -> Pixels:
    random = np.random.default_rng(seed)
    scene = np.random.default_rng(99).integers(60, 200, (60, 80)).repeat(8, 0).repeat(8, 1)
    return np.clip(scene + noise * random.standard_normal(scene.shape), 0, 255).astype(np.uint8)


def with_square(pixels: Pixels, left: int, top: int, side: int, more: int = 60) -> Pixels:
    pixels[top : top + side, left : left + side] += np.uint8(more)
    return pixels


def looks(pictures: Sequence[Pixels], faces: Sequence[Face] = (), *, every_s: float = 0.1) -> list[Cells | None]:
    """Where each picture is looked at."""
    movement = Movement()
    return [movement.find(Frame(index, index * every_s, each), faces) for index, each in enumerate(pictures)]


def kinds(found: Sequence[Cells | None]) -> list[str]:
    return ["nowhere" if each is None else "everywhere" if each.all() else "somewhere" for each in found]


def test_the_first_picture_is_looked_at_everywhere_and_the_same_again_nowhere() -> None:
    assert kinds(looks([room(), room()])) == ["everywhere", "nowhere"]


@pytest.mark.parametrize("noise", [5, 12])
def test_the_noise_of_a_webcam_is_no_movement(noise: float) -> None:
    assert kinds(looks([room(noise, seed) for seed in range(9)]))[1:] == ["nowhere"] * 8


@pytest.mark.parametrize("place", [(0, 0), (600, 440), (304, 0), (320, 240), (0, 200)])
def test_where_a_face_may_have_come_is_looked_at_and_nowhere_else(place: tuple[int, int]) -> None:
    left, top = place

    _, found = looks([room(), with_square(room(), left, top, 40)])

    assert found is not None
    rows, columns = np.nonzero(found)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (
        top // 8,
        top // 8 + 4,
        left // 8,
        left // 8 + 4,
    )


def test_the_smaller_a_face_may_be_the_less_has_to_change() -> None:
    pictures = [Frame(0, 0, room()), Frame(1, 0.1, with_square(room(), 320, 240, 16))]
    small, usual = Movement(16), Movement(40)

    assert [kinds([movement.find(each) for each in pictures])[1] for movement in (small, usual)] == [
        "somewhere",
        "nowhere",
    ]


def test_at_a_known_face_a_movement_by_one_pixel_is_enough() -> None:
    before, after = room(), room()
    before[100:180, 210:270] = after[100:180, 211:271] = 230

    assert kinds(looks([before, after], [FACE])) == ["everywhere", "somewhere"]
    assert kinds(looks([before, after])) == ["everywhere", "nowhere"]


def test_who_comes_slowly_is_looked_at_once_enough_has_changed() -> None:
    pictures = [room()] + [with_square(room(), 320, 240, side) for side in range(4, 44, 4)]

    found = kinds(looks(pictures, every_s=0.05))

    assert found[:5] == ["everywhere"] + ["nowhere"] * 4
    assert "somewhere" in found[5:]


def test_what_has_been_looked_at_is_not_looked_at_again_until_it_changes() -> None:
    moved = with_square(room(), 320, 240, 80)

    assert kinds(looks([room(), moved, moved, room()])) == ["everywhere", "somewhere", "nowhere", "somewhere"]


def test_all_is_looked_at_once_a_second_whatever_moves() -> None:
    pictures = [with_square(room(), 10 * index, 240, 80) for index in range(25)]

    found = kinds(looks(pictures, [FACE]))

    assert [index for index, each in enumerate(found) if each == "everywhere"] == [0, 10, 20]


def test_a_room_that_stays_empty_and_still_is_looked_at_every_five_seconds() -> None:
    found = kinds(looks([room(3, seed % 7) for seed in range(300)]))

    assert [index for index, each in enumerate(found) if each == "everywhere"] == [
        *range(0, 91, 10),
        140,
        190,
        240,
        290,
    ]


def test_a_still_room_with_somebody_in_it_is_looked_at_every_second() -> None:
    found = kinds(looks([room(3, seed % 7) for seed in range(300)], [FACE]))

    assert found.count("everywhere") == 30


def test_a_face_of_little_contrast_ends_the_longer_interval() -> None:
    empty = [room(3, seed % 7) for seed in range(150)]
    faint = [with_square(room(3, seed % 7), 320, 256, 64, more=4) for seed in range(50)]

    found = kinds(looks([*empty, *faint]))

    assert "everywhere" in found[150:152]
    assert found[152:].count("everywhere") >= 4


def test_a_light_that_fades_costs_no_more_than_a_look_a_second() -> None:
    fading = [(room() * (1 - index / 400)).astype(np.uint8) for index in range(200)]

    found = kinds(looks(fading))

    assert found.count("everywhere") <= 20
    assert found.count("somewhere") <= 20


def test_after_the_camera_was_closed_all_is_looked_at() -> None:
    movement = Movement()
    movement.find(Frame(0, 0, room()))

    movement.forget()

    assert kinds([movement.find(Frame(1, 0.1, room()))]) == ["everywhere"]


@pytest.mark.parametrize("shape", [(1, 1), (7, 640), (481, 641)])
def test_frames_of_any_size_are_compared(shape: tuple[int, int]) -> None:
    grey = np.full(shape, 9, np.uint8)

    assert kinds(looks([room(), grey, grey])) == ["everywhere", "everywhere", "nowhere"]
