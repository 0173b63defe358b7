"""The page of ``fer-edge preview`` in a real Chromium. ``FER_PICTURES=docs/pictures`` renews its picture."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import CLIP

if TYPE_CHECKING:
    from tests.deploy.conftest import Page
    from tests.support.preview import StartPreview

ALONE = {"min_people": 1}
LABEL = "document.querySelector('#labels span')?.innerText"
MESSAGE = "JSON.parse(document.getElementById('message').innerText || '{}')"


def click(page: Page, x: float, y: float) -> None:
    """Click on the picture, at shares of its width and height."""
    box = page.ask("(({x, y, width, height}) => ({x, y, width, height}))(stage.getBoundingClientRect())")
    at = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
    for kind in ("mousePressed", "mouseReleased"):
        page.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)


def test_the_page_labels_the_face_and_shows_its_shares_and_the_message(page: Page, preview: StartPreview) -> None:
    running = preview(privacy=ALONE, camera={"kind": "replay", "path": str(CLIP), "loop": True})

    page.open(running.url)
    page.wait(f"{LABEL}.startsWith('happy')")
    page.wait(f"{MESSAGE}.dominant === 'happy'")

    assert page.ask("document.querySelector('#people .most').innerText").startswith("happy")
    assert page.ask("document.getElementById('link-text').innerText").startswith("live")
    assert {address.split("/")[2] for address in page.requested if not address.startswith("data:")} == {
        f"127.0.0.1:{running.port}"
    }


def test_a_wrong_token_shows_no_picture_and_says_what_to_do(page: Page, preview: StartPreview) -> None:
    running = preview()

    page.open(f"{running.url}x")

    page.wait("document.getElementById('link-text').innerText.startsWith('wrong token')")
    assert page.ask("document.getElementById('picture').width") == 300, "the canvas as it was"


def test_a_mask_is_drawn_by_clicks_and_becomes_configuration(page: Page, preview: StartPreview) -> None:
    running = preview()
    page.look(1280, 860, scheme="light")
    page.open(running.url)
    page.wait("facts")

    page.ask("document.getElementById('draw').click()")
    for corner in ((0.1, 0.1), (0.5, 0.1), (0.5, 0.4), (0.1, 0.1)):
        click(page, *corner)
    page.wait("drawing.polygons.length === 1")

    mask = tomllib.loads(page.ask("document.getElementById('toml').innerText"))["camera"]["mask"]
    assert [[round(value, 2) for value in point] for point in mask[0]] == [[0.1, 0.1], [0.5, 0.1], [0.5, 0.4]]
    page.ask("document.getElementById('undo').click()")
    assert "camera" not in tomllib.loads(page.ask("document.getElementById('toml').innerText"))


def test_the_masks_of_the_configuration_stay_when_one_is_drawn(page: Page, preview: StartPreview) -> None:
    corner = [[0, 0.8], [0.2, 0.8], [0.2, 1], [0, 1]]
    running = preview(camera={"kind": "replay", "path": str(CLIP), "loop": True, "mask": [corner]})
    page.open(running.url)
    page.wait("drawing.polygons?.length === 1")

    page.ask("document.getElementById('draw').click()")
    for place in ((0.6, 0.1), (0.9, 0.1), (0.9, 0.4)):
        click(page, *place)
    page.ask("dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter' }))")

    mask = tomllib.loads(page.ask("document.getElementById('toml').innerText"))["camera"]["mask"]
    assert mask[0] == corner
    assert len(mask) == 2


def test_the_slider_chooses_min_face_px_and_shows_what_it_leaves_out(page: Page, preview: StartPreview) -> None:
    running = preview(privacy=ALONE, detector={"min_face_px": 60})
    page.open(running.url)
    page.wait(f"{LABEL}.startsWith('happy')")
    assert tomllib.loads(page.ask("document.getElementById('toml').innerText")) == {"detector": {"min_face_px": 60}}

    page.ask("document.getElementById('smallest').value = 200; smallest.dispatchEvent(new Event('input'))")

    page.wait(f"{LABEL}.startsWith('too small')")
    assert tomllib.loads(page.ask("document.getElementById('toml').innerText")) == {"detector": {"min_face_px": 200}}


def test_when_the_preview_ends_the_page_says_so_and_when_it_is_back_shows_it(page: Page, preview: StartPreview) -> None:
    running = preview()
    page.open(running.url)
    page.wait("facts")

    running.close()

    page.wait("document.getElementById('link').dataset.state === 'lost'")


@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(1440, 900, "light"), (1440, 900, "dark"), (390, 844, "light")]
)
def test_the_page_fits_its_screen(
    page: Page, preview: StartPreview, width: int, height: int, scheme: str, tmp_path: Path
) -> None:
    running = preview(privacy=ALONE, camera={"kind": "replay", "path": str(CLIP), "loop": True, "source": "cam0"})
    page.look(width, height, scheme=scheme)

    page.open(running.url)
    page.wait(f"{LABEL}.startsWith('happy')")
    page.wait("!document.getElementById('message').hidden && facts.fps")

    assert page.ask("document.documentElement.scrollWidth <= innerWidth")
    page.ask("document.getElementById('camera').hidden = true")  # the path of this checkout
    pictures = os.environ.get("FER_PICTURES") if scheme == "light" and width > 600 else None
    page.picture(Path(pictures or tmp_path) / "preview.png")
