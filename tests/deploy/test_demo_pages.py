"""The first minute of a newcomer: the pages that the demo opens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import CLIP
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.deploy.conftest import Page

pytest.importorskip("amqtt", reason="needs the extra fer-edge[demo]")

DEMO = f"""
from pathlib import Path
from edge.commands.demo import run_demo
run_demo(windows=None, json=True, clip=Path({str(CLIP)!r}), browse=True)
"""

StartDemo = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def opened(tmp_path: Path) -> Path:
    """The file that holds what was opened in the browser, one address a line."""
    return tmp_path / "opened"


@pytest.fixture
def demo(tmp_path: Path, opened: Path) -> Iterator[StartDemo]:
    """``demo(DISPLAY=":0")`` starts the demo with this in its environment, and a browser that only notes addresses."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >>{opened}.new\nmv {opened}.new {opened}\n')
    browser.chmod(0o755)
    started = []

    def start(**environment: str) -> subprocess.Popen[str]:
        plain = {name: value for name, value in os.environ.items() if name not in ("CI", "DISPLAY", "WAYLAND_DISPLAY")}
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", DEMO],
                env={**plain, "BROWSER": f"{browser} %s", **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=30)


def test_on_a_desktop_the_browser_shows_the_face_and_leads_to_the_page_of_the_room(
    page: Page, demo: StartDemo, opened: Path
) -> None:
    demo(DISPLAY=":0")
    eventually(opened.exists, 60)
    (address,) = opened.read_text().splitlines()

    page.open(address)
    page.wait("document.querySelector('#labels span')?.innerText.startsWith('happy')")
    room = page.ask("document.getElementById('dashboard').href")
    page.open(room)

    page.wait("document.querySelector('.mostly')?.innerText === 'mostly happy'", 40)
    assert page.ask("document.getElementById('connection').innerText") == "connected"
    assert page.ask("document.querySelector('.state .word').innerText") == "running"


@pytest.mark.parametrize("environment", [{}, {"DISPLAY": ":0", "CI": "true"}], ids=["no display", "CI"])
def test_nothing_is_opened_where_nobody_would_see_it(
    demo: StartDemo, opened: Path, environment: dict[str, str]
) -> None:
    running = demo(**environment)

    assert running.stdout is not None
    first_window = running.stdout.readline()

    assert first_window.startswith('{"schema"')
    assert not opened.exists()
