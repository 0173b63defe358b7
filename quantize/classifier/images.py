"""Reads the images that set the int8 ranges of a model that somebody else trained, and that it is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.model.golden import golden_input
from edge.records import Pixels
from train.data import fer2013
from train.data.fer2013 import FaceSet
from train.data.names import label_of
from train.data.source import PICTURES, read_picture
from train.run.progress import silent

MAX_SAMPLE = 200
"""About 30 of each emotion: ``calibration.PER_EMOTION`` says why that is enough."""

MAX_OTHERS = 4000
"""More only take time: the standard error of an accuracy is below 0.8 points."""


@dataclass(frozen=True, slots=True)
class Images:
    """Grey images, uint8 (n, size, size), and what they show.

    ``labels`` (n,) are positions in ``classes``, which is empty where nobody knows what they show.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def select(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_] | slice) -> Images:
        """Some of the images."""
        return Images(self.pixels[index], self.labels[index], self.classes)

    def among(self, names: tuple[str, ...]) -> Images:
        """The images that show one of ``names``, which become their classes; all, without labels, if too few do."""
        known = [label_of(name) for name in names]
        positions = np.array([known.index(each) if each in known else -1 for each in self.classes], np.int64)
        if len(set(positions.tolist()) - {-1}) < 2:
            return Images(self.pixels, np.full(len(self), -1))
        labels = positions[self.labels]
        return Images(self.pixels[labels >= 0], labels[labels >= 0], names)


def read_images(source: Path | None, size_px: int, cache: Path) -> tuple[Images, Images]:
    """Images to calibrate with, ``MAX_SAMPLE`` at most, and others to measure with; chosen with a fixed seed.

    Of a data set with splits, the first are of Training and the others of PublicTest. The image with the widest range
    is stretched from black to white, so that int8 input is grey - 128 without rounding.

    Args:
        source: a data set of labelled faces, see ``fer2013.load``, or a folder of images; None draws masks.
        size_px: side of the images that the model takes.
        cache: folder for parsed data.

    Raises:
        DataError: ``source`` cannot be read or holds fewer than two images.
    """
    if source is None:
        masks = [golden_input(seed, (1, size_px, size_px, 1))[0, :, :, 0] for seed in range(2 * MAX_SAMPLE)]
        sample, others = _halves(_unlabelled(masks, size_px))
    elif (found := _in_one_folder(source)) is not None:
        sample, others = _halves(_unlabelled([read_picture(path) for path in _some(found)], size_px))
    else:
        splits = [_labelled(each, size_px) for each in fer2013.load(source, None, cache, silent, size_px).values()]
        sample, others = splits[0], splits[min(1, len(splits) - 1)]  # Training and PublicTest, where there is one
        if len(others) < MAX_SAMPLE or len(splits) == 1:
            sample, others = _halves(_joined(splits))
    sample, others = sample.select(_choose(len(sample), MAX_SAMPLE)), others.select(_choose(len(others), MAX_OTHERS))
    if not len(sample) or not len(others):
        raise DataError(f"images {source}: holds too few, expected a folder with a few hundred faces")
    widest = int(np.ptp(sample.pixels, axis=(1, 2)).argmax())
    sample.pixels[widest] = cv2.normalize(sample.pixels[widest], np.empty(0), 0, 255, cv2.NORM_MINMAX)
    return sample, others


def _in_one_folder(source: Path) -> list[Path] | None:
    """The images of a folder that has neither class folders nor tables of labels, None if it has."""
    if not source.is_dir():
        return None
    files = sorted(path for path in source.rglob("*") if path.is_file() and not path.name.startswith("."))
    found = [path for path in files if path.suffix.lower() in PICTURES]
    has_tables = any(path.suffix.lower() in (".csv", ".tsv", ".txt") for path in files)
    return None if has_tables or len({path.parent for path in found}) > 1 else found


def _joined(splits: list[Images]) -> Images:
    pixels, labels = (np.concatenate([getattr(each, name) for each in splits]) for name in ("pixels", "labels"))
    return Images(pixels, labels, splits[0].classes)


def _unlabelled(images: list[Pixels], size_px: int) -> Images:
    return Images(_sized(images, size_px), np.full(len(images), -1))


def _labelled(faces: FaceSet, size_px: int) -> Images:
    return Images(_sized(list(faces.pixels), size_px), faces.labels.astype(np.int64), faces.classes)


def _sized(images: list[Pixels], size_px: int) -> npt.NDArray[np.uint8]:
    """As ``edge.vision.crop`` changes the size of a face."""
    kinds = [cv2.INTER_AREA if min(image.shape) > size_px else cv2.INTER_LINEAR for image in images]
    sized = [cv2.resize(image, (size_px, size_px), interpolation=k) for image, k in zip(images, kinds, strict=True)]
    return np.array(sized, np.uint8).reshape(-1, size_px, size_px)


def _halves(images: Images) -> tuple[Images, Images]:
    return images.select(slice(0, None, 2)), images.select(slice(1, None, 2))


def _choose(count: int, most: int) -> npt.NDArray[np.intp]:
    return np.sort(np.random.RandomState(0).permutation(count)[:most])


def _some(paths: list[Path]) -> list[Path]:
    return [paths[i] for i in _choose(len(paths), 2 * MAX_SAMPLE)]
