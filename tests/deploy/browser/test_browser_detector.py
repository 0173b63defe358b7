"""What the page's detector looks at and finds against the device's own, on the same grey pictures."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from edge.records import Face, Pixels
from edge.vision.detector.builtin import BuiltinDetector, load_detector
from edge.vision.detector.letterbox import letterbox
from edge.vision.detector.tiles import plan_looks
from quantize.browser import make_browser_release
from tests.deploy.browser.conftest import GREY, Server, write_png
from tests.deploy.conftest import Page
from tests.support.paths import TINY

REDUCE_ALL = f"""
(async () => {{
  const {{ letterbox }} = await import("/detector.js");
  {GREY}
  const results = [];
  for (const name of %s) results.push(Array.from(letterbox(await grey(name), 288, 384).values));
  return results;
}})()
"""

DETECT = f"""
(async () => {{
  const {{ Detector }} = await import("/detector.js");
  const {{ openRelease }} = await import("/network.js");
  {GREY}
  const list = (boxes) => boxes.map((box) => [box.left, box.top, box.right, box.bottom, box.confidence]);
  const detector = (globalThis.tested ??= new Detector(await openRelease("/%s"), 4));
  const faces = await detector.detect(await grey("/%s"));
  return [list(faces), list(detector.unsure)];
}})()
"""


def rows(faces: tuple[Face, ...]) -> list[list[float]]:
    """Sides and score of each."""
    return [[face.left_px, face.top_px, face.right_px, face.bottom_px, face.confidence] for face in faces]


def blocks(shape: tuple[int, int], side: int, *places: tuple[int, int], grey: int = 255) -> Pixels:
    """A frame with a square at each place (left, top): to the tiny detector a small face where it is 8 px wide."""
    pixels = np.full(shape, 128, np.uint8)
    for left, top in places:
        pixels[max(0, top) : top + side, max(0, left) : left + side] = grey
    return pixels


def test_frames_of_any_size_are_reduced_to_the_same_input(page: Page, server: Server) -> None:
    random = np.random.default_rng(1)
    sizes = [(480, 640), (360, 480), (720, 1280), (1081, 1921), (576, 768), (200, 150), (1, 50)]
    pictures = [cv2.resize(random.integers(0, 256, (90, 120)).astype(np.uint8), size[::-1]) for size in sizes]
    names = write_png(server.folder / "sizes", pictures)  # type: ignore[arg-type]

    page.open(server.url)
    page.wait("document.body")
    inputs = page.ask(REDUCE_ALL % json.dumps(names))

    for pixels, values in zip(pictures, inputs, strict=True):
        expected, _ = letterbox(np.asarray(pixels, np.uint8), 288, 384)
        assert np.abs(np.reshape(values, (288, 384)) - expected).max() <= 1, pixels.shape


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


@pytest.mark.parametrize("release", ["refined", "face"])
def test_the_detector_finds_the_faces_of_the_device_with_a_second_stage_and_without(
    page: Page, server: Server, release: str
) -> None:
    make_browser_release(TINY / release, server.folder / release)
    random = np.random.default_rng(2)
    coarse = [random.integers(0, 256, size).astype(np.uint8) for size in ((12, 16), (24, 32), (24, 32))]
    pictures = [
        blocks((96, 128), 8, (40, 32), grey=180),  # too dim for the detector alone
        np.zeros((96, 128), np.uint8),  # full of what only the detector takes for faces
        blocks((96, 128), 8, (40, 32), (80, 56), (16, 72)),
        blocks((96, 128), 8, (0, 0), (120, 88), (-4, 40), (60, 92)),  # at the border
        blocks((480, 640), 40, (200, 160), (600, 0), (0, 440)),  # large ones, reduced
        blocks((960, 1280), 40, (200, 160), (620, 460), (1240, 900)),  # in tiles
        blocks((60, 40), 5, (15, 20)),
        blocks((24, 32), 2, (10, 8), (20, 14)),
        blocks((16, 22), 2, (9, 6)),  # smaller than the smallest square
        blocks((12, 16), 1, (5, 4), (9, 8)),  # too low to be refined
        blocks((96, 128), 8, *((left, top) for left in range(0, 128, 16) for top in range(0, 96, 16))),  # more than 40
        *(cv2.resize(image, (128, 96), interpolation=cv2.INTER_CUBIC).astype(np.uint8) for image in coarse[:2]),
        cv2.resize(coarse[0] // 32 + 184, (128, 96), interpolation=cv2.INTER_CUBIC).astype(np.uint8),  # faint
        cv2.resize(coarse[2], (640, 480), interpolation=cv2.INTER_CUBIC).astype(np.uint8),
    ]
    device = BuiltinDetector(load_detector(TINY / release), min_face_px=4)
    names = write_png(server.folder / "blocks", pictures)

    page.open(server.url)
    page.wait("document.body")
    found = [page.ask(DETECT % (release, name)) for name in names]

    for number, (pixels, theirs) in enumerate(zip(pictures, found, strict=True)):
        faces = device.detect(pixels)
        for expected, boxes in zip((rows(faces), rows(device.unsure)), theirs, strict=True):
            assert len(boxes) == len(expected), (number, expected, boxes)
            off = np.abs(np.reshape(boxes, (-1, 5)) - np.reshape(expected, (-1, 5))).max(axis=0, initial=0)
            assert (off <= (1, 1, 1, 1, 0.05)).all(), (number, expected, boxes)
    counts = [[len(boxes) for boxes in each] for each in found]
    assert (counts[0], counts[1]) == (([1, 0], [0, 0]) if release == "refined" else ([0, 0], [12, 0]))
