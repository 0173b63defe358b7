"""Reading photographs and their boxes: what is accepted, and what each bad file is told."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DataError
from train.data.photographs import Photograph, read_empty, read_labelled, read_wider

HEADER = "image,left_px,top_px,width_px,height_px\n"
WIDER_ROW = "10 20 30 40 0 0 0 0 0 0 \n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    (pictures / "0--Parade").mkdir(parents=True)
    for name in ("a.jpg", "b.png", "0--Parade/c.jpg"):
        cv2.imwrite(str(pictures / name), np.full((50, 80), 90, np.uint8))
    return pictures


def test_a_box_is_kept_as_its_sides_and_a_picture_without_a_row_shows_no_face(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text(HEADER + "a.jpg,1,2,10,20\na.jpg,-3.5,0,7,8\n")

    a, b = read_labelled(folder, tmp_path / "boxes.csv")

    assert a.pixels.shape == (50, 80)
    assert a.faces.tolist() == [[1, 2, 11, 22], [-3.5, 0, 3.5, 8]]
    assert b.faces.shape == (0, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image,left,top,width,height\na.jpg,1,2,3,4\n", "no column height_px, left_px, top_px, width_px"),
        (HEADER, "holds no box"),
        (HEADER + "a.jpg,1,2,x,4\n", "line 2: ['1', '2', 'x', '4'] are no four numbers"),
        (HEADER + "a.jpg,1,2\n", "are no four numbers"),
        (HEADER + "a.jpg,1,2,nan,4\n", "line 2: the box is nan wide and 4 high"),
        (HEADER + "a.jpg,1,2,3,0\n", "line 2: the box is 3 wide and 0 high, expected more than 0"),
        (HEADER + "absent.jpg,1,2,3,4\n", "absent.jpg: cannot be read, expected a JPEG or PNG file"),
    ],
)
def test_a_bad_csv_is_told_its_line(folder: Path, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "boxes.csv").write_text(content)

    with pytest.raises(DataError, match=re.escape(message)):
        read_labelled(folder, tmp_path / "boxes.csv")


def test_an_absent_csv_and_a_folder_without_pictures_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv: cannot be read"):
        read_labelled(folder, tmp_path / "absent.csv")
    with pytest.raises(DataError, match=r"holds no picture, expected \.jpg or \.png"):
        read_empty(tmp_path)


def test_every_picture_of_a_folder_without_faces_is_read(folder: Path) -> None:
    empty = read_empty(folder)

    assert [photograph.name for photograph in empty] == ["a.jpg", "b.png"]
    assert all(photograph.faces.shape == (0, 4) for photograph in empty)


def test_wider_leaves_out_invalid_faces_and_pictures_without_others(folder: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    invalid = "5 5 9 9 0 0 0 1 0 0 \n"
    none = "b.png\n0\n0 0 0 0 0 0 0 0 0 0 \n"
    labels.write_text("0--Parade/c.jpg\n2\n" + WIDER_ROW + invalid + none + "a.jpg\n1\n" + invalid)

    (only,) = read_wider(labels, folder)

    assert only.name == "0--Parade/c.jpg"
    np.testing.assert_allclose(only.faces, [[10, 20, 40, 60]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a.jpg\nmany\n", "line 2: is no count of faces, as WIDER FACE has after 'a.jpg'"),
        ("a.jpg\n", "line 2: is no count"),
        ("a.jpg\n2\n" + WIDER_ROW, "ends after 1 of 2 faces of 'a.jpg'"),
        ("a.jpg\n1\n10 20 30 40\n", "line 3: has 4 numbers, expected 10"),
        ("a.jpg\n1\n10 20 0 40 0 0 0 0 0 0\n", "line 3: the box is 0 wide"),
    ],
)
def test_a_bad_label_file_of_wider_is_told_its_line(folder: Path, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "labels.txt").write_text(content)

    with pytest.raises(DataError, match=re.escape(message)):
        read_wider(tmp_path / "labels.txt", folder)


def test_about_a_tenth_is_held_back_and_always_the_same() -> None:
    pictures = [
        Photograph(f"{n:06}.jpg", np.zeros((1, 1), np.uint8), np.empty((0, 4), np.float32)) for n in range(2000)
    ]

    held_back = [photograph.name for photograph in pictures if photograph.is_held_back]

    assert 150 < len(held_back) < 250
    assert held_back[:2] == ["000004.jpg", "000005.jpg"]
