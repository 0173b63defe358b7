"""One room, seen by cameras that are mounted in every way: the same aggregate."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge.camera.capture import Capture
from edge.camera.replay import ReplayCamera
from edge.commands.check import check
from edge.config import CameraConfig, Config, DetectorConfig, PrivacyConfig
from edge.health import Meter
from edge.host.thermal import Throttle
from edge.parts import build_pipeline, open_camera, open_classifier, open_detector
from edge.records import RoomReading, WindowSummary
from tests.support.paths import CLIP

# How the camera turns and mirrors the image, and the keys that undo it.
MOUNTINGS: dict[str, tuple[int | None, bool, dict[str, Any]]] = {
    "90": (cv2.ROTATE_90_COUNTERCLOCKWISE, False, {"rotate": 90}),
    "180": (cv2.ROTATE_180, False, {"rotate": 180}),
    "270": (cv2.ROTATE_90_CLOCKWISE, False, {"rotate": 270}),
    "mirrored": (None, True, {"flip": "horizontal"}),
    "90 and mirrored": (cv2.ROTATE_90_COUNTERCLOCKWISE, True, {"rotate": 90, "flip": "horizontal"}),
}


class Windows:
    def __init__(self) -> None:
        self.summaries: list[WindowSummary] = []

    def publish_window(self, summary: WindowSummary) -> None:
        self.summaries.append(summary)

    def publish_live(self, room: RoomReading) -> None:
        pass


def record(folder: Path, mounting: str | None, count: int = 50) -> Path:
    """The demo clip as a camera in this mounting sees it."""
    folder.mkdir()
    clip = ReplayCamera(CLIP, pace="fast", loop=False)
    for number in range(count):
        image = clip.read()
        assert image is not None
        seen = image.pixels
        if mounting is not None:
            turn, mirrored, _ = MOUNTINGS[mounting]
            seen = cv2.flip(seen, 1) if mirrored else seen  # type: ignore[assignment]
            seen = seen if turn is None else cv2.rotate(seen, turn)  # type: ignore[assignment]
        cv2.imwrite(str(folder / f"{number:03d}.png"), seen)
    return folder


def aggregate(folder: Path, detector: str, **mounting: Any) -> WindowSummary:
    camera = CameraConfig(kind="replay", path=str(folder), pace="fast", **mounting)
    config = Config(camera=camera, detector=DetectorConfig(kind=detector), privacy=PrivacyConfig(min_people=1))
    capture, windows = Capture(lambda: open_camera(camera)), Windows()
    capture.start()
    parts = open_detector(config.detector, config.inference)[0], open_classifier(config.model, config.inference)[0]
    build_pipeline(config, capture, *parts, windows, Meter(), Throttle()).run(threading.Event())
    capture.stop()
    (summary,) = windows.summaries
    return summary


@pytest.mark.parametrize("mounting", MOUNTINGS)
def test_a_camera_in_any_mounting_gives_the_same_aggregate(tmp_path: Path, mounting: str) -> None:
    upright = aggregate(record(tmp_path / "upright", None), "builtin")

    turned = aggregate(record(tmp_path / "turned", mounting), "builtin", **MOUNTINGS[mounting][2])

    assert upright.emotions is not None
    assert turned.emotions is not None
    assert (turned.captured, turned.people, turned.max_at_once) == (50, upright.people, upright.max_at_once)
    assert turned.mean_at_once == pytest.approx(upright.mean_at_once, abs=0.001)
    assert turned.emotions.probabilities == pytest.approx(upright.emotions.probabilities, abs=0.001)


@pytest.mark.parametrize("detector", ["builtin", "haar"])
@pytest.mark.parametrize("mounting", [None, "90", "180", "270"])
def test_check_tells_how_to_turn_a_camera_whose_faces_are_not_upright(
    tmp_path: Path, detector: str, mounting: str | None
) -> None:
    folder = record(tmp_path / "seen", mounting, count=5)
    camera = CameraConfig(kind="replay", path=str(folder), pace="fast")

    findings = check(Config(camera=camera, detector=DetectorConfig(kind=detector)))

    (told,) = [finding.sentence for finding in findings if finding.part == "camera"]
    assert (
        told.endswith(f" the picture is turned: set camera.rotate = {mounting}") if mounting else "turned" not in told
    )


@pytest.mark.parametrize(
    ("upright", "upside_down", "told"),
    [
        (1, 0, r"1 face in view, \d+ px high"),
        (0, 1, r"no face in view until the picture is turned: set camera\.rotate = 180"),
        (
            1,
            2,
            r"\d faces? in view, [\d, ]+ px high; faces are found more surely when the picture is turned: "
            r"set camera\.rotate = 180",
        ),
        (2, 1, r"\d faces in view, [\d, ]+ px high"),
    ],
)
def test_check_says_whether_faces_are_upright_or_turned_or_both(
    tmp_path: Path, upright: int, upside_down: int, told: str
) -> None:
    folder = record(tmp_path / "one", None, count=5)
    for path in folder.iterdir():
        head = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert head is not None
        heads = [head] * upright + [cv2.rotate(head, cv2.ROTATE_180)] * upside_down
        cv2.imwrite(str(path), cv2.hconcat(heads))
    camera = CameraConfig(kind="replay", path=str(folder), pace="fast")

    (finding,) = [each for each in check(Config(camera=camera)) if each.part == "camera"]

    assert re.search(rf"; {told}$", finding.sentence)
    assert finding.reminder == ("turned" in told)
