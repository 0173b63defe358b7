"""How many people and how many posters are counted, with the packaged detector: a table for docs/privacy.md."""

from __future__ import annotations

import argparse
import csv
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, cycle, islice, takewhile
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.records import Frame, Pixels
from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector
from edge.vision.liveness import Liveness
from edge.vision.tracker import FaceTracker
from tests.limits.sitter import Sitter
from tests.support.page import replace_section
from tests.support.paths import ROOT

LENGTH_S = 20.0
LEAST_S = 3.0
"""Nobody can be counted at once."""
FPS = 10 / 3
"""As often as the daemon looks for faces where a camera gives ten images a second."""
_WIDTH, _HEIGHT = 640, 480
_POSTERS = 3
_MAX_FACE_PX = 140

Picture = npt.NDArray[np.float32]
Disturb = Callable[[Picture, float, np.random.Generator], Picture]


@dataclass
class Watched:
    """After how many seconds each track that was in view for ``LEAST_S`` was counted, None for never; and the processor
    time in seconds of each look of ``Liveness``.
    """

    tracks: list[float | None] = field(default_factory=list)
    looks_s: list[float] = field(default_factory=list)

    def add(self, frames: Iterable[Frame], *, detect_every: int = 1) -> None:
        """Watch another film, with the parts of the daemon."""
        detector = BuiltinDetector(load_detector(PACKAGED_DETECTOR, None))
        tracker, liveness = FaceTracker(detect_every=detect_every), Liveness()
        first_s: dict[int, float] = {}
        last_s: dict[int, float] = {}
        counted: dict[int, float | None] = {}
        for frame in frames:
            if not tracker.detection_due(frame):
                tracker.carry()
                continue
            now_s = frame.captured_at_s
            tracks = tracker.update(frame, detector.detect(frame.pixels), detector.unsure)
            confirmed = [track for track in tracks if track.confirmed]
            began_s = time.thread_time()
            liveness.look(frame.pixels, confirmed, now_s)
            if confirmed:
                self.looks_s.append(time.thread_time() - began_s)
            for track in tracks:
                first_s.setdefault(track.id, now_s)
                last_s[track.id] = now_s
            for track in confirmed:
                if counted.setdefault(track.id, None) is None and liveness.is_alive(track, now_s):
                    counted[track.id] = now_s - first_s[track.id]
        self.tracks += [after_s for track, after_s in counted.items() if last_s[track] - first_s[track] >= LEAST_S]


def play(clip: Path, speed: float) -> Iterator[Frame]:
    """A clip forwards and backwards, so that nobody jumps where it ends, for ``LENGTH_S``; a longer one once."""
    video = cv2.VideoCapture(str(clip))
    rate = speed * video.get(cv2.CAP_PROP_FPS)
    pictures = [
        np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        for _, image in takewhile(lambda read: read[0], (video.read() for _ in count()))
    ]
    if not pictures:
        raise SystemExit(f"{clip}: OpenCV reads no image from it")
    shown = islice(cycle([*pictures, *pictures[-2:0:-1]]), max(len(pictures), round(LENGTH_S * rate)))
    return (Frame(number, number / rate, pixels) for number, pixels in enumerate(shown))


def hang(faces: Path, random: np.random.Generator) -> Picture:
    """A photograph without people in which three portraits hang, their faces 24 to 140 px high."""
    room = a_room(faces, random)
    portraits = examined(faces)
    column = _WIDTH // _POSTERS
    for index in range(_POSTERS):
        photograph, (left, top, width, height) = portraits[random.integers(len(portraits))].open(faces)
        x0, y0 = max(0, round(left - 0.35 * width)), max(0, round(top - 0.4 * height))
        cut = photograph[y0 : round(top + 1.3 * height), x0 : round(left + 1.35 * width)]
        scale = random.uniform(24, _MAX_FACE_PX) / height
        poster = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:_HEIGHT, : column - 10]
        y = random.integers(0, _HEIGHT - poster.shape[0] + 1)
        x = index * column + random.integers(5, column - poster.shape[1] - 4)
        room[y : y + poster.shape[0], x : x + poster.shape[1]] = poster
    return room


