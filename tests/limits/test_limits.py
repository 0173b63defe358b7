"""The tables of docs/privacy.md are made by commands; here on little input, so that the commands go on working."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.vision.detector.yunet import YuNetDetector
from tests.limits import still, unreadable
from tests.support.page import replace_section
from tests.support.paths import CLIP


def test_a_poster_is_not_counted_and_the_person_of_a_clip_is(shared: Path) -> None:
    people, posters = still.Watched(), still.Watched()

    people.add(still.play(shared / "media" / "intel_head-pose-face-detection-female.gif", 1), detect_every=3)
    posters.add(still.posters(shared / "data" / "faces", (still.noise(2),), scene=1, length_s=6))

    assert len(people.tracks) == 1
    assert None not in people.tracks
    assert posters.tracks == [None] * 3
    assert all(look_s > 0 for look_s in people.looks_s)


@pytest.mark.parametrize("disturb", [each for ways in still.DISTURBANCES.values() for each in ways])
def test_every_disturbance_changes_the_picture_but_not_its_size(disturb: still.Disturb) -> None:
    picture = np.random.default_rng(1).uniform(20, 200, (480, 640)).astype(np.float32)

    disturbed = disturb(picture, 0.7, np.random.default_rng(2))

    assert disturbed.shape == picture.shape
    assert not np.array_equal(disturbed, picture)


def test_a_clip_is_played_forwards_and_backwards() -> None:
    frames = list(still.play(CLIP, 1))

    assert len(frames) == still.LENGTH_S * 10
    assert np.array_equal(frames[48].pixels, frames[50].pixels)
    assert not np.array_equal(frames[48].pixels, frames[49].pixels)


def test_a_file_that_is_no_clip_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gif"
    broken.write_bytes(b"GIF89a")

    with pytest.raises(SystemExit, match=r"broken\.gif"):
        list(still.play(broken, 1))


def test_faces_without_light_or_detail_are_not_read(shared: Path) -> None:
    capture = cv2.VideoCapture(str(CLIP))
    face = cv2.resize(cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2GRAY), (48, 48), interpolation=cv2.INTER_AREA)
    pixels = np.repeat(face[None], 4, axis=0).astype(np.uint8)
    yunet = YuNetDetector(shared / "models" / "face_detection_yunet_2023mar.onnx")

    rows = {
        cells[1].strip(): cells[4].strip()
        for cells in (line.split("|") for line in unreadable.report(pixels, np.zeros(4, int), yunet).splitlines())
        if len(cells) > 5
    }

    assert rows["as they are"] == "0%"
    assert rows["contrast of 6.5"] == "100%"
    assert rows["12 px high"] == "100%"


def test_only_the_named_section_of_a_page_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- still: by x -->\nold\n<!-- end of still -->\nb\n", "utf-8")

    replace_section(page, "still", "new\n")

    assert page.read_text("utf-8") == "a\n<!-- still: by x -->\nnew\n<!-- end of still -->\nb\n"
    with pytest.raises(ValueError, match="other 0 times"):
        replace_section(page, "other", "")
