"""The packages for arm64 and amd64 publish the same of the same images.

Neither is installed: package, Python and numpy of Bookworm are unpacked into a folder and run there, those for the
other processor by qemu-user, which emulates one program and needs no root.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.acceptance.unpacked import MACHINES, emulator, python, unpack
from tests.faults.witness import Witness
from tests.support.daemon import configuration, replay
from tests.support.mosquitto import StartMosquitto
from tests.support.paths import CLIP, ROOT

CLIP_S = 5

pytestmark = [pytest.mark.acceptance, pytest.mark.broker]


class Device:
    """The package of one processor, unpacked."""

    def __init__(self, architecture: str, folder: Path) -> None:
        self._folder = folder
        root = unpack("bookworm", architecture, "python3-numpy", "python3-cryptography")
        options = ["--suite=bookworm", f"--architecture={architecture}", "--preset=0", f"--dist={folder}"]
        subprocess.run([sys.executable, "-m", "deploy.debian.build", *options], cwd=ROOT, check=True)
        (package,) = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
        self._python = python(root, architecture)

    def windows(self, film: Path, port: int, count: int, *, min_people: int = 3) -> list[dict[str, Any]]:
        """The first ``count`` windows of a film, without what tells one run from another."""
        config = self._folder / "fer-edge.toml"
        config.write_text(configuration(port, camera=replay(film, pace="fast"), privacy={"min_people": min_people}))
        witness = Witness(port)
        subprocess.run(
            [*self._python, "-m", "edge", "run", "--config", config],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(self._folder / "usr/lib/fer-edge/app/site")},
            check=True,
            timeout=600,
        )
        witness.wait(count)
        witness.close()
        own = ("id", "window", "historical")
        return [{key: value for key, value in window.items() if key not in own} for window in witness.windows.entries()]


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Device]:
    """One of each processor."""
    for architecture in MACHINES:
        emulator(architecture)
    return {architecture: Device(architecture, tmp_path_factory.mktemp(architecture)) for architecture in MACHINES}


@pytest.fixture
def three_people(tmp_path: Path) -> Path:
    """The images of the demo clip, each three times side by side and half as large."""
    folder = tmp_path / "three"
    folder.mkdir()
    clip = cv2.VideoCapture(str(CLIP))
    for number in range(CLIP_S * 10):
        half = cv2.resize(clip.read()[1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"{number:02}.png"), np.hstack([half] * 3))
    return folder


def test_what_is_published_of_a_group_is_the_same_on_both(
    devices: dict[str, Device], three_people: Path, mosquitto: StartMosquitto
) -> None:
    made = {name: device.windows(three_people, mosquitto().port, CLIP_S) for name, device in devices.items()}

    assert [window["faces"]["people"] for window in made["amd64"]][1:] == [3] * (CLIP_S - 1)
    assert all(window["emotions"] for window in made["amd64"][1:])
    assert made["arm64"] == made["amd64"]


def test_of_a_single_person_in_a_film_the_counts_are_the_same_and_the_shares_nearly(
    devices: dict[str, Device], mosquitto: StartMosquitto
) -> None:
    # FFmpeg's colours and the runtime's sums differ by one step of 8 bits; without a threshold shares are not rounded.
    made = {name: device.windows(CLIP, mosquitto().port, CLIP_S, min_people=1) for name, device in devices.items()}

    shares = {name: [window.pop("emotions") for window in windows] for name, windows in made.items()}
    assert made["arm64"] == made["amd64"]
    assert [share is None for share in shares["arm64"]] == [share is None for share in shares["amd64"]]
    for arm64, amd64 in zip(shares["arm64"], shares["amd64"], strict=True):
        assert (arm64 or {}) == pytest.approx(amd64 or {}, abs=0.005)
    assert any(shares["amd64"])
