"""The page's answers against those of the device's code, on the same grey pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.labels import EMOTIONS
from edge.records import Face, Frame, Pixels, Track
from edge.vision.classifier import PACKAGED_MODEL, EmotionClassifier, load_release
from edge.vision.crop import crop_face
from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector
from edge.vision.liveness import Liveness
from edge.vision.readable import why_unreadable
from edge.vision.tracker import FaceTracker
from tests.deploy.browser.conftest import GREY, Server, write_png
from tests.deploy.conftest import Page

READ_ALL = f"""
(async () => {{
  const {{ Sensor }} = await import("/sensor.js");
  {GREY}
  globalThis.tested ??= await Sensor.open();
  const results = [];
  for (const name of %s) {{
    const people = await tested.observeOnce(await grey(name));
    results.push(people.map(({{ face: {{ left, top, right, bottom }}, shares, reason }}) =>
      [left, top, right, bottom, shares, reason]));
  }}
  return results;
}})()
"""


WATCH = f"""
(async () => {{
  const {{ Liveness }} = await import("/liveness.js");
  {GREY}
  const liveness = new Liveness();
  const results = [];
  for (const [name, atS, faces] of %s) {{
    const tracks = faces.map(([left, top, right, bottom], id) => ({{ id, face: {{ left, top, right, bottom }} }}));
    liveness.look(await grey(name), tracks, atS);
    results.push(tracks.map((track) => [liveness.isAlive(track, atS), liveness.isStill(track, atS)]));
  }}
  return results;
}})()
"""


class Device:
    """The device's own detector and classifier."""

    def __init__(self) -> None:
        self.detector = BuiltinDetector(load_detector(PACKAGED_DETECTOR))
        self.classifier = EmotionClassifier(load_release(PACKAGED_MODEL))

    def read(self, pixels: Pixels) -> list[tuple[Face, Reading]]:
        """Every face with its shares, or with the reason why it has none."""
        size, rule = self.classifier.input_size_px, self.detector.crop_rule
        faces = self.detector.detect(pixels)
        crops = [crop_face(pixels, face, rule, size) for face in faces]
        scores = self.classifier.classify(crops)
        return [
            (face, why_unreadable(face, crop) or dict(zip(EMOTIONS, each.probabilities, strict=True)))
            for face, crop, each in zip(faces, crops, scores, strict=True)
        ]


Reading = dict[str, float] | str


def told(reading: Reading) -> str:
    """The strongest emotion, or the reason why there is none."""
    return reading if isinstance(reading, str) else max(reading, key=reading.__getitem__)


def read_in(page: Page, server: Server, folder: Path, pictures: list[Pixels]) -> list[list[list[Any]]]:
    """What the page finds in each picture: left, top, right, bottom, shares, reason."""
    names = write_png(folder, pictures)
    page.open(server.url)
    page.wait("document.getElementById('status').dataset.state === 'ready'")
    found: list[list[list[Any]]] = []
    for start in range(0, len(names), 25):
        found += page.ask(READ_ALL % json.dumps(names[start : start + 25]))
    return found


def agreement(ours: list[tuple[Face, Reading]], theirs: list[list[Any]]) -> tuple[int, int, int]:
    """How many faces the device found, the page found too, and both read alike.

    Sides may differ by a twentieth of the height: where two cells score alike, runtimes may prefer one or the other.
    """
    both = alike = 0
    for face, reading in ours:
        sides = np.array([face.left_px, face.top_px, face.right_px, face.bottom_px])
        twin = next((each for each in theirs if np.abs(sides - each[:4]).max() <= max(2, face.height_px / 20)), None)
        if twin is not None:
            both += 1
            alike += told(reading) == told(twin[5] or twin[4])
    return len(ours), both, alike


