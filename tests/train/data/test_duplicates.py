from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from train.data.duplicates import find_duplicates
from train.data.fer2013 import load
from train.run.progress import silent

Images: TypeAlias = npt.NDArray[np.uint8]


@pytest.fixture
def images() -> Images:
    """Twenty different images of smooth random shapes."""
    coarse = np.random.default_rng(0).integers(30, 220, (20, 6, 6)).astype(np.float32)
    return (
        np.stack([cv2.resize(each, (48, 48), interpolation=cv2.INTER_CUBIC) for each in coarse])
        .clip(0, 255)
        .astype(np.uint8)
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p,
        lambda p: p // 2 + 40,
        lambda p: cv2.GaussianBlur(p, (3, 3), 0),
        lambda p: cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_GRAYSCALE),
        lambda p: np.roll(p, 1, axis=1),
    ],
    ids=["the same", "less contrast", "blurred", "compressed", "moved by a pixel"],
)
def test_a_photograph_is_found_again_after(images: Images, change: Callable[[Images], Images]) -> None:
    copies = np.stack([change(images[3]), change(images[11])])

    found = find_duplicates(images, copies)

    assert np.flatnonzero(found).tolist() == [3, 11]


def test_a_flat_image_matches_none(images: Images) -> None:
    flat = np.zeros((1, 48, 48), np.uint8)

    assert not find_duplicates(flat, flat).any()
    assert not find_duplicates(images, flat).any()


def test_more_images_than_one_chunk_are_all_compared(images: Images) -> None:
    others = np.concatenate([np.zeros((1500, 48, 48), np.uint8), images[7:8]])

    assert np.flatnonzero(find_duplicates(images, others)).tolist() == [7]


def test_the_real_splits_share_771_photographs(shared: Path, pytestconfig: pytest.Config) -> None:
    cache = pytestconfig.cache.mkdir("fer2013")
    faces = load(shared / "data" / "fer2013" / "fer2013.csv.xz", None, cache, silent)

    found = find_duplicates(faces["Training"].pixels, faces["PublicTest"].pixels)

    assert np.count_nonzero(found) == pytest.approx(771, abs=2)  # sums of float32 differ a little between machines
