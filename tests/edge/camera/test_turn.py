"""Cameras that are not mounted upright."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest

from edge.camera.turn import Flip, turned
from edge.config import CameraConfig
from edge.parts import open_camera
from edge.records import Pixels


def ramp() -> Pixels:
    return np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


@pytest.mark.parametrize(
    ("rotate", "flip", "expected"),
    [
        (0, "none", ramp()),
        (90, "none", ramp()[::-1].T),
        (180, "none", ramp()[::-1, ::-1]),
        (270, "none", ramp().T[::-1]),
        (0, "horizontal", ramp()[:, ::-1]),
        (0, "vertical", ramp()[::-1]),
        (90, "horizontal", ramp()[::-1].T[:, ::-1]),
    ],
)
def test_an_image_is_turned_clockwise_and_then_mirrored(rotate: int, flip: str, expected: Pixels) -> None:
    assert np.array_equal(turned(ramp(), rotate, cast(Flip, flip)), expected)


def test_every_kind_of_camera_is_turned(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), ramp())

    camera = open_camera(CameraConfig(kind="replay", path=str(tmp_path), pace="fast", rotate=90))
    image = camera.read()

    assert image is not None
    assert np.array_equal(image.pixels, ramp()[::-1].T)
    assert camera.name == f"replay {tmp_path.name}"
    assert not camera.live
    assert camera.bad_frames == 0
