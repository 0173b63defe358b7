"""Compares detectors on video clips with the daemon's tracker: false people, missed people, time.

The clips are not annotated. Two YuNet networks at full resolution stand for the truth: a face that both find is a
face, one that only one of them finds is doubtful and counts neither way. YuNet at 320 is related to both, so its
figures are flattering.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import cv2
import numpy as np
from cv2.data import haarcascades

from edge.errors import DataError
from edge.records import Face, Frame, Pixels, Track
from edge.vision.crop import CropRule
from edge.vision.detector import FaceDetector
from edge.vision.detector.box import clip_box, from_opencv
from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector
from edge.vision.detector.decode import Floats, overlaps
from edge.vision.detector.haar import HaarDetector
from edge.vision.detector.yunet import YuNetDetector
from edge.vision.movement import Cells
from edge.vision.tracker import FaceTracker
from train.run.progress import Progress, silent

LEAST_PX = 20
"""Height of the smallest face that detectors are asked for; the clips are 480 pixels wide."""

COUNTED_PX = 24
"""Height from which a face counts; larger than ``LEAST_PX``, so that a pixel more or less does not matter."""

SAME_IOU, TOUCH_IOU = 0.4, 0.2
"""Intersection over union from which two references found the same face, and from which a track is on a face."""

PERSON_S = 1.0
"""How long someone must be in view to count as a person."""

REFERENCE_SCORE = 0.6

DETECT_EVERY = 3
"""The daemon's default."""

Person: TypeAlias = tuple[int, int]
"""Index of the clip, number of the person in it."""

_SUFFIXES = {".gif", ".mp4", ".avi", ".mkv"}


@dataclass(frozen=True, slots=True)
class Clip:
    """The frames of a clip that the daemon would detect faces in: grey uint8 (height, width), ``fps`` a second."""

    name: str
    fps: float
    frames: Sequence[Pixels]


@dataclass(frozen=True, slots=True)
class Truth:
    """For each frame the boxes (n, 4) of faces and of doubtful faces, and the person that each face belongs to."""

    faces: Sequence[Floats]
    doubtful: Sequence[Floats]
    people: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one detector with the tracker.

    ``false_people`` are confirmed tracks that never overlap a face, doubtful ones included. Of ``people``, ``missed``
    never have a confirmed track; ``seen`` is the share of their frames in which they have one.
    """

    name: str
    minutes: float
    false_people: int
    people: int
    missed: int
    seen: float


class TutorialHaar:
    """Haar as in tutorials: default cascade, 5 neighbours, full frame. The baseline for times."""

    name = "haar-default"
    crop_rule = CropRule(1.0)
    unsure: tuple[Face, ...] = ()

    def __init__(self) -> None:
        self._cascade = cv2.CascadeClassifier(str(Path(haarcascades) / "haarcascade_frontalface_default.xml"))

    def detect(self, pixels: Pixels, moved: Cells | None = None) -> tuple[Face, ...]:
        """Faces of one grey frame."""
        boxes = self._cascade.detectMultiScale(pixels, 1.1, 5, minSize=(LEAST_PX, LEAST_PX))
        faces = [clip_box(pixels, box, 0.5) for box in from_opencv(boxes)]
        return tuple(face for face in faces if face)


def read_clips(folder: Path) -> list[Clip]:
    """Read all video clips in ``folder``.

    Raises:
        DataError: there is none, or one cannot be read.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise DataError(f"folder {folder}: holds no video clip; give a folder of {', '.join(sorted(_SUFFIXES))} files")
    return [_read(path) for path in paths]


def _read(path: Path) -> Clip:
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames = []
    while (read := video.read())[0]:
        frames.append(np.asarray(cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY), np.uint8))
    fps = video.get(cv2.CAP_PROP_FPS)
    if not frames or not 1 <= fps <= 240:
        raise DataError(
            f"clip {path}: cannot be read ({len(frames)} frames, {fps} per second); give a video that FFmpeg reads"
        )
    return Clip(path.stem, fps / DETECT_EVERY, frames[::DETECT_EVERY])


def find_truth(clip: Clip, references: Sequence[Path]) -> Truth:
    """The faces on which two YuNet files agree in ``clip``; the daemon's tracker links them to people."""
    height, width = clip.frames[0].shape
    nets = [cv2.FaceDetectorYN.create(str(path), "", (width, height), REFERENCE_SCORE) for path in references]
    faces, doubtful = [], []
    for pixels in clip.frames:
        ours, theirs = (_reference(net, pixels) for net in nets)
        same = overlaps(ours, theirs) >= SAME_IOU
        agreed = same.any(axis=1) & (ours[:, 3] - ours[:, 1] >= COUNTED_PX)
        faces.append(ours[agreed])
        doubtful.append(np.concatenate([ours[~agreed], theirs[~same.any(axis=0)]]))
    people = [[track.id for track in tracks] for tracks in _follow(_Replay(faces), clip)]
    return Truth(faces, doubtful, people)


def _reference(net: cv2.FaceDetectorYN, pixels: Pixels) -> Floats:
    found = cast("Floats | None", net.detect(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR))[1])
    if found is None:
        return np.empty((0, 4), np.float32)
    return np.concatenate([found[:, :2], found[:, :2] + found[:, 2:4]], axis=1)


