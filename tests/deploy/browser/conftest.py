"""The sensor in a browser: the page as it is served, and a Chromium whose camera shows the demo's clip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import pytest

from edge.camera.replay import ReplayCamera
from edge.records import Pixels
from tests.deploy.conftest import Page, open_page, run_chromium
from tests.support.paths import CLIP, ROOT

NPM_FAILED = 69
MAKE = ROOT / "deploy" / "browser" / "make.sh"

GREY = """
  const { toGrey } = await import("/image.js");
  const grey = async (name) => {
    const picture = await createImageBitmap(await (await fetch(name)).blob());
    const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    context.drawImage(picture, 0, 0);
    return toGrey(context.getImageData(0, 0, picture.width, picture.height));
  };
"""
"""JavaScript: the grey image of a served picture."""


class Server:
    """A plain web server for a folder; ``asked`` lists the paths it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, list[str]()
        asked = self.asked

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                asked.append(self.path)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """The page."""
        return f"http://127.0.0.1:{self.port}/"

    def close(self) -> None:
        """Answer no more."""
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``make browser`` makes."""
    if shutil.which("npm") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs npm: apt-get install npm")
        pytest.skip("needs npm (apt-get install npm)")
    folder = tmp_path_factory.mktemp("browser") / "site"
    command = str(Path(sys.executable).with_name("fer-quantize"))
    made = subprocess.run(
        [MAKE, folder], env={**os.environ, "FER_QUANTIZE": command}, capture_output=True, text=True, check=False
    )
    if made.returncode == NPM_FAILED and os.environ.get("CI") != "true":
        pytest.skip(f"needs LiteRT.js from npm: {made.stderr.strip()[-200:]}")
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="session")
def clip() -> list[Pixels]:
    """The frames of the demo's clip."""
    camera = ReplayCamera(CLIP, pace="fast", loop=False, fps=10)
    frames = []
    while (image := camera.read()) is not None:
        frames.append(image.pixels)
    camera.close()
    return frames


@pytest.fixture(scope="session")
def chromium_with_camera(tmp_path_factory: pytest.TempPathFactory, clip: list[Pixels]) -> Iterator[str]:
    """A Chromium that lets pages use a camera, which shows the clip thirty times a second."""
    folder = tmp_path_factory.mktemp("camera")
    height, width = clip[0].shape
    with (folder / "clip.y4m").open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg\n".encode())
        for frame in clip:
            file.write(b"FRAME\n" + frame.tobytes() + b"\x80" * (width // 2 * (height // 2) * 2))
    with run_chromium(
        folder,
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={folder / 'clip.y4m'}",
    ) as address:
        yield address


@pytest.fixture
def server(site: Path) -> Iterator[Server]:
    """The page, served."""
    running = Server(site)
    yield running
    running.close()


@pytest.fixture
def page(server: Server, chromium: str) -> Iterator[Page]:
    """A new tab, see ``page`` of the other pages. It goes before the server, from which it may still load something."""
    with open_page(chromium) as tab:
        yield tab


@pytest.fixture
def camera_page(server: Server, chromium_with_camera: str) -> Iterator[Page]:
    """A tab that may use the camera, see ``page``."""
    with open_page(chromium_with_camera) as tab:
        yield tab


def write_png(folder: Path, pictures: list[Pixels]) -> list[str]:
    """Write pictures below a served folder; returns their names there."""
    folder.mkdir(exist_ok=True)
    names = []
    for number, pixels in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
        names.append(f"{folder.name}/{number}.png")
    return names
