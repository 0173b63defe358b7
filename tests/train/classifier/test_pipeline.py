"""The whole device on labelled photographs, with the packaged classifier and a detector whose boxes are known."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DataError
from edge.labels import EMOTIONS
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
    assert re.search(r"(?m)^happy +2 +50\.00%$", table(result))


def test_class_folders_of_other_sets_are_understood(tmp_path: Path) -> None:
    photograph(tmp_path, "Happiness", "a.jpg", 100)
    photograph(tmp_path, "contempt", "b.jpg", 100)

    result = evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path)

    assert result.recall == {"happy": 1.0, "neutral": 0.0}


def test_an_unknown_class_folder_is_named(tmp_path: Path) -> None:
    photograph(tmp_path, "bored", "a.png", 100)

    with pytest.raises(DataError, match=r"bored/a\.png is called bored, which is no label of the model; .* angry"):
        evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path)


def test_a_folder_without_photographs_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "happy").mkdir()

    with pytest.raises(DataError, match="holds no picture"):
        evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path)
    with pytest.raises(DataError, match="absent: cannot be read"):
        evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path / "absent")
    photograph(tmp_path, ".", "a.png", 100)
    with pytest.raises(DataError, match="its 1 pictures have no labels; lay them into a folder for each label"):
        evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path)


def test_photographs_that_nobody_could_name_are_none_to_measure_on(tmp_path: Path) -> None:
    photograph(tmp_path, "unknown", "a.png", 100)

    with pytest.raises(DataError, match="none has an emotion as its label"):
        evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path)


def test_what_cannot_be_read_is_left_out_and_counted(tmp_path: Path) -> None:
    photograph(tmp_path, "happy", "a.png", 100)
    for name in ("empty.jpg", "phone.HEIC", "cut.png", "film.mp4", "note.txt"):
        (tmp_path / "happy" / name).write_bytes(b"\x89PNG" if name == "cut.png" else b"")

    result = evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path)

    assert (result.photographs, result.accuracy) == (1, 1.0)
    assert result.support == dict.fromkeys(EMOTIONS, 0) | {"happy": 1}
    assert result.left_out == {
        "is no picture that can be decoded": ["happy/cut.png", "happy/empty.jpg"],
        "is in HEIC, which is not read; save it as JPEG": ["happy/phone.HEIC"],
        "is a video; fer-train import takes pictures out of it": ["happy/film.mp4"],
    }
    assert "left out: 2, such as happy/cut.png, which is no picture that can be decoded" in table(result)
    assert re.search(r"(?m)^disgust +0 +-$", table(result))


def test_where_nothing_can_be_read_the_first_is_named(tmp_path: Path) -> None:
    (tmp_path / "happy").mkdir()
    (tmp_path / "happy" / "a.png").write_bytes(b"no picture")

    with pytest.raises(
        DataError, match=r"none can be read; the first, happy/a\.png, is no picture that can be decoded"
    ):
        evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path)


def test_what_computers_leave_in_folders_is_no_photograph(tmp_path: Path) -> None:
    photograph(tmp_path, "sad", "a.png", 200)
    (tmp_path / "sad" / "album.jpg").mkdir()
    (tmp_path / "sad" / "._a.png").write_bytes(b"mac")
    for folder in ("__MACOSX", ".git"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(b"x")

    result = evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path)

    assert (result.photographs, result.accuracy, result.left_out) == (1, 1.0, {})


def test_an_archive_with_parts_of_a_set_is_read_as_its_folder_is(tmp_path: Path) -> None:
    for part, name in (("train", "a.png"), ("test", "b.png")):
        (tmp_path / "set" / part).mkdir(parents=True)
        photograph(tmp_path / "set" / part, "happy", name, 100)
        photograph(tmp_path / "set" / part, "sad", name, 100)
    archive = shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path, "set")

    folder, zipped = (
        evaluate_pipeline(BrightDetector(), GreyClassifier(), path) for path in (tmp_path / "set", Path(archive))
    )

    assert folder == zipped
    assert folder.recall == {"happy": 1.0, "sad": 0.0}


def test_folders_of_one_class_may_have_folders_for_people(tmp_path: Path) -> None:
    (tmp_path / "happy").mkdir()
    photograph(tmp_path / "happy", "ann", "a.png", 100)

    assert evaluate_pipeline(BrightDetector(), GreyClassifier(), tmp_path).recall == {"happy": 1.0}


def test_what_the_package_holds_reads_a_picture_without_a_face(tmp_path: Path) -> None:
    photograph(tmp_path, "neutral", "wall.png", 128)
    detector = BuiltinDetector(load_detector(PACKAGED_DETECTOR))

    result = evaluate_pipeline(detector, EmotionClassifier(load_release(PACKAGED_MODEL)), tmp_path)

    assert (result.found, result.accuracy) == (0.0, 0.0)
