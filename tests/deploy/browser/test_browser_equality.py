"""The page's answers against those of the device's code, on the same grey pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.labels import EMOTIONS
from edge.records import Face, Frame, Pixels
from edge.vision.classifier import PACKAGED_MODEL, EmotionClassifier, load_release
from edge.vision.crop import crop_face
from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector
from edge.vision.detector.tiles import plan_looks
from edge.vision.tracker import FaceTracker
from tests.deploy.browser.conftest import Server, write_png
from tests.deploy.conftest import Page

READ_ALL = """
(async () => {
  const { Sensor } = await import("/sensor.js");
  const { toGrey } = await import("/image.js");
  globalThis.tested ??= await Sensor.open();
  const results = [];
  for (const name of %s) {
    const picture = await createImageBitmap(await (await fetch(name)).blob());
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    const people = await tested.observeOnce(toGrey(context.getImageData(0, 0, picture.width, picture.height)));
    results.push(people.map(({ face, shares }) => [face.left, face.top, face.right, face.bottom, shares]));
  }
  return results;
})()
"""


class Device:
    """The device's own detector and classifier."""

    def __init__(self) -> None:
        self.detector = BuiltinDetector(load_detector(PACKAGED_DETECTOR))
        self.classifier = EmotionClassifier(load_release(PACKAGED_MODEL))

    def read(self, pixels: Pixels) -> list[tuple[Face, dict[str, float]]]:
        """Every face with its shares."""
        size, rule = self.classifier.input_size_px, self.detector.crop_rule
        faces = self.detector.detect(pixels)
        scores = self.classifier.classify([crop_face(pixels, face, rule, size) for face in faces])
        return [
            (face, dict(zip(EMOTIONS, each.probabilities, strict=True)))
            for face, each in zip(faces, scores, strict=True)
        ]


def read_in(page: Page, server: Server, folder: Path, pictures: list[Pixels]) -> list[list[list[Any]]]:
    """What the page finds in each picture: left, top, right, bottom, shares."""
    names = write_png(folder, pictures)
    page.open(server.url)
    page.wait("document.getElementById('status').dataset.state === 'ready'")
    found: list[list[list[Any]]] = []
    for start in range(0, len(names), 25):
        found += page.ask(READ_ALL % json.dumps(names[start : start + 25]))
    return found


def agreement(ours: list[tuple[Face, dict[str, float]]], theirs: list[list[Any]]) -> tuple[int, int, int]:
    """How many faces the device found, the page found too (2 px), and both read alike."""
    both = alike = 0
    for face, shares in ours:
        sides = np.array([face.left_px, face.top_px, face.right_px, face.bottom_px])
        twin = next((each for each in theirs if np.abs(sides - each[:4]).max() <= 2), None)
        if twin is not None:
            both += 1
            alike += max(shares, key=shares.__getitem__) == max(twin[4], key=twin[4].__getitem__)
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
        for (_, shares), twin in zip(ours, theirs, strict=True):
            assert max(abs(shares[name] - twin[4][name]) for name in EMOTIONS) < 0.1
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


@pytest.mark.parametrize(
    ("frame", "min_face_px"),
    [((480, 640), 40), ((360, 480), 40), ((720, 1280), 40), ((1080, 1920), 40), ((1080, 1920), 90), ((1200, 900), 60)],
)
def test_large_frames_are_looked_at_in_the_same_tiles(
    page: Page, server: Server, frame: tuple[int, int], min_face_px: int
) -> None:
    page.open(server.url)
    page.wait("document.body")

    tiles = page.ask(
        f"import('/detector.js').then(({{ planLooks }}) => "
        f"planLooks({{ height: {frame[0]}, width: {frame[1]} }}, [288, 384], {min_face_px}))"
    )

    expected = plan_looks(frame, (288, 384), min_face_px)
    assert [(tile["left"], tile["top"], tile["width"], tile["height"]) for tile in tiles] == [
        (tile.left_px, tile.top_px, tile.width_px, tile.height_px) for tile in expected
    ]


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
