from __future__ import annotations

import json
import lzma
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.errors import DataError
from quantize.classifier.calibration import COMMITTED, PER_EMOTION, SEED, Calibration
from train.data.fer2013 import FaceSet

Faces = dict[str, FaceSet]


def test_a_sample_has_as_many_faces_of_each_emotion_and_no_face_twice(faces: Faces) -> None:
    sample = Calibration.draw(faces["Training"], 1, 4)

    assert len(set(sample.rows)) == 28
    assert np.bincount(sample.select(faces["Training"]).labels).tolist() == [4] * 7


def test_the_seed_decides_the_sample(faces: Faces) -> None:
    first, again, other = (Calibration.draw(faces["Training"], seed, 4) for seed in (1, 1, 2))

    assert first == again
    assert first.rows != other.rows


def test_a_sample_comes_back_from_its_file(faces: Faces, tmp_path: Path) -> None:
    sample = Calibration.draw(faces["Training"], 1, 4)
    (tmp_path / "sample.json").write_text(sample.to_json())

    assert Calibration.read(tmp_path / "sample.json") == sample


def test_other_pixels_other_labels_or_missing_rows_are_noticed(faces: Faces) -> None:
    training = faces["Training"]
    sample = Calibration.draw(training, 1, 4)
    advice = "draw a sample from this data with fer-quantize calibration --out FILE"

    with pytest.raises(DataError, match=f"hold other faces, .*{advice}"):
        sample.select(replace(training, pixels=255 - training.pixels))
    with pytest.raises(DataError, match="hold other faces"):
        sample.select(replace(training, labels=6 - training.labels))
    with pytest.raises(DataError, match=f"Training has no row {sample.rows[0]}, .*{advice}"):
        sample.select(training.select(training.rows > sample.rows[0]))


def test_an_emotion_with_fewer_faces_gives_all_of_them(faces: Faces) -> None:
    training = faces["Training"]

    sample = Calibration.draw(training.select((training.labels > 0) | (training.rows % 2 > 0)), 1, 8)

    assert np.bincount(sample.select(training).labels).tolist() == [5, *[8] * 6]


def test_faces_of_folders_are_known_by_their_paths(faces: Faces, tmp_path: Path) -> None:
    training = faces["Training"]
    named = replace(training, rows=np.array([f"train/{row}.png" for row in training.rows]), data="own")
    sample = Calibration.fitting(named)
    (tmp_path / "sample.json").write_text(sample.to_json())

    again = Calibration.read(tmp_path / "sample.json").select(named.select(np.arange(len(named))[::-1]))

    assert len(again) == len(named)
    assert sorted(again.rows) == sorted(named.rows)


@pytest.mark.parametrize(
    "content", ["no json", "[]", '{"seed": 1}', '{"seed": 1, "per_emotion": 2, "sha256": "", "rows": [null]}']
)
def test_a_file_that_is_no_sample_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "sample.json").write_text(content)

    with pytest.raises(
        DataError, match=r"sample.json: is no sample .*; write one with fer-quantize calibration --out FILE"
    ):
        Calibration.read(tmp_path / "sample.json")


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        Calibration.read(tmp_path / "absent.json")


def test_the_committed_sample_is_small_and_says_where_it_comes_from() -> None:
    document = json.loads(COMMITTED.read_text())

    assert (document["seed"], document["per_emotion"]) == (SEED, PER_EMOTION)
    assert len(set(document["rows"])) == 7 * PER_EMOTION


@pytest.mark.shared_data
def test_the_committed_sample_fits_fer2013_and_spans_black_to_white(shared: Path) -> None:
    committed = Calibration.read(COMMITTED)
    rows = set(committed.rows)
    with lzma.open(shared / "data" / "fer2013" / "fer2013.csv.xz", "rt") as file:
        lines = [line.split(",") for row, line in enumerate(file, start=1) if row in rows]
    training = FaceSet(
        "Training",
        np.array([pixels.split() for _, pixels, _ in lines], np.uint8).reshape(-1, 48, 48),
        np.array([label for label, _, _ in lines], np.uint8),
        np.array(sorted(rows), np.int32),
    )

    sample = committed.select(training)

    assert np.bincount(sample.labels).tolist() == [PER_EMOTION] * 7
    assert (sample.pixels.min(), sample.pixels.max()) == (0, 255)
