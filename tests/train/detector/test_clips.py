"""Detectors on clips whose people are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DataError
from edge.records import Face, Pixels
from edge.vision.crop import CropRule
from edge.vision.movement import Cells
from tests.support.paths import TINY
from train.detector.clips import (
    DETECT_EVERY,
    Clip,
    Outcome,
    Truth,
    TutorialHaar,
    compare_on_clips,
    evaluate_on_clips,
    markdown,
    read_clips,
    time_ms,
)

FRAMES = 12
EMPTY = np.empty((0, 4), np.float32)


def box(left: float, size: float = 40) -> np.ndarray:
    return np.array([[left, 50, left + size, 50 + size]], np.float32)


class ScriptedDetector:
    """Finds the boxes of its script, frame by frame, and begins again at its end."""

    name = "scripted"
    crop_rule = CropRule(1.0)
    unsure: tuple[Face, ...] = ()

    def __init__(self, *script: np.ndarray) -> None:
        self.script, self.calls = script, 0

    def detect(self, pixels: Pixels, moved: Cells | None = None) -> tuple[Face, ...]:
        rows = self.script[self.calls % len(self.script)]
        self.calls += 1
        return tuple(Face(int(a), int(b), int(c), int(d), 0.9) for a, b, c, d in rows.tolist())


def scene(faces: np.ndarray, doubtful: np.ndarray = EMPTY) -> tuple[list[Clip], list[Truth]]:
    """Twelve frames, four a second, in which nothing moves."""
    clip = Clip("scene", 4.0, [np.zeros((120, 320), np.uint8)] * FRAMES)
    people = [list(range(1, len(faces) + 1))] * FRAMES
    return [clip], [Truth([faces] * FRAMES, [doubtful] * FRAMES, people)]


def test_a_person_is_seen_from_the_second_hit_on() -> None:
    outcome = evaluate_on_clips(ScriptedDetector(box(20)), *scene(box(20)))

    assert (outcome.people, outcome.missed, outcome.false_people) == (1, 0, 0)
    assert outcome.seen == pytest.approx(11 / 12)
    assert outcome.minutes == pytest.approx(3 / 60)


def test_a_person_who_is_never_found_is_missed() -> None:
    outcome = evaluate_on_clips(ScriptedDetector(EMPTY), *scene(box(20)))

    assert (outcome.people, outcome.missed, outcome.seen) == (1, 1, 0)


def test_a_box_that_stays_on_the_wall_is_one_false_person() -> None:
    outcome = evaluate_on_clips(ScriptedDetector(np.concatenate([box(20), box(200)])), *scene(box(20)))

    assert (outcome.missed, outcome.false_people) == (0, 1)


def test_boxes_in_a_single_frame_are_not_people() -> None:
    script = [EMPTY] * FRAMES
    script[3], script[9] = box(200), box(100)

    assert evaluate_on_clips(ScriptedDetector(*script), *scene(EMPTY)).false_people == 0


def test_a_doubtful_face_counts_neither_way() -> None:
    outcome = evaluate_on_clips(ScriptedDetector(box(200)), *scene(EMPTY, doubtful=box(205)))

    assert (outcome.people, outcome.false_people) == (0, 0)


def test_a_person_in_view_for_less_than_a_second_does_not_count() -> None:
    clips, (truth,) = scene(box(20))
    brief = Truth([box(20)] * 2 + [EMPTY] * 10, truth.doubtful, [[1]] * 2 + [[]] * 10)

    assert evaluate_on_clips(ScriptedDetector(EMPTY), clips, [brief]).people == 0


def test_the_table_gives_times_relative_to_the_first() -> None:
    outcomes = [Outcome("slow", 2.0, 3, 5, 1, 0.5), Outcome("quick", 2.0, 0, 5, 0, 1.0)]

    table = markdown(outcomes, [80.0, 4.0]).splitlines()

    assert table[2:] == ["| slow | 1.5 | 1 of 5 | 50.0% | 1.000 |", "| quick | 0.0 | 0 of 5 | 100.0% | 0.050 |"]


def test_each_detector_is_timed_on_the_same_frames() -> None:
    clips, _ = scene(EMPTY)
    detectors = [ScriptedDetector(EMPTY), ScriptedDetector(EMPTY)]

    times = time_ms(detectors, clips, frames=5)

    assert [detector.calls for detector in detectors] == [4, 4]
    assert all(time > 0 for time in times)


def test_a_clip_has_the_frames_that_the_daemon_detects_on(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 12.0, (64, 48))
    for grey in range(0, 70, 10):
        writer.write(np.full((48, 64, 3), grey, np.uint8))
    writer.release()

    (clip,) = read_clips(tmp_path)

    assert (clip.name, clip.fps) == ("a", 12 / DETECT_EVERY)
    assert [int(pixels.mean().round(-1)) for pixels in clip.frames] == [0, 30, 60]


def test_a_folder_without_clips_and_a_damaged_clip_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no video clip; give a folder of .*\.mp4"):
        read_clips(tmp_path)
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    with pytest.raises(DataError, match=r"clip .*a\.gif: cannot be read"):
        read_clips(tmp_path)


def test_the_table_has_a_line_for_each_detector(shared: Path) -> None:
    models = shared / "models"
    clip = read_clips(shared / "media")[3]
    short = Clip(clip.name, clip.fps, clip.frames[:5])

    table = compare_on_clips(
        [short], [models / "face_detection_yunet_2023mar.onnx", models / "yunet_n_320_320.onnx"], TINY / "face"
    )

    assert [line.split()[1] for line in table.splitlines()[2:]] == ["haar-default", "haar-alt2", "yunet", "face"]


def test_tutorial_haar_finds_no_face_in_a_grey_image() -> None:
    assert TutorialHaar().detect(np.full((120, 160), 90, np.uint8)) == ()
