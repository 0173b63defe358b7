from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DataError
from quantize.classifier.pictures import PICTURES, read_pictures


def write_pictures(folder: Path, count: int) -> None:
    """Grey pictures of 40x40 within 50..150, in a subfolder."""
    (folder / "people").mkdir()
    random = np.random.RandomState(0)
    for i in range(count):
        picture = random.randint(50, 100 + i, (5, 5)).repeat(8, axis=0).repeat(8, axis=1)
        cv2.imwrite(str(folder / "people" / f"{i}.png"), picture.astype(np.uint8))


def test_a_folder_gives_sized_pictures_that_reach_from_black_to_white(tmp_path: Path) -> None:
    write_pictures(tmp_path, 9)

    pictures = read_pictures(tmp_path, 64, tmp_path)

    assert pictures.shape == (9, 64, 64)
    assert (pictures[0].min(), pictures[0].max()) == (0, 255)
    assert pictures[1:].min() >= 50


def test_without_a_source_masks_are_drawn(tmp_path: Path) -> None:
    pictures = read_pictures(None, 32, tmp_path)

    assert pictures.shape == (PICTURES, 32, 32)
    assert (pictures[::2].min(), pictures[::2].max()) == (0, 255)


def test_an_empty_folder_and_a_broken_picture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 0, expected a folder with some hundred faces"):
        read_pictures(tmp_path, 48, tmp_path)
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(DataError, match=r"a.png: cannot be read, expected a JPEG or PNG"):
        read_pictures(tmp_path, 48, tmp_path)
