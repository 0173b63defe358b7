"""Heads, tiles, occlusions and distractors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from edge.errors import DataError
from train.detector.recipe import Synthesis
from train.detector.synthesis import occlusions
from train.detector.synthesis.distractors import distractor
from train.detector.synthesis.drawing import Sprite
from train.detector.synthesis.occlusions import Thing, occlude
from train.detector.synthesis.poses import bow
from train.detector.synthesis.sprites import Collection, head, tile

PLAIN = Synthesis(worn=0, covered=0, bowed=0)


@pytest.mark.parametrize("height_px", [8.0, 33.0, 120.0])
@pytest.mark.parametrize("make", [head, tile])
def test_a_face_is_as_high_as_asked(collection: Collection, make: Callable[..., Sprite], height_px: float) -> None:
    piece = make(collection, height_px, replace(Synthesis(), bowed=0), np.random.default_rng(0))

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
    worn = head(collection, 40, replace(PLAIN, worn=1), np.random.default_rng(2))

    left, top, right, bottom = own.faces[0].astype(int)
    np.testing.assert_array_equal(own.faces[:, 1::2], worn.faces[:, 1::2])
    assert np.abs(own.pixels[top:bottom, left:right].astype(int) - worn.pixels[top:bottom, left:right]).mean() > 3


@pytest.mark.parametrize("seed", range(20))
def test_a_distractor_shows_no_face(collection: Collection, seed: int) -> None:
    piece = distractor(collection, 30, np.random.default_rng(seed))

    assert piece.faces.shape == (0, 4)
    assert piece.pixels.size
    assert piece.alpha.max() == 255


@pytest.mark.parametrize("kind", range(len(occlusions._KINDS)))
def test_an_occlusion_hides_a_part_of_the_face_and_nothing_far_from_it(
    kind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(occlusions, "_KINDS", (occlusions._KINDS[kind],))
    monkeypatch.setattr(occlusions, "_SHARES", (1.0,))
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200)).astype(np.uint8)
    face = np.array([80, 80, 120, 130], np.float32)

    shares = []
    for seed in range(10):
        changed = occlude(pixels, face, [], np.random.default_rng(seed)) != pixels
        shares.append(changed[80:130, 80:120].mean())
        changed[40:170, 40:160] = False
        assert not changed.any()

    assert 0.05 < np.mean(shares) < 0.7


def test_a_thing_may_be_held_before_a_face(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occlusions, "HELD_BEFORE", 1)
    white = np.full((30, 20), 255, np.uint8)
    pixels, face = np.zeros((200, 200), np.uint8), np.array([80, 80, 120, 130], np.float32)

    covered = occlude(pixels, face, [Thing("cup.png", white, white)], np.random.default_rng(0))

    assert 15 <= np.ptp(np.flatnonzero(covered.any(axis=1))) <= 36
    assert covered[105:, :].any()


def test_a_bowed_head_is_shorter_and_its_features_lie_lower(collection: Collection) -> None:
    pixels = np.zeros((200, 100), np.uint8)
    pixels[88:92] = 255  # eyes at 0.4 of a face from 50 to 150
    face = np.array([20, 50, 80, 150], np.float32)

    for seed in range(20):
        bowed, box = bow(pixels, face, np.random.default_rng(seed))
        eyes = (np.flatnonzero(bowed[:, 50] > 60).mean() - 50 * len(bowed) / 200) / (100 * len(bowed) / 200)
        assert box[3] <= 150
        assert eyes > 0.41 or 0.3 < eyes < 0.4


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
