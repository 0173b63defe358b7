"""What a recording shows."""

from __future__ import annotations

from collections.abc import Iterator

from edge.camera.replay import ReplayCamera
from edge.records import Image


def next_image(camera: ReplayCamera) -> Image:
    image = camera.read()
    assert image is not None
    return image


def images_of(camera: ReplayCamera) -> Iterator[Image]:
    """All up to the end."""
    while (image := camera.read()) is not None:
        yield image


def levels_of(camera: ReplayCamera) -> list[int]:
    return [round(float(image.pixels.mean())) for image in images_of(camera)]
