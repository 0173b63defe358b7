"""Captures that end with their test, and their clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge.camera import Camera
from edge.camera.capture import Capture
from edge.errors import FerEdgeError
from edge.records import Frame
from tests.support.camera import ScriptedCamera


def opening(*attempts: Camera | FerEdgeError) -> Callable[[], Camera]:
    """One attempt after the other; the last one again and again."""
    script = iter(attempts)

    def open_camera() -> Camera:
        attempt = next(script, attempts[-1])
        if isinstance(attempt, FerEdgeError):
            raise attempt
        return attempt

    return open_camera


def next_frame(capture: Capture) -> Frame:
    frame = capture.next(5)
    assert frame is not None
    return frame


class Clock:
    """The capture's clock, which a test can put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("edge.camera.capture.time", clock)
    return clock


@pytest.fixture
def started() -> Iterator[Callable[..., Capture]]:
    """Starts captures and stops them after the test."""
    captures: list[Capture] = []
    cameras: list[ScriptedCamera] = []

    def start(*attempts: ScriptedCamera | FerEdgeError, **options: Any) -> Capture:
        cameras.extend(attempt for attempt in attempts if isinstance(attempt, ScriptedCamera))
        capture = Capture(opening(*attempts), pause_s=0.001, **options)
        capture.start()
        captures.append(capture)
        return capture

    yield start
    for camera in cameras:
        camera.released.set()
    for capture in captures:
        capture.stop()
