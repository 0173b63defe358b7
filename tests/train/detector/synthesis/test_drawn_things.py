"""Things that are drawn: always the same for a seed, as large as asked, and no face among them."""

from __future__ import annotations

import numpy as np
import pytest

from train.detector.synthesis import faceless
from train.detector.synthesis.drawn_things import KINDS, Kind, draw, drawn_thing, texture
from train.detector.synthesis.faceless import faceless_head
from train.detector.synthesis.sprites import Collection, around


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_is_drawn_the_same_for_a_seed_and_differently_for_others(kind: Kind, collection: Collection) -> None:
    once, again = ([draw(kind, collection, 40, np.random.default_rng(seed)) for seed in range(20)] for _ in range(2))

    for ours, theirs in zip(once, again, strict=True):
        np.testing.assert_array_equal(ours.pixels, theirs.pixels)
        np.testing.assert_array_equal(ours.alpha, theirs.alpha)
    assert len({thing.pixels.tobytes() + thing.alpha.tobytes() for thing in once}) == 20


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("size_px", [7.0, 33.3, 290.0])
def test_every_kind_is_as_large_as_asked_and_visible(kind: Kind, size_px: float, collection: Collection) -> None:
    for seed in range(10):
        thing = draw(kind, collection, size_px, np.random.default_rng(seed))

        assert min(thing.pixels.shape) == pytest.approx(size_px, abs=1)
        assert thing.alpha.shape == thing.pixels.shape
        assert thing.alpha.max() > 20
        assert len(thing.faces) == 0


def test_all_kinds_occur(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def noting(kind: Kind) -> Kind:
        def draw_it(*given: object) -> object:
            drawn.append(kind)
            return kind(*given)  # type: ignore[arg-type]

        return draw_it  # type: ignore[return-value]

    kinds = {noting(kind): share for kind, share in KINDS.items()}
    monkeypatch.setattr("train.detector.synthesis.drawn_things.KINDS", kinds)
    random = np.random.default_rng(0)
    for _ in range(700):
        drawn_thing(collection, 14, random)

    assert set(drawn) == set(KINDS)


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_left_of_the_face_of_a_faceless_head(seed: int, collection: Collection) -> None:
    random = np.random.default_rng(seed)
    pixels, face = around(collection.heads[seed % len(collection.heads)], 40)

    hidden = faceless._hide(pixels, face, collection, random, texture(collection, random))

    left, top, right, bottom = face.astype(int)
    before, after = (each[top + 8 : bottom - 8, left + 8 : right - 8].astype(int) for each in (pixels, hidden))
    assert (np.abs(before - after) <= 1).mean() < 0.1


def test_a_faceless_head_has_no_face_and_may_be_cut_out(collection: Collection) -> None:
    random = np.random.default_rng(0)
    heads = [faceless_head(collection, 40, random, texture(collection, random)) for _ in range(20)]

    assert not any(len(head.faces) for head in heads)
    assert {int(head.alpha[0, 0]) for head in heads} == {0, 255}
