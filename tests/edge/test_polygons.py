"""Polygons: which are good, and whether they leave anything of a picture."""

from __future__ import annotations

import math

import pytest

from edge.polygons import complaint, cover_all

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
RIGHT = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))


@pytest.mark.parametrize(
    ("polygon", "problem"),
    [
        (WHOLE, None),
        (((0.1, 0.1), (0.9, 0.1), (0.5, 0.9)), None),
        (((0, 0), (0.5, 0.2), (1, 0), (0.5, 1)), None),  # not convex
        ((), "has 0 points; expected at least three"),
        (((0, 0), (1, 1)), "has 2 points; expected at least three"),
        (((0, 0), (1.5, 0), (1, 1)), "has the point [1.5, 0]; expected two shares of the picture, each from 0 to 1"),
        (((0, 0), (1, -0.1), (1, 1)), "has the point [1, -0.1]; expected two shares"),
        (((0, 0), (1, 0, 0), (1, 1)), "has the point [1, 0, 0]; expected two shares"),
        (((0, 0), (math.nan, 0), (1, 1)), "has the point [nan, 0]; expected two shares"),
        (((0, 0), (1, 1), (1, 0), (0, 1)), "crosses itself"),
        (((0.5, 0), (0.8, 1), (0, 0.4), (1, 0.4), (0.2, 1)), "crosses itself"),
        (((0, 0), (0.5, 0.5), (1, 1)), "has no area"),
        (((0.2, 0.2), (0.2, 0.2), (0.2, 0.2)), "has no area"),
    ],
)
def test_a_polygon_is_good_or_told_what_is_wrong(polygon: tuple[tuple[float, ...], ...], problem: str | None) -> None:
    told = complaint(polygon)

    assert told is None if problem is None else told is not None and told.startswith(problem)


def test_several_polygons_may_cover_the_picture_together() -> None:
    assert cover_all([WHOLE])
    assert cover_all([LEFT, RIGHT])
    assert not cover_all([LEFT])
    assert not cover_all([LEFT, ((0.5, 0.0), (1.0, 0.0), (1.0, 0.9), (0.5, 0.9))])
    assert not cover_all([])
