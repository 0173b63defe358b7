"""The whole device on labelled photographs, with the packaged classifier and a detector whose boxes are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DataError
from edge.records import EmotionScores, Face, Pixels
from edge.vision.classifier import PACKAGED_MODEL, EmotionClassifier, load_release
from edge.vision.crop import CropRule
from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector
from edge.vision.movement import Cells
from train.classifier.pipeline import evaluate_pipeline, table


class BrightDetector:
    """Sees a face in every bright picture: a small one, and the whole picture, which is the larger."""

    name = "bright"
    crop_rule = CropRule(1.0)
    unsure: tuple[Face, ...] = ()

    def detect(self, pixels: Pixels, moved: Cells | None = None) -> tuple[Face, ...]:
        if pixels.mean() < 50:
            return ()
        height, width = pixels.shape
        return (Face(0, 0, 5, 5, 0.9), Face(0, 0, width, height, 0.6))


class GreyClassifier(EmotionClassifier):
    """Names a crop by its grey level, 100 happy and 200 sad."""

    def __init__(self) -> None:
        super().__init__(load_release(PACKAGED_MODEL))

    def classify(self, crops: object) -> tuple[EmotionScores, ...]:
        (crop,) = crops  # type: ignore[misc]
        happy = float(crop.mean() < 150)  # type: ignore[has-type]
        return (EmotionScores((0, 0, 0, happy, 1 - happy, 0, 0)),)


def photograph(folder: Path, emotion: str, name: str, grey: int) -> None:
    (folder / emotion).mkdir(exist_ok=True)
    assert cv2.imwrite(str(folder / emotion / name), np.full((60, 60), grey, np.uint8))


def test_a_missed_face_counts_as_wrong(tmp_path: Path) -> None:
    photograph(tmp_path, "happy", "a.png", 100)
    photograph(tmp_path, "happy", "b.png", 10)
    photograph(tmp_path, "sad", "c.png", 200)
    photograph(tmp_path, "sad", "d.png", 100)

    result = evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path)

    assert (result.photographs, result.found, result.accuracy) == (4, 0.75, 0.5)
    assert result.recall == {"happy": 0.5, "sad": 0.5}
    assert result.mean_recall == 0.5
    assert result.macro_f1 == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert "75.00%" in table(result)


def test_class_folders_of_other_sets_are_understood(tmp_path: Path) -> None:
    photograph(tmp_path, "Happiness", "a.jpg", 100)
    photograph(tmp_path, "contempt", "b.jpg", 100)

    result = evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path)

    assert result.recall == {"happy": 1.0, "neutral": 0.0}


def test_an_unknown_class_folder_is_named(tmp_path: Path) -> None:
    photograph(tmp_path, "bored", "a.png", 100)

    with pytest.raises(DataError, match="bored: is no label of the model, expected class folders angry"):
        evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path)


def test_a_folder_without_photographs_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "happy").mkdir()

    with pytest.raises(DataError, match="hold no picture"):
        evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path)
    with pytest.raises(DataError, match="no class folders"):
        evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path / "happy")


def test_a_broken_photograph_is_named(tmp_path: Path) -> None:
    (tmp_path / "happy").mkdir()
    (tmp_path / "happy" / "a.png").write_bytes(b"no picture")

    with pytest.raises(DataError, match=r"a\.png: is no picture that can be decoded"):
        evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path)


def test_what_the_package_holds_reads_a_picture_without_a_face(tmp_path: Path) -> None:
    photograph(tmp_path, "neutral", "wall.png", 128)
    detector = BuiltinDetector(load_detector(PACKAGED_DETECTOR))

    result = evaluate_pipeline(detector, EmotionClassifier(load_release(PACKAGED_MODEL)), tmp_path)

    assert (result.found, result.accuracy) == (0.0, 0.0)