class _Replay:
    """A detector that returns given boxes, frame by frame."""

    name = "replay"
    crop_rule = CropRule(1.0)
    unsure: tuple[Face, ...] = ()

    def __init__(self, faces: Sequence[Floats]) -> None:
        self._faces = iter(faces)

    def detect(self, pixels: Pixels, moved: Cells | None = None) -> tuple[Face, ...]:
        """The boxes of the next frame."""
        found = [clip_box(pixels, box, 1.0) for box in next(self._faces).tolist()]
        return tuple(face for face in found if face)


def _follow(detector: FaceDetector, clip: Clip) -> Iterator[tuple[Track, ...]]:
    tracker = FaceTracker(detect_every=1)
    for number, pixels in enumerate(clip.frames):
        yield tracker.update(Frame(number, number / clip.fps, pixels), detector.detect(pixels), detector.unsure)


def evaluate_on_clips(detector: FaceDetector, clips: Sequence[Clip], truths: Sequence[Truth]) -> Outcome:
    """Run ``detector`` and the daemon's tracker over ``clips``."""
    false_people, moments, seen = 0, Counter[Person](), Counter[Person]()
    for place, (clip, truth) in enumerate(zip(clips, truths, strict=True)):
        known: dict[int, bool] = {}  # for each confirmed track, whether it ever overlapped a face
        for number, tracks in enumerate(_follow(detector, clip)):
            confirmed = [track for track in tracks if track.confirmed]
            boxes = sides([track.face for track in confirmed])
            on_faces = overlaps(boxes, truth.faces[number]) >= TOUCH_IOU
            on_doubtful = overlaps(boxes, truth.doubtful[number]) >= TOUCH_IOU
            for index, track in enumerate(confirmed):
                touches = bool(on_faces[index].any() or on_doubtful[index].any())
                known[track.id] = known.get(track.id, False) or touches
            for index, person in enumerate(truth.people[number]):
                moments[place, person] += 1
                seen[place, person] += bool(on_faces[:, index].any())
        false_people += sum(not touched for touched in known.values())
    people = [each for each in moments if moments[each] >= PERSON_S * clips[each[0]].fps]
    return Outcome(
        name=detector.name,
        minutes=sum(len(clip.frames) / clip.fps for clip in clips) / 60,
        false_people=false_people,
        people=len(people),
        missed=sum(not seen[each] for each in people),
        seen=sum(seen[each] for each in people) / max(1, sum(moments[each] for each in people)),
    )


def time_ms(detectors: Sequence[FaceDetector], clips: Sequence[Clip], frames: int = 60) -> list[float]:
    """Median time of each detector for a frame, measured in turns on the same frames with one thread.

    CPU time, because other load on the machine would interrupt a slow detector more often than a fast one.
    """
    every = [pixels for clip in clips for pixels in clip.frames]
    chosen = every[:: -(-len(every) // frames)]
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        durations_s = [[_duration_s(detector, pixels) for detector in detectors] for pixels in chosen]
    finally:
        cv2.setNumThreads(threads)
    return [float(each) for each in 1000 * np.median(durations_s, axis=0)]


def _duration_s(detector: FaceDetector, pixels: Pixels) -> float:
    begun_s = time.process_time()
    detector.detect(pixels)
    return time.process_time() - begun_s


def sides(faces: Sequence[Face]) -> Floats:
    """The boxes of ``faces``, (n, 4)."""
    boxes = [(f.left_px, f.top_px, f.right_px, f.bottom_px) for f in faces]
    return np.array(boxes, np.float32).reshape(-1, 4)


def compare_on_clips(
    clips: Sequence[Clip], references: Sequence[Path], release: Path | None, progress: Progress = silent
) -> str:
    """Compare Haar as in tutorials, the daemon's Haar and YuNet, and our detector; returns a Markdown table.

    Raises:
        ModelError: a model is missing or damaged.
    """
    detectors: list[FaceDetector] = [
        TutorialHaar(),
        HaarDetector(LEAST_PX),
        YuNetDetector(references[0], min_face_px=LEAST_PX),
        BuiltinDetector(load_detector(release or PACKAGED_DETECTOR), min_face_px=LEAST_PX),
    ]
    steps = len(clips) + len(detectors) + 1
    truths = []
    for clip in clips:
        truths.append(find_truth(clip, references))
        progress(len(truths), steps)
    outcomes = []
    for detector in detectors:
        outcomes.append(evaluate_on_clips(detector, clips, truths))
        progress(len(truths) + len(outcomes), steps)
    return markdown(outcomes, time_ms(detectors, clips))


def markdown(outcomes: Sequence[Outcome], times_ms: Sequence[float]) -> str:
    """A Markdown table with a line for each detector; times are relative to the first."""
    lines = ["| detector | false people a minute | missed people | seen | time |", "|---|---|---|---|---|"]
    for outcome, duration_ms in zip(outcomes, times_ms, strict=True):
        lines.append(
            f"| {outcome.name} | {outcome.false_people / outcome.minutes:.1f} | {outcome.missed} of {outcome.people} | "
            f"{outcome.seen:.1%} | {duration_ms / times_ms[0]:.3f} |"
        )
    return "\n".join(lines) + "\n"