@dataclass(frozen=True)
class Portrait:
    """A line of portraits.csv."""

    line: dict[str, str]

    def open(self, faces: Path) -> tuple[Pixels, tuple[float, float, float, float]]:
        """The photograph, and its face: left, top, width, height."""
        left, top, width, height = (float(self.line[key]) for key in ("left_px", "top_px", "width_px", "height_px"))
        return _read(faces / "portraits" / self.line["image"]), (left, top, width, height)


def examined(faces: Path) -> list[Portrait]:
    """Every second portrait. The rule was made with the others."""
    with (faces / "portraits.csv").open(encoding="utf-8") as lines:
        return [Portrait(line) for line in csv.DictReader(lines)][1::2]


def a_room(faces: Path, random: np.random.Generator) -> Picture:
    """A photograph without people."""
    rooms = sorted((faces / "noface").glob("*.jpg"))
    return cv2.resize(_read(rooms[random.integers(len(rooms))]), (_WIDTH, _HEIGHT)).astype(np.float32)


def _read(file: Path) -> Pixels:
    pixels = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise SystemExit(f"{file}: is no image")
    return np.asarray(pixels, np.uint8)


def noise(deviation: float) -> Disturb:
    return lambda picture, _, random: picture + random.normal(0, deviation, picture.shape).astype(np.float32)


def shake(deviation_px: float) -> Disturb:
    def disturb(picture: Picture, _: float, random: np.random.Generator) -> Picture:
        x, y = random.normal(0, deviation_px, 2)
        matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
        return cv2.warpAffine(picture, matrix, (_WIDTH, _HEIGHT), borderMode=cv2.BORDER_REPLICATE).astype(np.float32)

    return disturb


def flicker(picture: Picture, now_s: float, _: np.random.Generator) -> Picture:
    return picture * np.float32(1 + 0.15 * np.sin(20 * now_s))


def jpeg(picture: Picture, _: float, __: np.random.Generator) -> Picture:
    _, data = cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 50])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32)


def light(picture: Picture, now_s: float, _: np.random.Generator) -> Picture:
    """A bright spot that goes across the picture and back within 4 s."""
    across = np.arange(_WIDTH, dtype=np.float32)
    middle = _WIDTH * (0.5 + 0.5 * np.sin(2 * np.pi * now_s / 4))
    return np.asarray(picture * (1 + 0.3 * np.exp(-(((across - middle) / 150) ** 2))), np.float32)


def passers_by(every_s: float) -> Disturb:
    """Somebody, seen from behind, walks across within 2 s."""
    body = cv2.resize(np.random.default_rng(1).normal(70, 25, (40, 10)), (130, _HEIGHT), interpolation=cv2.INTER_CUBIC)

    def disturb(picture: Picture, now_s: float, _: np.random.Generator) -> Picture:
        left = round((_WIDTH + 130) * (now_s % every_s) / 2) - 130
        x0, x1 = max(left, 0), min(left + 130, _WIDTH)
        if x0 < x1:
            picture = picture.copy()
            picture[60:, x0:x1] = body[60:, x0 - left : x1 - left]
        return picture

    return disturb


DISTURBANCES: dict[str, tuple[Disturb, ...]] = {
    "noise of a camera, 2 grey levels": (noise(2),),
    "noise of 6": (noise(6),),
    "noise of 12": (noise(12),),
    "a light that flickers by 15 %": (flicker, noise(2)),
    "JPEG of quality 50": (noise(2), jpeg),
    "a camera that shakes by 0.5 px from frame to frame": (shake(0.5), noise(2)),
    "the same by 1.5 px": (shake(1.5), noise(2)),
    "somebody walks past every 6 s": (passers_by(6), noise(2)),
    "the same every 3.5 s": (passers_by(3.5), noise(2)),
    "a light of 30 % that wanders across within 4 s": (light, noise(2)),
    "all at once, with noise of 6 and shaking by 0.5 px": (
        passers_by(6), light, flicker, shake(0.5), noise(6), jpeg,
    ),
}  # fmt: skip


