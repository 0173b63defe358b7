"""Films of faces that a test pastes into a picture: people who sway a little, and posters that do not."""

from __future__ import annotations

import csv
import lzma
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from edge.labels import EMOTIONS
from edge.records import EmotionScores, Frame, Pixels
from edge.vision.classifier import PACKAGED_MODEL, EmotionClassifier, load_release
from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector

FPS = 4
_SIZE_PX = 640, 480


@dataclass(frozen=True)
class Expression:
    """A face of FER2013, its label, and what the packaged classifier says of it."""

    emotion: str
    pixels: Pixels
    scores: EmotionScores


@dataclass(frozen=True)
class Actor:
    """Somebody in view from ``from_s`` to ``to_s``; the square of the face has ``side_px`` and its middle at ``at_px``.

    ``sway_px`` is how far the head moves from side to side: 0 for a poster. A mirrored one moves the other way.
    """

    face: Pixels
    from_s: float
    to_s: float
    at_px: tuple[int, int] = (320, 220)
    side_px: int = 120
    sway_px: float = 2.0
    mirrored: bool = False


@cache
def clear_expressions(shared: Path, least: float = 0.9) -> tuple[Expression, ...]:
    """Five faces of PublicTest for each of five emotions that the detector finds, and that the classifier reads as
    their label with a probability of at least ``least``.
    """
    classifier, detector = (
        EmotionClassifier(load_release(PACKAGED_MODEL)),
        BuiltinDetector(load_detector(PACKAGED_DETECTOR, None)),
    )
    wanted = dict.fromkeys(("happy", "neutral", "surprise", "sad", "angry"), 5)
    found = []
    with lzma.open(shared / "data" / "fer2013" / "fer2013.csv.xz", "rt") as rows:
        for row in csv.DictReader(rows):
            if row["Usage"] != "PublicTest":
                continue
            face = np.array(row["pixels"].split(), np.uint8).reshape(48, 48)
            (scores,) = classifier.classify([face])
            emotion = EMOTIONS[int(row["emotion"])]
            is_clear = scores.dominant == emotion and scores.confidence >= least
            if wanted.get(emotion) and is_clear and is_found(Actor(face, 0, 1), detector):
                found.append(Expression(emotion, face, scores))
                wanted[emotion] -= 1
            if not any(wanted.values()):
                break
    return tuple(found)


def is_found(actor: Actor, detector: BuiltinDetector) -> bool:
    """Whether the detector finds the face where it stands, in four frames of four: it is not examined here."""
    alone = replace(actor, from_s=0, to_s=1)
    return all(len(detector.detect(frame.pixels)) == 1 for frame in film(background(), [alone], 1))


def background() -> Pixels:
    """A wall with shelves, lit from one side."""
    width_px, height_px = _SIZE_PX
    wall = np.tile(np.linspace(90, 130, width_px), (height_px, 1))
    for left in range(10, width_px, 150):
        wall[40:60, left : left + 60] -= 45
        wall[height_px - 70 : height_px - 40, left + 30 : left + 110] += 50
    return wall.astype(np.uint8)


def film(
    behind: Pixels, actors: Sequence[Actor], length_s: float, *, noise: float = 2.0, fps: float = FPS
) -> Iterator[Frame]:
    """Its frames, with the noise of a camera."""
    random = np.random.default_rng(1)
    grain = [random.normal(0, noise, behind.shape).astype(np.float32) for _ in range(9)]
    for number in range(round(length_s * fps)):
        now_s = number / fps
        picture = behind.astype(np.float32)
        for index, actor in enumerate(actors):
            if actor.from_s <= now_s < actor.to_s:
                _paste(picture, actor, now_s, index)
        picture += np.roll(grain[number % 9], number % 31, axis=1)
        yield Frame(number, now_s, np.clip(picture, 0, 255).astype(np.uint8))


def _paste(picture: np.ndarray, actor: Actor, now_s: float, index: int) -> None:
    """Put the face, in an oval with a soft edge, where the head is now."""
    side, face = actor.side_px, actor.face[:, ::-1] if actor.mirrored else actor.face
    sway = actor.sway_px * np.array([np.sin(1.7 * now_s + index), 0.6 * np.sin(2.3 * now_s + 2 * index)])
    left, top = np.array(actor.at_px) - side / 2 + sway * (-1 if actor.mirrored else 1, 1)
    scale = side / 48
    to_picture = np.array([[scale, 0, left], [0, scale, top]], np.float32)
    across = np.linspace(-1, 1, 48)
    oval = np.clip((1.05 - (across[None, :] ** 2 + (across[:, None] / 1.12) ** 2)) / 0.15, 0, 1).astype(np.float32)
    drawn = cv2.warpAffine(face.astype(np.float32), to_picture, _SIZE_PX, flags=cv2.INTER_CUBIC)
    mask = cv2.warpAffine(oval, to_picture, _SIZE_PX, flags=cv2.INTER_LINEAR)
    picture *= 1 - mask
    picture += mask * drawn
