"""The fault table: every row of it a test of this folder, see docs/faults.md."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.faults.proxy import Proxy
from tests.faults.witness import Witness
from tests.support.mosquitto import Mosquitto, StartMosquitto

Figures = Callable[..., None]
MakeProxy = Callable[[int], Proxy]
MakeClip = Callable[[int], Path]
Compile = Callable[[str, str], Path]


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Figures:
    """``figures(recovery_s=1.2, lost=0, note="...")`` puts what a test saw into docs/faults.md."""

    def note(**values: object) -> None:
        for name, value in values.items():
            record_property(name, value)

    return note


@pytest.fixture
def broker(mosquitto: StartMosquitto, tmp_path: Path) -> Mosquitto:
    """A real broker that can be killed without the witness being forgotten."""
    return mosquitto(
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {tmp_path}/",
        "max_queued_messages 0",
        "queue_qos0_messages true",
    )


@pytest.fixture
def witness(broker: Mosquitto, tmp_path: Path) -> Iterator[Witness]:
    """Hears everything that ``broker`` is told."""
    witness = Witness(broker.port)
    broker.save(tmp_path / "mosquitto.db")
    yield witness
    witness.close()


@pytest.fixture
def proxy() -> Iterator[MakeProxy]:
    """``proxy(port)`` is a link to the broker there."""
    proxies: list[Proxy] = []

    def make(port: int) -> Proxy:
        proxies.append(Proxy(port))
        return proxies[-1]

    yield make
    for one in proxies:
        one.close()


@pytest.fixture
def clip(tmp_path: Path) -> MakeClip:
    """``clip(frames)`` is a small moving video without faces, 10 frames a second."""

    def make(frames: int) -> Path:
        path = tmp_path / f"{frames}.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
        for index in range(frames):
            writer.write(np.full((48, 64, 3), index % 256, np.uint8))
        writer.release()
        return path

    return make


@pytest.fixture
def compiled(tmp_path: Path) -> Compile:
    """``compiled("x.c", "libx.so")`` is that source of this folder as a shared library."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler, cc")

    def make(source: str, library: str) -> Path:
        path = tmp_path / library
        command = [
            compiler,
            "-shared",
            "-fPIC",
            "-Wall",
            "-Werror",
            "-o",
            str(path),
            str(Path(__file__).with_name(source)),
        ]
        subprocess.run([*command, "-ldl", "-lpthread"], check=True)
        return path

    return make
