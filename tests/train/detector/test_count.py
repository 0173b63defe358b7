"""Counting people on invented films."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.records import Face, Pixels
from edge.vision.crop import CropRule
from edge.vision.movement import Cells
from train.detector.count import FPS, KINDS, Film, Person, invent, measure_counts, watch
from train.detector.synthesis.drawing import Sprite
from train.detector.synthesis.sprites import Collection

ROOM = np.full((480, 640), 100, np.uint8)
BOX = np.array([[0, 0, 40, 50]], np.float32)


def square(grey: int, face: bool = True) -> Sprite:
    return Sprite(np.full((50, 40), grey, np.uint8), np.full((50, 40), 255, np.uint8), BOX if face else BOX[:0])


def person(*way: tuple[float, float], height: float = 200, away_s: tuple[tuple[float, float], ...] = ()) -> Person:
    """Someone white from the front and black from behind, at x at each time."""
    times_s, xs = zip(*way, strict=True)
    return Person(square(255), square(0, face=False), times_s, np.array([[x, height] for x in xs], float), away_s)


class WhiteSquares:
    """Finds what is white."""

    name = "white"
    crop_rule = CropRule(1.0)
    unsure: tuple[Face, ...] = ()

    def detect(self, pixels: Pixels, moved: Cells | None = None) -> tuple[Face, ...]:
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
    assert watch(WhiteSquares(), Film("seated", ROOM, people)).people == counted


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

    assert len(WhiteSquares().detect(film.frame(30))) == len(film.faces(30)) == 1
    assert len(WhiteSquares().detect(film.frame(50))) == len(film.faces(50)) == 0


def test_a_tilted_face_is_where_it_was_and_still_seen() -> None:
    upright = person((0, 100), (20, 100))
    tilted = Person(square(255), square(255), (0, 20), upright.places, ((0, 20),), tilt_deg=90)

    (face,) = WhiteSquares().detect(Film("tilting", ROOM, [tilted]).frame(0))

    assert face.width_px > face.height_px
    assert np.abs(tilted.faces(0.0)[0] - [face.left_px, face.top_px, face.right_px, face.bottom_px]).max() < 2


def test_faces_are_in_view_once_confirmed_and_tracks_without_a_face_are_astray() -> None:
    room = ROOM.copy()
    room[20:70, 400:440] = 255
    film = Film("seated", room, [person((0, 100), (20, 100))])

    watched = watch(WhiteSquares(), film)

    detections = 20 * FPS / 3
    assert watched.in_view == pytest.approx(1 - 1 / detections, abs=0.002)
    assert watched.astray == 0.5


def test_pale_pictures_of_heads_hang_where_people_leave(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_pictures = {film.kind: film for film in invent(collection, 1)}
    monkeypatch.setattr("train.detector.count._hang", lambda *_: None)
    without = {film.kind: film for film in invent(collection, 1)}

    for kind in KINDS:
        film, bare = with_pictures[kind], without[kind]
        changed = film.room != bare.room
        assert changed.any() == (kind == "leaving pictures")
    hung = with_pictures["leaving pictures"]
    for x, y in (person.places[1].astype(int) for person in hung.people):
        assert (hung.room != without["leaving pictures"].room)[y - 5 : y + 5, x - 5 : x + 5].any()


def test_the_tables_have_the_means_of_each_kind() -> None:
    right = Film(KINDS[0], ROOM, [person((0, 100), (20, 100))])
    unseen = Film(KINDS[1], ROOM, [person((0, 100), (20, 100), away_s=((0, 21),))])

    table = measure_counts([WhiteSquares()], [right, unseen]).splitlines()

    assert table[0] == "| error of the count | films | white |"
    assert table[2:5] == ["| seated | 1 | 0.0% |", "| restless | 1 | 100.0% |", "| all | 2 | 50.0% |"]
    assert table[8:11] == ["| seated | 1 | 98.5% |", "| restless | 1 | 0.0% |", "| all | 2 | 49.3% |"]
    assert table[14:] == ["| seated | 1 | 0.0% |", "| restless | 1 | 0.0% |", "| all | 2 | 0.0% |"]
