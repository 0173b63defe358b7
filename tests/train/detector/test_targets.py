"""Which cells predict a face."""

from __future__ import annotations

import numpy as np
import pytest

from train.detector.targets import DOUBT, FACE, Grid

GRID = Grid((192, 256))


def face(x: float, y: float, height: float) -> np.ndarray:
    return np.array([[x - 0.38 * height, y - height / 2, x + 0.38 * height, y + height / 2]], np.float32)


@pytest.mark.parametrize("height", [8, 12, 20, 30, 41, 60, 81, 120, 190])
@pytest.mark.parametrize(("x", "y"), [(100, 90), (103.9, 95.9), (20, 180)])
def test_every_face_has_cells_that_predict_it_and_lie_in_it(height: float, x: float, y: float) -> None:
    (box,) = face(x, y, height)

    cells = GRID.assign(face(x, y, height))

    answering = cells[:, 0] == FACE
    centres = GRID.centres()[answering]
    assert answering.any()
    assert (np.abs(centres[:, :2] - [x, y]) <= np.maximum((box[2:] - box[:2]) / 2, centres[:, 2:] / 2)).all()
    np.testing.assert_array_equal(cells[answering, 1:], np.tile(box, (answering.sum(), 1)))


@pytest.mark.parametrize(
    ("height", "strides"),
    [(10, {8}), (35, {8, 16}), (45, {16}), (70, {16, 32}), (100, {32}), (140, {32, 64}), (190, {64}), (400, {64})],
)
def test_a_face_belongs_to_the_maps_of_its_size(height: float, strides: set[int]) -> None:
    cells = GRID.assign(face(128, 96, height))

    assert set(GRID.centres()[cells[:, 0] == FACE, 2].astype(int)) == strides


def test_neighbouring_maps_ignore_a_face_of_nearly_their_size() -> None:
    cells = GRID.assign(face(128, 96, 45))

    assert set(GRID.centres()[cells[:, 0] == DOUBT, 2].astype(int)) == {8, 32}


def test_the_cell_beside_a_small_face_is_not_told_that_it_is_nothing() -> None:
    cells = GRID.assign(face(103.9, 92, 10))  # between the cells with centres at 100 and 108

    beside = np.abs(GRID.centres() - [108, 92, 8]).sum(axis=1) == 0
    assert cells[beside, 0] == DOUBT
    assert (cells[:, 0] == FACE).sum() == 1


def test_a_face_too_small_to_be_told_is_ignored() -> None:
    cells = GRID.assign(face(100, 92, 6))

    assert (cells[:, 0] == DOUBT).any()
    assert not (cells[:, 0] == FACE).any()


@pytest.mark.parametrize("height", [10, 30, 45, 100, 400])
def test_an_unclear_face_is_neither_face_nor_background(height: float) -> None:
    cells = GRID.assign(face(200, 150, 20), unclear=face(100, 90, height))
    alone = GRID.assign(face(200, 150, 20))
    clear = GRID.assign(face(100, 90, height))

    answering, changed = clear[:, 0] == FACE, (cells != alone).any(axis=1)
    assert (cells[answering, 0] == DOUBT).all()
    assert (cells[changed, 0] == DOUBT).all()
    centres = GRID.centres()[changed]
    assert (np.abs(centres[:, :2] - [100, 90]) <= np.maximum(height / 2, centres[:, 2:])).all()


def test_of_overlapping_faces_the_smaller_has_the_cell() -> None:
    both = np.concatenate([face(100, 90, 12), face(100, 90, 30)])

    cells = GRID.assign(both)

    nearest = np.abs(GRID.centres() - [100, 90, 8]).sum(axis=1).argmin()
    np.testing.assert_array_equal(cells[nearest, 1:], both[0])


def test_an_empty_image_has_no_targets_and_a_face_may_cross_the_border() -> None:
    nothing = GRID.assign(np.empty((0, 4), np.float32))
    beyond = GRID.assign(np.array([[240, 180, 300, 260]], np.float32))

    assert nothing.shape == (24 * 32 + 12 * 16 + 6 * 8 + 3 * 4, 5)
    assert not nothing.any()
    assert beyond.shape == nothing.shape
