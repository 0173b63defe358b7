"""The crop rule, with detectors whose box is known."""

from __future__ import annotations

import numpy as np
import pytest

from edge.errors import DataError
from edge.records import Face, Pixels
from edge.vision.crop import CropRule
from edge.vision.movement import Cells
from train.classifier.crop_rule import crop_faces, measure_crop
from train.cli import main

IMAGES = np.random.RandomState(0).randint(0, 256, (20, 48, 48)).astype(np.uint8)
SIDE, MARGIN = 192, 96
"""Of an enlarged image in its frame."""


class FramingDetector:
    """Finds a given box in each frame, (side, left, top) in pixels, one after the other; None finds nothing."""

    name = "framing"
    crop_rule = CropRule(1.0)
    unsure: tuple[Face, ...] = ()

    def __init__(self, *boxes: tuple[int, int, int] | None) -> None:
        self.boxes, self.calls = boxes, 0

    def detect(self, pixels: Pixels, moved: Cells | None = None) -> tuple[Face, ...]:
        assert pixels.shape == (SIDE + 2 * MARGIN,) * 2
        box = self.boxes[self.calls % len(self.boxes)]
        self.calls += 1
        if box is None:
            return ()
        side, left, top = box
        return (Face(0, 0, 20, 20, 0.99), Face(left, top, left + side, top + side, 0.9))


def test_a_box_as_large_as_the_image_is_cropped_as_it_is() -> None:
    measured = measure_crop(FramingDetector((SIDE, MARGIN, MARGIN)), IMAGES)

    assert measured.rule == CropRule(1.0, 0.0, 0.0)
    assert (measured.images, measured.found, measured.trained) == (20, 20, 1.0)


def test_a_small_box_that_lies_low_is_cropped_larger_and_higher() -> None:
    measured = measure_crop(FramingDetector((160, MARGIN + 16, MARGIN + 32)), IMAGES)

    assert measured.rule == CropRule(1.2, 0.0, -0.1)


def test_one_box_in_three_that_is_wrong_does_not_move_the_rule() -> None:
    right, wrong = (SIDE, MARGIN, MARGIN), (96, 200, 200)

    measured = measure_crop(FramingDetector(right, right, wrong), IMAGES[:18])

    assert measured.rule == CropRule(1.0, 0.0, 0.0)
    assert measured.trained == pytest.approx(2 / 3)
    assert measured.side_high == pytest.approx(2)
    assert measured.distance > 0.2


def test_a_detector_that_finds_too_little_cannot_be_measured() -> None:
    with pytest.raises(DataError, match="detector framing: finds only 2 of 20 enlarged faces; at least 20%"):
        measure_crop(FramingDetector((SIDE, MARGIN, MARGIN), *[None] * 9), IMAGES)


def test_the_crop_of_the_rule_is_the_original_image() -> None:
    smooth = np.add.outer(np.arange(48), np.arange(48)).astype(np.uint8)[np.newaxis].repeat(3, axis=0)
    detector = FramingDetector((160, MARGIN + 16, MARGIN + 32), None, (160, MARGIN + 16, MARGIN + 32))

    found, crops = crop_faces(detector, CropRule(1.2, 0.0, -0.1), smooth)

    assert len(found) == 2
    assert set(found) < {0, 1, 2}
    np.testing.assert_allclose(crops, smooth[found], atol=1)


def test_a_missing_release_ends_with_one_sentence(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["crop-rule", "--data", "absent.csv", "--detector", "builtin", "--model", str(tmp_path)])

    assert status == 78
    assert "model.json: cannot be read" in capsys.readouterr().err
