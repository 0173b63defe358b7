"""The sign in a real browser: printed it is one page of A4, and its QR code can be read.

``FER_PICTURES=docs/pictures`` renews its picture.
"""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

import cv2
import pytest

from edge.commands.notice import notice
from edge.commands.notice_words import WORDS
from edge.config import CameraConfig, Config, DeploymentConfig, DeviceConfig, PrivacyConfig
from tests.deploy.conftest import Page

A4_PX = 794, 1123

LONGEST = Config(
    device=DeviceConfig("d" * 32, "National Museum of Technology and Transport, West Wing " * 3, "Foyer " * 20),
    camera=CameraConfig(mask=(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0)),)),
    deployment=DeploymentConfig("workplace", "reason " * 42, "c" * 88 + "@example.com"),
    privacy=PrivacyConfig(quiet_hours=("mon-fri 18:00-08:00", "sat,sun 00:00-24:00"), pause_button="GPIO17"),
)


def show(page: Page, config: Config, language: str, folder: Path) -> None:
    file = folder / "sign.html"
    file.write_text(notice(config, language), "utf-8")
    page.look(*A4_PX, scheme="light")
    page.open(file.as_uri())
    page.wait("document.readyState === 'complete' && document.querySelector('footer')")


@pytest.mark.parametrize("language", WORDS)
def test_printed_it_is_one_page_of_a4_however_much_it_says(page: Page, tmp_path: Path, language: str) -> None:
    show(page, LONGEST, language, tmp_path)

    printed = base64.b64decode(page.call("Page.printToPDF", preferCSSPageSize=True)["data"])

    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
    (box,) = re.findall(rb"/MediaBox\s*\[([^\]]+)\]", printed)
    assert [round(float(side)) for side in box.split()] == [0, 0, 595, 842]
    # Nothing is cut off: the content ends above the page's edge, and the footer above its own.
    assert page.ask("document.body.scrollHeight - document.body.clientHeight") <= 1
    assert page.ask("document.body.scrollWidth <= document.body.clientWidth")
    assert page.ask("document.querySelector('footer').getBoundingClientRect().bottom") < A4_PX[1]


@pytest.mark.parametrize(
    ("contact", "read"),
    [
        ("privacy@museum.example", "mailto:privacy@museum.example"),
        ("https://museum.example/privacy?p=1&q=2", "https://museum.example/privacy?p=1&q=2"),
        ("www.museum.example", "https://www.museum.example"),
        ("+49 (30) 123-456", "tel:+4930123456"),
        ("Reception, 030 12 34 56", "Reception, 030 12 34 56"),
    ],
)
def test_the_qr_code_leads_to_the_contact(page: Page, tmp_path: Path, contact: str, read: str) -> None:
    show(
        page, Config(device=DeviceConfig("fer-1a2b3c4d"), deployment=DeploymentConfig(contact=contact)), "en", tmp_path
    )

    page.picture(tmp_path / "sign.png")

    picture = cv2.imread(str(tmp_path / "sign.png"))
    assert picture is not None
    # OpenCV's reader does not find every code at every size.
    sizes = [cv2.resize(picture[800:, :300], None, fx=scale, fy=scale) for scale in (1, 2, 3)]
    assert read in [cv2.QRCodeDetector().detectAndDecode(size)[0] for size in sizes]


def test_the_sign_of_a_kiosk_fits_its_screen(page: Page, tmp_path: Path) -> None:
    kiosk = Config(
        device=DeviceConfig("fer-1a2b3c4d", "City Museum", "Foyer"),
        camera=CameraConfig(mask=(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0)),)),
        deployment=DeploymentConfig("kiosk", contact="privacy@museum.example"),
        privacy=PrivacyConfig(
            mode="visits", min_people=5, quiet_hours=("22:00-06:00", "sat,sun 00:00-24:00"), pause_button="GPIO17"
        ),
    )

    show(page, kiosk, "en", tmp_path)
    page.picture(Path(os.environ.get("FER_PICTURES", tmp_path)) / "notice.png")

    assert page.ask("document.documentElement.scrollHeight") <= A4_PX[1]


def test_it_asks_the_network_for_nothing(page: Page, tmp_path: Path) -> None:
    show(page, LONGEST, "en", tmp_path)

    assert page.requested == [(tmp_path / "sign.html").as_uri()]
