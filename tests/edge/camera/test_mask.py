"""Masks: what is masked is black before anything looks, and no face is found there."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.camera.changed import ChangedCamera
from edge.camera.mask import Mask, keep
from edge.config import CameraConfig, DetectorConfig, InferenceConfig
from edge.config_file import load
from edge.errors import ConfigError
from edge.parts import open_camera, open_detector
from edge.polygons import Polygon
from edge.records import Face, Pixels
from tests.support.camera import ScriptedCamera
from tests.support.paths import CLIP

LEFT: Polygon = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def test_what_is_masked_is_black_and_the_rest_as_it_was() -> None:
    camera = ChangedCamera(ScriptedCamera([200], live=False, size_px=(40, 20)), Mask([LEFT]))

    image = camera.read()

    assert image is not None
    assert not image.pixels[:, :21].any()
    assert (image.pixels[:, 21:] == 200).all()


def test_a_camera_that_changes_its_size_is_masked_in_the_same_shares() -> None:
    class Growing(ScriptedCamera):
        sizes = itertools.cycle([(40, 20), (80, 40)])

        def read(self):  # type: ignore[no-untyped-def]
            self._size_px = next(self.sizes)
            return super().read()

    camera = ChangedCamera(Growing([200, 200], live=False), Mask([LEFT]))

    small, large = camera.read(), camera.read()

    assert small is not None
    assert large is not None
    assert [int((image.pixels[0] == 0).sum()) for image in (small, large)] == [21, 41]


@given(st.integers(8, 200), st.integers(8, 200), st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.05, 1))
def test_every_pixel_whose_middle_lies_in_a_rectangle_is_masked(
    height_px: int, width_px: int, left: float, top: float, size: float
) -> None:
    right, bottom = min(left + size, 1.0), min(top + size, 1.0)
    kept = keep([((left, top), (right, top), (right, bottom), (left, bottom))], height_px, width_px)

    columns, rows = (np.arange(width_px) + 0.5) / width_px, (np.arange(height_px) + 0.5) / height_px
    across, down = (columns > left) & (columns < right), (rows > top) & (rows < bottom)

    assert not kept[np.ix_(down, across)].any()


def test_the_mask_is_that_of_the_picture_as_it_is_seen(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((20, 40), 200, np.uint8))

    camera = open_camera(CameraConfig(kind="replay", path=str(tmp_path), pace="fast", rotate=90, mask=(LEFT,)))
    image = camera.read()

    assert image is not None
    assert image.pixels.shape == (40, 20)
    assert not image.pixels[:, :10].any()
    assert image.pixels[:, 11:].all()


def frames(*, mask: tuple[Polygon, ...] = ()) -> list[Pixels]:
    camera = open_camera(CameraConfig(kind="replay", path=str(CLIP), pace="fast", mask=mask))
    return [image.pixels for image in iter(camera.read, None)]


@pytest.mark.parametrize("kind", ["builtin", "haar"])
def test_no_face_is_found_where_it_is_masked_and_everywhere_else_as_before(kind: str) -> None:
    detector, _ = open_detector(DetectorConfig(kind=kind), InferenceConfig())
    seen = [detector.detect(pixels) for pixels in frames()[::5]]
    height_px, width_px = frames()[0].shape

    def around(face: Face) -> Polygon:
        left, right = max(face.left_px / width_px, 0), min(face.right_px / width_px, 1)
        top, bottom = max(face.top_px / height_px, 0), min(face.bottom_px / height_px, 1)
        return ((left, top), (right, top), (right, bottom), (left, bottom))

    def is_masked(face: Face) -> bool:
        x, y = face.centre_px[0] / width_px, face.centre_px[1] / height_px
        return any(left <= x <= right and top <= y <= bottom for (left, top), _, (right, bottom), _ in over_faces)

    over_faces = tuple(around(face) for faces in seen for face in faces)
    beside = tuple(((x, 0.0), (x + 0.02, 0.0), (x + 0.02, 0.02), (x, 0.02)) for x in (0.0, 0.98))
    covered = [detector.detect(pixels) for pixels in frames(mask=over_faces)[::5]]
    untouched = [detector.detect(pixels) for pixels in frames(mask=beside)[::5]]

    assert all(len(faces) == 1 for faces in seen)
    assert not any(is_masked(face) for faces in covered for face in faces)
    assert [len(faces) for faces in untouched] == [1] * len(seen)


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        ("'left'", "camera.mask is 'left'; expected a list of polygons, each a list of points such as [0.25, 1.0]"),
        ("[[0, 0], [1, 0], [1, 1]]", "expected a list of polygons"),
        ("[[[0, 0], [1, true], [1, 1]]]", "expected a list of polygons"),
        (
            "[[[0, 0], [0.5, 0], [0.5, 0.5]], [[0, 0], [1, 1]]]",
            "camera.mask: polygon 2 has 2 points; expected at least",
        ),
        ("[[[0, 0], [640, 0], [640, 480]]]", "polygon 1 has the point [640, 0]; expected two shares of the picture"),
        ("[[[0, 0], [1, 0], [1, 1], [0, 1]]]", "camera.mask covers the whole picture; leave something to see"),
    ],
)
def test_a_wrong_mask_is_refused_with_what_is_expected(tmp_path: Path, mask: str, sentence: str) -> None:
    file = tmp_path / "fer-edge.toml"
    file.write_text(f"[camera]\nmask = {mask}\n", "utf-8")

    with pytest.raises(ConfigError) as refusal:
        load(file)

    assert sentence in str(refusal.value)


def test_a_mask_of_whole_numbers_and_shares_is_read(tmp_path: Path) -> None:
    file = tmp_path / "fer-edge.toml"
    file.write_text("[camera]\nmask = [[[0, 0], [0.5, 0], [0.5, 1]]]\n", "utf-8")

    assert load(file).camera.mask == (((0, 0), (0.5, 0), (0.5, 1)),)
