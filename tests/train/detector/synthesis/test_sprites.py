"""Heads, tiles, covers and distractors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from edge.errors import DataError
from train.detector.recipe import Synthesis
from train.detector.synthesis import occlusions as covers
from train.detector.synthesis.distractors import distractor
from train.detector.synthesis.drawing import Sprite
from train.detector.synthesis.occlusions import occlude
from train.detector.synthesis.sprites import Collection, head, tile

PLAIN = Synthesis(swapped=0, covered=0)


@pytest.mark.parametrize("height_px", [8.0, 33.0, 120.0])
@pytest.mark.parametrize("make", [head, tile])
def test_a_face_is_as_high_as_asked(collection: Collection, make: Callable[..., Sprite], height_px: float) -> None:
    piece = make(collection, height_px, Synthesis(), np.random.default_rng(0))

    ((left, top, right, bottom),) = piece.faces
    assert bottom - top == pytest.approx(height_px, rel=0.01)
    assert 0.6 < (right - left) / (bottom - top) < 0.9
    assert piece.alpha.shape == piece.pixels.shape


def test_a_head_is_seen_around_its_face_and_fades_towards_the_corners(collection: Collection) -> None:
    piece = head(collection, 60, PLAIN, np.random.default_rng(1))

    left, top, right, bottom = piece.faces[0].astype(int)
    assert piece.alpha[(top + bottom) // 2, (left + right) // 2] == 255
    assert piece.alpha[0, 0] == piece.alpha[0, -1] == 0


def test_a_head_may_wear_another_face(collection: Collection) -> None:
    own = head(collection, 40, PLAIN, np.random.default_rng(2))
    worn = head(collection, 40, replace(PLAIN, swapped=1), np.random.default_rng(2))

    left, top, right, bottom = own.faces[0].astype(int)
    np.testing.assert_array_equal(own.faces, worn.faces)
    assert np.abs(own.pixels[top:bottom, left:right].astype(int) - worn.pixels[top:bottom, left:right]).mean() > 3


@pytest.mark.parametrize("seed", range(20))
def test_a_distractor_shows_no_face(collection: Collection, seed: int) -> None:
    piece = distractor(collection, 30, np.random.default_rng(seed))

    assert piece.faces.shape == (0, 4)
    assert piece.pixels.size
    assert piece.alpha.max() == 255


@pytest.mark.parametrize("kind", range(len(covers._KINDS)))
def test_a_cover_hides_a_part_of_the_face_and_nothing_far_from_it(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covers, "_KINDS", (covers._KINDS[kind],))
    monkeypatch.setattr(covers, "_SHARES", (1.0,))
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200)).astype(np.uint8)
    face = np.array([80, 80, 120, 130], np.float32)

    shares = []
    for seed in range(10):
        changed = occlude(pixels, face, np.random.default_rng(seed)) != pixels
        shares.append(changed[80:130, 80:120].mean())
        changed[40:150, 50:150] = False
        assert not changed.any()

    assert 0.05 < np.mean(shares) < 0.7


def test_what_is_held_back_is_not_learned_from(collection: Collection) -> None:
    training, held_back = collection.split(collection.faces[:1])

    names = [{photograph.name for photograph in part.photographs} for part in (training, held_back)]
    assert all(names)
    assert not names[0] & names[1]
    assert len(names[0] | names[1]) == len(collection.photographs)
    assert len(held_back.faces) == 1


def test_a_collection_needs_photographs_with_and_without_faces(collection: Collection) -> None:
    with pytest.raises(DataError, match="0 photographs of one face and 30 without any; expected some of both"):
        Collection([], collection.empty, collection.faces)
    with pytest.raises(DataError, match="40 photographs of one face and 0 without any"):
        Collection(collection.photographs, [], collection.faces)
