"""What the page's detector looks at and finds against the device's own, on the same grey pictures."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from edge.vision.detector.letterbox import letterbox
from edge.vision.detector.tiles import plan_looks
from tests.deploy.browser.conftest import GREY, Server, write_png
from tests.deploy.conftest import Page

REDUCE_ALL = f"""
(async () => {{
  const {{ letterbox }} = await import("/detector.js");
  {GREY}
  const results = [];
  for (const name of %s) results.push(Array.from(letterbox(await grey(name), 288, 384).values));
  return results;
}})()
"""


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
