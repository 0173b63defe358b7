from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DataError
from quantize.classifier.images import MAX_SAMPLE, Images, read_images


def write_images(folder: Path, count: int) -> None:
    """Grey images of 40x40 within 50..150."""
    folder.mkdir(parents=True)
    random = np.random.RandomState(0)
    for i in range(count):
        image = random.randint(50, 100 + i, (5, 5)).repeat(8, axis=0).repeat(8, axis=1)
        cv2.imwrite(str(folder / f"{i}.png"), image.astype(np.uint8))


def test_a_folder_gives_sized_images_that_reach_from_black_to_white(tmp_path: Path) -> None:
    write_images(tmp_path / "people", 9)

    sample, others = read_images(tmp_path, 64, tmp_path / "cache")

    assert (sample.pixels.shape, others.pixels.shape) == ((5, 64, 64), (4, 64, 64))
    assert (sample.pixels.min(), sample.pixels.max()) == (0, 255)
    assert others.pixels.min() >= 50
    assert not sample.classes


def test_class_folders_give_labels_to_both_halves(tmp_path: Path) -> None:
    for label in ("Confused", "bored"):
        write_images(tmp_path / "faces" / label, 10)

    sample, others = read_images(tmp_path / "faces", 32, tmp_path / "cache")

    assert sample.classes == others.classes == ("bored", "confused")
    assert np.bincount(sample.labels).tolist() == np.bincount(others.labels).tolist() == [5, 5]


def test_labels_are_matched_in_any_case_and_what_a_model_does_not_know_is_left_out() -> None:
    images = Images(np.zeros((3, 4, 4), np.uint8), np.array([0, 1, 2]), ("bored", "confused", "happy"))

    matched = images.among(("Happy", "Confused"))

    assert matched.classes == ("Happy", "Confused")
    assert matched.labels.tolist() == [1, 0]
    assert images.among(("smile", "no smile")).classes == ()


def test_without_a_source_masks_are_drawn(tmp_path: Path) -> None:
    sample, others = read_images(None, 32, tmp_path)

    assert sample.pixels.shape == others.pixels.shape == (MAX_SAMPLE, 32, 32)
    assert (sample.pixels.min(), sample.pixels.max()) == (0, 255)


def test_an_empty_folder_and_a_broken_image_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds too few, expected a folder with a few hundred faces"):
        read_images(tmp_path, 48, tmp_path)
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(DataError, match=r"a.png: is no picture that can be decoded"):
        read_images(tmp_path, 48, tmp_path)
