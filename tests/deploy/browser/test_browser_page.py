"""The page as a visitor uses it. ``FER_PICTURES=docs/pictures`` renews its pictures."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.records import Pixels
from quantize.browser import make_browser_release
from tests.deploy.browser.conftest import Server
from tests.deploy.conftest import Page
from tests.support.paths import TINY

READY = "document.getElementById('status').dataset.state === 'ready' && !document.getElementById('camera').disabled"
LABELS = "[...document.querySelectorAll('#labels span')].map((label) => label.innerText)"


def choose(page: Page, file: Path) -> None:
    """Choose a file in the page's dialog."""
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    chooser = page.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    page.call("DOM.setFileInputFiles", files=[str(file)], nodeId=chooser)


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory, clip: list[Pixels]) -> Path:
    """A picture with six faces."""
    file = tmp_path_factory.mktemp("crowd") / "crowd.png"
    frames = [cv2.resize(frame[:, 60:400], (340, 360)) for frame in clip[::9]]
    cv2.imwrite(str(file), np.vstack([np.hstack(frames[:3]), np.hstack(frames[3:6])]))
    return file


def test_a_face_before_the_camera_gets_its_label_and_nothing_is_sent(camera_page: Page, server: Server) -> None:
    camera_page.open(server.url)
    camera_page.wait(READY)

    camera_page.ask("document.getElementById('camera').click()")
    camera_page.wait(f"{LABELS}[0]?.startsWith('happy')")
    camera_page.wait("document.getElementById('speed').innerText.endsWith('frames/s')")

    speed = camera_page.ask("document.getElementById('speed').innerText")
    print(speed)  # noqa: T201 - a figure for the documentation
    assert float(speed.split()[0]) > 1
    assert camera_page.ask("document.querySelector('#people .most').innerText").startswith("happy")
    asked = [address for address in camera_page.requested if not address.startswith(("data:", "blob:"))]
    assert {address.split("/")[2] for address in asked} == {f"127.0.0.1:{server.port}"}
    assert not [line for line in server.asked if "?" in line]
    camera_page.ask("document.getElementById('stop').click()")
    assert camera_page.ask(LABELS) == []


def test_every_face_of_a_picture_gets_its_label(page: Page, server: Server, crowd: Path) -> None:
    page.open(server.url)
    page.wait(READY)

    choose(page, crowd)

    page.wait(f"{LABELS}.length === 6")
    assert {text.split()[0] for text in page.ask(LABELS)} == {"happy"}
    assert page.ask("document.querySelectorAll('#people > li').length") == 6


def test_a_release_with_other_labels_is_shown_with_them_in_its_order_and_colours(
    page: Page, site: Path, crowd: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(site, tmp_path / "site"))
    file = folder / "models/emotion/model.json"
    labels = ["a", "b", "gut gelaunt", "confused", "1", "constructor", "new"]
    look = {"labels": labels, "order": labels[::-1], "colours": {"confused": "#123456"}}
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | look), "utf-8")
    other = Server(folder)
    page.open(other.url)
    page.wait(READY)

    choose(page, crowd)

    page.wait(f"{LABELS}.length === 6")
    assert {text.split()[0] for text in page.ask(LABELS)} == {"confused"}
    assert page.ask("document.querySelector('#labels span').style.getPropertyValue('--hue')") == "#123456"
    bars = "[...document.querySelector('#people .bars').children].map((bar) => bar.dataset.name)"
    assert page.ask(bars) == labels[::-1]
    other.close()


def test_a_file_that_is_no_picture_is_refused_with_a_sentence(page: Page, server: Server, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    page.open(server.url)
    page.wait(READY)

    choose(page, tmp_path / "notes.png")

    page.wait("document.getElementById('trouble').innerText.startsWith('notes.png is no picture')")


def test_without_a_camera_the_page_offers_files(page: Page, server: Server) -> None:
    page.open(server.url)
    page.wait(READY)

    page.ask("document.getElementById('camera').click()")

    page.wait("/no camera|does not let/.test(document.getElementById('trouble').innerText)")
    assert page.ask("document.getElementById('choose').disabled") is False


def test_once_loaded_it_works_without_a_network(page: Page, site: Path, crowd: Path) -> None:
    server = Server(site)
    page.open(server.url)
    page.wait(READY)
    page.wait("document.getElementById('offline').innerText")

    server.close()
    page.open(server.url + "?again")
    page.wait(READY)
    choose(page, crowd)

    page.wait(f"{LABELS}.length === 6")


def test_the_second_stage_of_the_detector_is_kept_for_when_there_is_no_network(
    page: Page, site: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(site, tmp_path / "site"))
    make_browser_release(TINY / "refined", folder / "models/face")
    server = Server(folder)
    page.open(server.url)
    page.wait("document.getElementById('offline').innerText")

    server.close()
    page.open(server.url + "?again")

    page.wait(READY)
    assert server.asked.count("/models/face/refiner/model.tflite") >= 1


def test_the_policy_lets_the_page_reach_nobody_else(site: Path) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', (site / "index.html").read_text("utf-8"))

    assert policy is not None
    sources = {part.split()[0]: part.split()[1:] for part in policy[1].split("; ")}
    assert sources["default-src"] == ["'none'"]
    assert sources["connect-src"] == ["'self'"]
    assert not [word for words in sources.values() for word in words if "://" in word or "*" in word]


@pytest.mark.parametrize(
    ("width", "height", "scheme", "name"), [(1440, 900, "light", "page"), (390, 844, "dark", "phone")]
)
def test_the_page_fits_its_screen(
    camera_page: Page, server: Server, width: int, height: int, scheme: str, name: str, tmp_path: Path
) -> None:
    camera_page.look(width, height, scheme=scheme)
    camera_page.open(server.url)
    camera_page.wait(READY)
    assert camera_page.ask("document.documentElement.scrollWidth <= innerWidth")

    camera_page.ask("document.getElementById('camera').click()")
    camera_page.wait(f"{LABELS}[0]?.startsWith('happy')")
    camera_page.wait("document.getElementById('speed').innerText")

    assert camera_page.ask("document.documentElement.scrollWidth <= innerWidth")
    camera_page.picture(Path(os.environ.get("FER_PICTURES", tmp_path)) / f"browser-{name}.png")