SITTING = {
    "4 mm": (4, 2),
    "2 mm": (2, 2),
    "1 mm": (1, 2),
    "1 mm, noise of 6": (1, 6),
    "0.5 mm": (0.5, 2),
}
"""How far to each side, and the noise of the camera in grey levels."""


def sit(faces: Path, sway_mm: float, deviation: float, scene: int, length_s: float = LENGTH_S) -> Iterator[Frame]:
    """Three portraits whose heads sway before their bodies and blink, as of people who read."""
    random = np.random.default_rng(scene)
    room, portraits = a_room(faces, random), examined(faces)
    people = [
        Sitter(
            *portraits[random.integers(len(portraits))].open(faces),
            at_px=(_WIDTH * (index + 0.5) / _POSTERS, random.uniform(0.2, 0.8) * _HEIGHT),
            height_px=random.uniform(40, _MAX_FACE_PX),
            sway_mm=sway_mm,
            phases=random.uniform(0, 2 * np.pi, 6),
        )
        for index in range(_POSTERS)
    ]
    for number in range(round(length_s * FPS)):
        picture = room.copy()
        for person in people:
            person.draw(picture, number / FPS)
        picture += random.normal(0, deviation, picture.shape)
        yield Frame(number, number / FPS, np.clip(picture, 0, 255).astype(np.uint8))


def posters(faces: Path, disturbances: Iterable[Disturb], scene: int, length_s: float = LENGTH_S) -> Iterator[Frame]:
    """Posters before a camera that is disturbed in these ways, one after the other."""
    random = np.random.default_rng(scene)
    room = hang(faces, random)
    for number in range(round(length_s * FPS)):
        picture = room
        for disturb in disturbances:
            picture = disturb(picture, number / FPS, random)
        yield Frame(number, number / FPS, np.clip(picture, 0, 255).astype(np.uint8))


def row(name: str, tracks: list[float | None]) -> str:
    """Of the table."""
    after_s = sorted(each for each in tracks if each is not None)
    when = f"{np.median(after_s):.1f} s, at most {after_s[-1]:.1f} s" if after_s else ""
    return f"| {name} | {len(tracks)} | {len(after_s)} | {when} |\n"


def table(clips: list[Path], faces: Path, scenes: int) -> str:
    """Markdown."""
    text = "| | tracks | counted | after, in the middle |\n|---|---|---|---|\n"
    looks_s: list[float] = []
    for name, speed in (("people", 1), ("people, at half the speed", 0.5), ("people, at a quarter", 0.25)):
        watched = Watched()
        for clip in clips:
            watched.add(play(clip, speed), detect_every=3)
        text += row(name, watched.tracks)
        looks_s += watched.looks_s
    for name, (sway_mm, deviation) in SITTING.items():
        watched = Watched()
        for scene in range(scenes // 3):
            watched.add(sit(faces, sway_mm, deviation, scene))
        text += row(f"people who sit and sway by {name}", watched.tracks)
    for name, disturbances in DISTURBANCES.items():
        watched = Watched()
        for scene in range(scenes):
            watched.add(posters(faces, disturbances, scene))
        text += row(f"posters: {name}", watched.tracks)
    mean_ms = 1000 * sum(looks_s) / max(len(looks_s), 1)
    return f"{text}\nFor people, this took {mean_ms:.2f} ms of processor time for each detection, on {processor()}.\n"


def processor() -> str:
    """As Linux names it."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(": ")[2] if names else platform.machine()


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips with people who move")
    parser.add_argument("--faces", type=Path, required=True, help="folder with portraits, portraits.csv and noface")
    parser.add_argument("--scenes", type=int, default=12, help="with three posters each")
    options = parser.parse_args()
    clips = sorted(each for each in options.clips.iterdir() if each.suffix in {".gif", ".mp4"})
    replace_section(ROOT / "docs" / "privacy.md", "still", table(clips, options.faces, options.scenes))


if __name__ == "__main__":
    main()
