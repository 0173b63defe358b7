"""Detectors side by side: figures, the threshold that development chooses, the table and the drawn frames."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import ModelError
from edge.records import Pixels
from edge.vision.detector.decode import Boxes
from train.detector.candidates import Candidate, haar_candidate, keras_candidate, release_candidate, yunet_candidate
from train.detector.development import Frame
from train.detector.evaluate import Evaluation, evaluate, find_faces, markdown
from train.detector.mistakes import FALSE_POSITIVE, HIT, MISS, save_frames

NEAR, FAR = [100, 100, 180, 200], [400, 300, 420, 325]


def frame(*faces: Sequence[float]) -> Frame:
    return Frame(np.full((480, 640), 100, np.uint8), np.array(faces, np.float32).reshape(-1, 4))


DEVELOPMENT = {"scenes": [frame(NEAR, FAR), frame(NEAR)], "dark": [frame(NEAR)], "empty": [frame()] * 20}


def find_near(frames: Sequence[Pixels]) -> list[Boxes]:
    """Finds the near face everywhere, surer with every frame, and once something that is none."""
    near, wrong = np.array([NEAR], np.float32), np.array([NEAR, [0, 0, 50, 50]], np.float32)
    return [
        Boxes(wrong, np.array([0.9, 0.8], np.float32)) if number == 1 else Boxes(near, np.array([0.6], np.float32))
        for number in range(len(frames))
    ]


def test_figures_count_faces_by_size_and_set() -> None:
    candidate = Candidate("near", lambda frames: iter(find_near(frames)), threshold=0.5)

    result = evaluate(candidate, find_faces(candidate, DEVELOPMENT), DEVELOPMENT)

    assert result.recall_40 == 1
    assert result.recall_20 == pytest.approx(2 / 3)
    assert result.sizes["20-40 px"] == 0
    assert result.sizes["80-160 px"] == 1
    assert math.isnan(result.sizes["160-384 px"])
    assert result.scales["80-160 px"] == 1
    assert result.scale_error == 0
    assert result.sets == {"scenes": pytest.approx(2 / 3), "dark": 1}
    assert result.false_faces == {"empty": pytest.approx(21 / 20)}
    assert result.false_beside == 0.5
    assert result.time_ms is None


def test_a_missing_threshold_is_chosen_on_the_frames_without_faces() -> None:
    development = {**DEVELOPMENT, "empty": [frame()] * 50}  # in which one false face is allowed
    candidate = Candidate("near", lambda frames: iter(find_near(frames)), threshold=None)

    result = evaluate(candidate, find_faces(candidate, development), development)

    assert 0.8 <= result.threshold < 0.9
    assert result.false_faces == {"empty": 1 / 50}
    assert result.recall_20 == pytest.approx(1 / 3)


def test_false_faces_beside_faces_raise_a_threshold_that_is_missing() -> None:
    development = {"scenes": [frame(NEAR)] * 20, "empty": [frame()] * 20}
    face, wrong, none = [[NEAR], [0.9]], [[NEAR, [0, 0, 50, 50]], [0.9, 0.7]], [np.empty((0, 4)), []]
    found = {
        "scenes": [Boxes(*(np.array(each, np.float32) for each in boxes)) for boxes in [wrong] * 10 + [face] * 10],
        "empty": [Boxes(*(np.array(each, np.float32) for each in none))] * 20,
    }

    result = evaluate(Candidate("beside", lambda frames: iter(()), threshold=None), found, development)

    assert 0.7 < result.threshold < 0.71
    assert result.recall_20 == 1
    assert result.false_beside == 0


def test_a_detector_of_the_daemon_is_timed() -> None:
    seen: list[Pixels] = []
    candidate = Candidate("near", lambda frames: iter(find_near(frames)), 0.5, seen.append)

    time_ms = candidate.time_ms(np.zeros((480, 640), np.uint8), rounds=3)

    assert time_ms is not None
    assert time_ms >= 0
    assert len(seen) == 3


def test_the_table_has_a_column_for_each_and_figures_that_json_takes() -> None:
    candidates = [Candidate(name, lambda frames: iter(find_near(frames)), 0.5) for name in ("ours", "theirs")]
    rows: list[Evaluation] = [evaluate(each, find_faces(each, DEVELOPMENT), DEVELOPMENT) for each in candidates]

    lines = markdown(rows).splitlines()

    assert lines[0] == "|  | ours | theirs |"
    assert "| recall, 20 px and more | 66.7% | 66.7% |" in lines
    assert "| false faces in empty | 1.050 | 1.050 |" in lines
    assert json.loads(json.dumps(rows[0].to_dict()))["sets"]["dark"] == 1


def test_hits_misses_and_false_faces_are_drawn_in_their_colours(tmp_path: Path) -> None:
    frames = DEVELOPMENT["scenes"]

    save_frames(frames, find_near([each.pixels for each in frames]), 0.5, tmp_path / "frames.png")

    drawn = np.asarray(cv2.imread(str(tmp_path / "frames.png")))
    for colour in (HIT, MISS, FALSE_POSITIVE):
        assert np.equal(drawn, colour).all(axis=2).any()


def test_haar_finds_a_face_and_its_boxes_all_count(shared: Path) -> None:
    candidate = haar_candidate()
    path = shared / "data/faces/dev/v_intel_head-pose-face-detection-male_1.jpg"
    frame = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)

    (boxes,) = candidate.find([frame])

    assert candidate.threshold == 0
    assert len(boxes) >= 1
    assert boxes.sides[0][2] > boxes.sides[0][0]


def test_a_file_that_is_not_a_detector_is_refused(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras", reason="needs the extra train")
    (tmp_path / "text.keras").write_text("no zip")
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()]).save(tmp_path / "flat.keras")

    with pytest.raises(ModelError, match=r"text\.keras: is not a Keras model"):
        keras_candidate(tmp_path / "text.keras")
    with pytest.raises(ModelError, match=r"flat\.keras: maps \(None, 8, 8, 1\) to 1 outputs and is not a detector"):
        keras_candidate(tmp_path / "flat.keras")
    with pytest.raises(ModelError):
        release_candidate(tmp_path)
    with pytest.raises(ModelError):
        yunet_candidate(tmp_path / "absent.onnx")