def test_frames_of_any_size_give_the_boxes_and_shares_of_the_device(
    page: Page, server: Server, clip: list[Pixels]
) -> None:
    device = Device()
    crowd = np.full((1080, 1920), 128, np.uint8)
    for place, frame in enumerate(clip[:6]):
        crowd[100 + 400 * (place // 3) :, 500 * (place % 3) :][:240, :320] = cv2.resize(frame, (320, 240))
    resized = [cv2.resize(clip[0], (200, 150)).astype(np.uint8), cv2.resize(clip[7], (1280, 960)).astype(np.uint8)]
    pictures = [*clip[::5], *resized, crowd]

    found = read_in(page, server, server.folder / "frames", pictures)

    for pixels, theirs in zip(pictures, found, strict=True):
        ours = device.read(pixels)
        assert agreement(ours, theirs) == (len(theirs),) * 3, (pixels.shape, ours, theirs)
        for (_, reading), twin in zip(ours, theirs, strict=True):
            if isinstance(reading, dict):
                assert max(abs(reading[name] - twin[4][name]) for name in EMOTIONS) < 0.1
    assert len(found[-1]) == 6


@pytest.mark.shared_data
def test_500_faces_are_read_alike_in_99_of_100(page: Page, server: Server, shared: Path) -> None:
    device = Device()
    portraits = sorted((shared / "data" / "faces" / "portraits").glob("*.jpg"))[::11]
    pictures = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in portraits]
    pictures = [pixels for pixels in pictures if pixels is not None]

    found = read_in(page, server, server.folder / "portraits", pictures)  # type: ignore[arg-type]

    ours = [device.read(pixels) for pixels in pictures]  # type: ignore[arg-type]
    faces, both, alike = np.sum([agreement(*pair) for pair in zip(ours, found, strict=True)], axis=0)
    print(f"{faces} faces, {both} found by both, {alike} read alike")  # noqa: T201 - a figure for the documentation
    assert faces >= 500
    assert both >= 0.99 * faces
    assert alike >= 0.99 * faces


def test_faces_that_cannot_be_read_have_no_shares_for_the_same_reason(
    page: Page, server: Server, clip: list[Pixels]
) -> None:
    face = clip[0].astype(np.float32)
    dark = np.clip(30 + (face - face.mean()) * 0.1, 0, 255).astype(np.uint8)
    blurred = [np.asarray(cv2.blur(clip[0], (length, 1)), np.uint8) for length in (11, 35, 41)]
    device = Device()

    found = read_in(page, server, server.folder / "unreadable", [clip[0], dark, *blurred])

    ours = [device.read(pixels) for pixels in (clip[0], dark, *blurred)]
    assert [[told(twin[5] or twin[4]) for twin in theirs] for theirs in found] == [
        [told(reading) for _, reading in faces] for faces in ours
    ]
    assert {"happy", "dark", "blurred"} <= {told(reading) for faces in ours for _, reading in faces}


def test_the_same_faces_move_and_the_same_are_still(page: Page, server: Server, clip: list[Pixels]) -> None:
    random = np.random.default_rng(1)
    (found,) = Device().detector.detect(clip[0])
    face = cv2.resize(clip[0][found.top_px : found.bottom_px, found.left_px : found.right_px], (96, 120))
    room = cv2.resize(random.normal(128, 30, (45, 60)).astype(np.float32), (480, 360), interpolation=cv2.INTER_CUBIC)
    person, poster = Face(104, 100, 200, 220, 0.9), Face(304, 100, 400, 220, 0.9)
    films: list[Pixels] = []
    for number in range(21):
        picture, sway_px = room.copy(), round(4 * np.sin(0.7 * number))
        picture[100:220, 104 + sway_px : 200 + sway_px] = picture[100:220, 304:400] = face
        x, y = random.normal(0, 0.8, 2)
        shift = np.array([[1, 0, x], [0, 1, y]])
        shaken = cv2.warpAffine(picture, shift, (480, 360), borderMode=cv2.BORDER_REPLICATE)
        films.append(np.clip(shaken + random.normal(0, 2, shaken.shape), 0, 255).astype(np.uint8))
    names = write_png(server.folder / "moving", films)
    liveness, given, expected = Liveness(), list[Any](), list[Any]()
    for look in range(42):
        now_s, faces = 0.25 * look, [person, poster]
        tracks = [Track(index, face, True) for index, face in enumerate(faces)]
        liveness.look(films[look % len(films)], tracks, now_s)
        expected.append([[liveness.is_alive(track, now_s), liveness.is_still(track, now_s)] for track in tracks])
        given.append([names[look % len(films)], now_s, [[f.left_px, f.top_px, f.right_px, f.bottom_px] for f in faces]])

    page.open(server.url)
    page.wait("document.body")
    seen = page.ask(WATCH % json.dumps(given))

    assert seen == expected
    assert seen[-1] == [[True, False], [False, True]]


def test_walking_and_bowing_people_get_the_same_tracks(page: Page, server: Server) -> None:
    random = np.random.RandomState(7)
    tracker = FaceTracker(detect_every=1)
    pixels = np.zeros((480, 640), np.uint8)
    frames: list[list[list[Face]]] = []
    walkers = [(random.uniform(0, 500), random.uniform(-9, 9), random.uniform(60, 110)) for _ in range(6)]
    for step in range(200):
        faces: list[list[Face]] = [[], []]
        for row, (start, speed, height) in enumerate(walkers):
            left, top = round(start + speed * step), 50 + 8 * row
            if random.rand() < 0.85 and step % 60 < 40:  # nobody for two seconds
                unsure = random.rand() < 0.3
                faces[unsure].append(Face(left, top, left + round(0.8 * height), top + round(height), 0.9))
        frames.append(faces)
    expected = [
        [[track.id, track.confirmed] for track in tracker.update(Frame(step, step / 10, pixels), *faces)]
        for step, faces in enumerate(frames)
    ]
    given = [
        [
            [{"left": f.left_px, "top": f.top_px, "right": f.right_px, "bottom": f.bottom_px} for f in faces]
            for faces in both
        ]
        for both in frames
    ]

    page.open(server.url)
    page.wait("document.body")
    tracks = page.ask(
        f"import('/tracker.js').then(({{ Tracker }}) => {{ const tracker = new Tracker(); return {json.dumps(given)}"
        ".map((both, i) => tracker.update(...both, i / 10).map(({ id, confirmed }) => [id, confirmed])) })"
    )

    assert tracks == expected
    assert max(track[0] for frame in tracks for track in frame) > 6
