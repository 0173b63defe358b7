from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DataError
from quantize.classifier.images import MAX_IMAGES, read_images


def write_images(folder: Path, count: int) -> None:
    """Grey images of 40x40 within 50..150, in a subfolder."""
    (folder / "people").mkdir()
    random = np.random.RandomState(0)
    for i in range(count):
        image = random.randint(50, 100 + i, (5, 5)).repeat(8, axis=0).repeat(8, axis=1)
        cv2.imwrite(str(folder / "people" / f"{i}.png"), image.astype(np.uint8))


def test_a_folder_gives_sized_images_that_reach_from_black_to_white(tmp_path: Path) -> None:
    write_images(tmp_path, 9)

    images = read_images(tmp_path, 64, tmp_path)

    assert images.shape == (9, 64, 64)
    assert (images[0].min(), images[0].max()) == (0, 255)
    assert images[1:].min() >= 50


def test_without_a_source_masks_are_drawn(tmp_path: Path) -> None:
    images = read_images(None, 32, tmp_path)

    assert images.shape == (MAX_IMAGES, 32, 32)
    assert (images[::2].min(), images[::2].max()) == (0, 255)


def test_an_empty_folder_and_a_broken_image_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 0, expected a folder with a few hundred faces"):
        read_images(tmp_path, 48, tmp_path)
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(DataError, match=r"a.png: cannot be read, expected a JPEG or PNG"):
        read_images(tmp_path, 48, tmp_path)
