"""Reading photographs and their boxes: what is accepted, and the error for each bad file."""

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
    images = tmp_path / "images"
    (images / "0--Parade").mkdir(parents=True)
    for name in ("a.jpg", "b.png", "0--Parade/c.jpg"):
        cv2.imwrite(str(images / name), np.full((50, 80), 90, np.uint8))
    return images


def test_boxes_become_sides_and_an_image_without_a_row_has_no_face(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text(HEADER + "a.jpg,1,2,10,20\na.jpg,-3.5,0,7,8\n")

    a, b = read_labelled(folder, tmp_path / "boxes.csv")

    assert a.pixels.shape == (50, 80)
    assert a.faces.tolist() == [[1, 2, 11, 22], [-3.5, 0, 3.5, 8]]
    assert b.faces.shape == (0, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image,left,top,width,height\na.jpg,1,2,3,4\n", "has no column height_px, left_px, top_px, width_px"),
        (HEADER, "holds no box"),
        (HEADER + "a.jpg,1,2,x,4\n", "line 2: ['1', '2', 'x', '4'] are not four numbers"),
        (HEADER + "a.jpg,1,2\n", "are not four numbers"),
        (HEADER + "a.jpg,1,2,nan,4\n", "line 2: the box is nan wide and 4 high"),
        (HEADER + "a.jpg,1,2,3,0\n", "line 2: the box is 3 wide and 0 high; both must be more than 0"),
        (HEADER + "absent.jpg,1,2,3,4\n", "absent.jpg: cannot be read (No such file or directory)"),
    ],
)
def test_an_error_in_a_csv_names_the_line(folder: Path, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "boxes.csv").write_text(content)

    with pytest.raises(DataError, match=re.escape(message)):
        read_labelled(folder, tmp_path / "boxes.csv")


def test_an_absent_csv_and_a_folder_without_images_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv: cannot be read"):
        read_labelled(folder, tmp_path / "absent.csv")
    with pytest.raises(DataError, match=r"holds no image; give a folder of \.jpg or \.png"):
        read_empty(tmp_path)


def test_every_image_in_a_folder_without_faces_is_read(folder: Path) -> None:
    empty = read_empty(folder)

    assert [photograph.name for photograph in empty] == ["a.jpg", "b.png"]
    assert all(photograph.faces.shape == (0, 4) for photograph in empty)


def test_wider_leaves_out_invalid_faces_and_images_without_others(folder: Path, tmp_path: Path) -> None:
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
        ("a.jpg\nmany\n", "line 2: is not a number of faces, which must follow 'a.jpg'"),
        ("a.jpg\n", "line 2: is not a number of faces"),
        ("a.jpg\n2\n" + WIDER_ROW, "ends after 1 of 2 faces of 'a.jpg'"),
        ("a.jpg\n1\n10 20 30 40\n", "line 3: has 4 numbers instead of 10"),
        ("a.jpg\n1\n10 20 0 40 0 0 0 0 0 0\n", "line 3: the box is 0 wide"),
    ],
)
def test_an_error_in_a_label_file_names_the_line(folder: Path, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "labels.txt").write_text(content)

    with pytest.raises(DataError, match=re.escape(message)):
        read_wider(tmp_path / "labels.txt", folder)


def test_about_a_tenth_is_held_back_and_always_the_same() -> None:
    photographs = [
        Photograph(f"{n:06}.jpg", np.zeros((1, 1), np.uint8), np.empty((0, 4), np.float32)) for n in range(2000)
    ]

    held_back = [photograph.name for photograph in photographs if photograph.is_held_back]

    assert 150 < len(held_back) < 250
    assert held_back[:2] == ["000004.jpg", "000005.jpg"]
