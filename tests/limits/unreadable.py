"""How often the packaged classifier is right on faces that are hard to read, and which are left out: a table for
docs/privacy.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.labels import EMOTIONS, INPUT_SIZE_PX
from edge.records import Face, Pixels
from edge.vision.classifier import PACKAGED_MODEL, EmotionClassifier, load_release
from edge.vision.crop import crop_face
from edge.vision.detector.builtin import PACKAGED_DETECTOR, load_detector
from edge.vision.detector.yunet import YuNetDetector
from edge.vision.readable import MAX_TURN, why_unreadable
from tests.support.page import replace_section
from tests.support.paths import ROOT
from train.classifier.degrade import LOW_RESOLUTION
from train.classifier.evaluate import labels_of
from train.data.options import fer2013_options, load_faces

Faces = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.integer]
Found = tuple[Face, Pixels, int]
"""A face, its crop, and the position of its label in ``EMOTIONS``."""
SIZES_PX = (32, 24, 20, 16, 12)
_LARGE = Face(0, 0, INPUT_SIZE_PX, INPUT_SIZE_PX, 1.0)
_ENLARGED, _BORDER_PX = 3, 48


def fade(pixels: Faces, contrast: float, noise: float = 0.0) -> Faces:
    """Every face with this standard deviation of its grey levels, and noise on top."""
    middle, deviation = pixels.mean(axis=(1, 2), keepdims=True), pixels.std(axis=(1, 2), keepdims=True)
    faded = middle + (pixels - middle) * contrast / np.maximum(deviation, 1)
    return _rounded(faded + np.random.default_rng(0).normal(0, noise, pixels.shape))


def blur(pixels: Faces, sigma_px: float, noise: float = 0.0) -> Faces:
    """Out of focus, with noise on top."""
    blurred = np.stack([cv2.GaussianBlur(face, (0, 0), sigma_px) for face in pixels])
    return _rounded(blurred + np.random.default_rng(0).normal(0, noise, pixels.shape))


def move(pixels: Faces, length_px: int) -> Faces:
    """Moved across, or up and down, while the picture was taken."""
    return np.stack(
        [cv2.blur(face, (length_px, 1) if index % 2 else (1, length_px)) for index, face in enumerate(pixels)]
    ).astype(np.uint8)


def _rounded(values: npt.NDArray[np.floating]) -> Faces:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


DEGRADED: dict[str, Callable[[Faces], Faces]] = {
    "as they are": lambda pixels: pixels,
    "contrast of 26": partial(fade, contrast=26),
    "contrast of 13": partial(fade, contrast=13),
    "contrast of 10": partial(fade, contrast=10),
    "contrast of 6.5": partial(fade, contrast=6.5),
    "contrast of 13, noise of 2": partial(fade, contrast=13, noise=2),
    "contrast of 6.5, noise of 2": partial(fade, contrast=6.5, noise=2),
    "Gaussian blur of 1 px of 48": partial(blur, sigma_px=1),
    "Gaussian blur of 2 px": partial(blur, sigma_px=2),
    "Gaussian blur of 3 px": partial(blur, sigma_px=3),
    "Gaussian blur of 2 px, noise of 3": partial(blur, sigma_px=2, noise=3),
    "movement of 5 px of 48": partial(move, length_px=5),
    "movement of 9 px": partial(move, length_px=9),
    "movement of 13 px": partial(move, length_px=13),
}


def turns(pixels: Faces, labels: Labels, yunet: YuNetDetector) -> Iterator[Found]:
    """The faces that YuNet finds once they are enlarged, as it cuts them."""
    for image, label in zip(pixels, labels, strict=True):
        large = cv2.resize(image, None, fx=_ENLARGED, fy=_ENLARGED, interpolation=cv2.INTER_LINEAR)
        framed = np.pad(large, _BORDER_PX, mode="edge").astype(np.uint8, copy=False)
        for face in yunet.detect(framed)[:1]:
            yield face, crop_face(framed, face, yunet.crop_rule, INPUT_SIZE_PX), int(label)


class Table:
    """Grows by a row for each kind of faces."""

    def __init__(self) -> None:
        self._classifier = EmotionClassifier(load_release(PACKAGED_MODEL))
        self.text = "| faces | how many | right | not read | right of those that are read |\n|---|---|---|---|---|\n"

    def add(self, name: str, found: list[Found]) -> None:
        """Classify all, also those that the daemon leaves out."""
        scores = self._classifier.classify([crop for _, crop, _ in found])
        right = np.array([each.dominant == EMOTIONS[label] for each, (_, _, label) in zip(scores, found, strict=True)])
        read = np.array([why_unreadable(face, crop) is None for face, crop, _ in found])
        of_read = f"{right[read].mean():.0%}" if read.any() else ""
        share = f"{right.mean():.0%}" if len(found) else ""
        unread = f"{1 - read.mean():.0%}" if len(found) else ""
        self.text += f"| {name} | {len(found)} | {share} | {unread} | {of_read} |\n"


def ranks_agree(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """Spearman's rank correlation."""
    return float(np.corrcoef(first.argsort().argsort(), second.argsort().argsort())[0, 1])


def report(pixels: Faces, labels: Labels, yunet: YuNetDetector) -> str:
    """Markdown."""
    table = Table()
    for name, degrade in DEGRADED.items():
        table.add(name, [(_LARGE, crop, int(label)) for crop, label in zip(degrade(pixels), labels, strict=True)])
    side = load_detector(PACKAGED_DETECTOR, None).manifest.crop.side
    for height_px in SIZES_PX:
        face = Face(0, 0, height_px, height_px, 1.0)
        coarse = LOW_RESOLUTION.apply(pixels, round(side * height_px), 0)
        table.add(
            f"{height_px} px high", [(face, crop, int(label)) for crop, label in zip(coarse, labels, strict=True)]
        )
    seen = list(turns(pixels, labels, yunet))
    for name, least, below in (
        ("ahead, a turn below 0.05", 0.0, 0.05),
        ("turned by 0.05 to 0.3", 0.05, 0.3),
        (f"turned by 0.3 to {MAX_TURN}", 0.3, MAX_TURN),
        (f"turned by more than {MAX_TURN}", MAX_TURN, np.inf),
    ):
        table.add(f"found by YuNet, {name}", [each for each in seen if least <= each[0].turn < below])
    if len(seen) > 1:
        halves = np.array([np.corrcoef(crop.ravel(), crop[:, ::-1].ravel())[0, 1] for _, crop, _ in seen])
        agree = ranks_agree(np.array([face.turn for face, _, _ in seen]), halves)
        table.text += f"\nRank correlation of the turn with how alike a face is to its mirror image: {agree:.2f}.\n"
    return table.text


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, parents=[fer2013_options()])
    parser.add_argument("--yunet", type=Path, required=True, help="the file of fer-edge model fetch yunet")
    options = parser.parse_args()
    if options.votes is None:
        parser.error("needs --votes: the faces without a majority are left out")
    faces = load_faces(options)["PublicTest"]
    labels = labels_of(faces)[0]
    examined = np.flatnonzero(labels >= 0)[1::2]  # the bounds were chosen with the others
    text = report(faces.pixels[examined], labels[examined], YuNetDetector(options.yunet))
    replace_section(ROOT / "docs" / "privacy.md", "unreadable", text)


if __name__ == "__main__":
    main()
