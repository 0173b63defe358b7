"""Polygons in shares of a picture: (0, 0) is the left upper corner, (1, 1) the right lower one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
Polygon: TypeAlias = tuple[Point, ...]

_LEAST_AREA = 1e-4
"""A hundredth of the picture's width and height; smaller is a slip of the hand."""
_GRID = 64
"""The picture is looked at in so many columns and rows; what is left between them has no room for a face."""


def complaint(polygon: Sequence[Sequence[float]]) -> str | None:
    """What is wrong with a polygon; None for a good one."""
    if len(polygon) < 3:
        return f"has {len(polygon)} points; expected at least three"
    for point in polygon:
        if len(point) != 2 or not all(0 <= share <= 1 for share in point):
            return f"has the point {list(point)}; expected two shares of the picture, each from 0 to 1"
    points: Polygon = tuple((x, y) for x, y in polygon)
    edges = list(zip(points, (*points[1:], points[0]), strict=True))
    if any(_cross(a, b) for a, b in combinations(edges, 2)):
        return "crosses itself; expected corners in the order in which one walks around it"
    if abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in edges)) / 2 < _LEAST_AREA:
        return "has no area"
    return None


def cover_all(polygons: Sequence[Polygon]) -> bool:
    """Whether nothing of the picture is left."""
    middles = [(step + 0.5) / _GRID for step in range(_GRID)]
    return all(any(_inside(polygon, x, y) for polygon in polygons) for x in middles for y in middles)


def _inside(polygon: Polygon, x: float, y: float) -> bool:
    """Whether a ray from the point to the right crosses the border an odd number of times."""
    inside = False
    for (ax, ay), (bx, by) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            inside = not inside
    return inside


def _cross(a: tuple[Point, Point], b: tuple[Point, Point]) -> bool:
    """Whether two edges cross in their interiors; neighbours share a corner only."""
    return _side(*a, b[0]) * _side(*a, b[1]) < 0 and _side(*b, a[0]) * _side(*b, a[1]) < 0


def _side(start: Point, end: Point, point: Point) -> float:
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])
