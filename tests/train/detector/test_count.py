"""Counting people on invented films."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.records import Face, Pixels
from edge.vision.crop import CropRule
from train.detector.count import KINDS, Film, Person, count_people, invent, measure_counts
from train.detector.synthesis.drawing import Sprite
from train.detector.synthesis.sprites import Collection

ROOM = np.full((480, 640), 100, np.uint8)
BOX = np.array([[0, 0, 40, 50]], np.float32)


def square(grey: int) -> Sprite:
    return Sprite(np.full((50, 40), grey, np.uint8), np.full((50, 40), 255, np.uint8), BOX)


def person(*way: tuple[float, float], height: float = 200, away_s: tuple[tuple[float, float], ...] = ()) -> Person:
    """Someone white from the front and black from behind, at x at each time."""
    times_s, xs = zip(*way, strict=True)
    return Person(square(255), square(0), times_s, np.array([[x, height] for x in xs], float), away_s)


class WhiteSquares:
    """Finds what is white."""

    name = "white"
    crop_rule = CropRule(1.0)

    def detect(self, pixels: Pixels) -> tuple[Face, ...]:
        _, _, boxes, _ = cv2.connectedComponentsWithStats((pixels > 200).astype(np.uint8))
        return tuple(Face(x, y, x + w, y + h, 0.9) for x, y, w, h, area in boxes[1:].tolist() if area > 300)


@pytest.mark.parametrize(
    ("people", "counted"),
    [
        ([person((0, 100), (20, 100)), person((0, 400), (20, 400))], 2),
        ([person((0, 100), (20, 100), away_s=((4, 9), (12, 19)))], 1),
        ([person((3, -50), (8, 690), height=100), person((4, 690), (9, -50), height=300)], 2),
        ([person((0, 100), (20, 100), away_s=((0, 21),))], 0),
    ],
    ids=["seated", "turning away", "passing by", "never facing the camera"],
)
def test_everybody_who_shows_the_face_is_counted_once(people: list[Person], counted: int) -> None:
    assert count_people(WhiteSquares(), Film("seated", ROOM, people)) == counted


def test_invented_films_are_always_the_same_and_show_people(collection: Collection) -> None:
    films, again = list(invent(collection, 1)), list(invent(collection, 1))

    assert [film.kind for film in films] == list(KINDS)
    for film, copy in zip(films, again, strict=True):
        np.testing.assert_array_equal(film.frame(80), copy.frame(80))
        assert film.people
        assert any((film.frame(number) != Film(film.kind, film.room, []).frame(number)).any() for number in (20, 100))


def test_who_turns_away_shows_no_face() -> None:
    away = person((0, 100), (20, 100), away_s=((4, 9),))
    film = Film("restless", ROOM, [away])

    assert WhiteSquares().detect(film.frame(30))
    assert not WhiteSquares().detect(film.frame(50))


def test_the_table_has_the_mean_error_of_each_kind() -> None:
    right = Film(KINDS[0], ROOM, [person((0, 100), (20, 100))])
    unseen = Film(KINDS[1], ROOM, [person((0, 100), (20, 100), away_s=((0, 21),))])

    table = measure_counts([WhiteSquares()], [right, unseen]).splitlines()

    assert table[2:] == ["| seated | 1 | 0.0% |", "| restless | 1 | 100.0% |", "| all | 2 | 50.0% |"]
