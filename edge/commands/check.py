"""``fer-edge check``: tries everything that the daemon needs, one by one, without starting it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.camera import Camera
from edge.config import Config, device_id
from edge.errors import CameraError, FerEdgeError
from edge.model.manifest import Manifest
from edge.model.release import read_schema
from edge.mqtt.connection import Connection
from edge.parts import open_camera, open_classifier, open_detector
from edge.records import Problem
from edge.vision.classifier import EmotionClassifier, load_release
from edge.vision.detector.builtin import BuiltinDetector, load_detector
from edge.vision.detector.manifest import DetectorManifest


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: what was found, or the error with which the daemon would end."""

    part: str
    sentence: str
    exit_code: int = 0


def check(config: Config) -> Iterator[Finding]:
    """Try device id, model, detector, camera, outbox and broker; each finding comes as soon as it is known."""
    parts: dict[str, Callable[[Config], str]] = {
        "device": lambda config: f"id {device_id(config.device)}",
        "model": _model,
        "detector": _detector,
        "camera": _camera,
        "outbox": _outbox,
        "broker": _broker,
    }
    for part, try_part in parts.items():
        try:
            yield Finding(part, try_part(config))
        except FerEdgeError as error:
            yield Finding(part, str(error), error.exit_code)


def check_release(folder: Path) -> tuple[str, Manifest]:
    """Load a release folder and run its golden vectors; the part of the daemon it is for, and its manifest.

    Raises:
        ModelError: the folder is damaged or not a release.
    """
    if read_schema(folder) == DetectorManifest.schema:
        return "detector", BuiltinDetector(load_detector(folder)).manifest
    return "model", EmotionClassifier(load_release(folder)).manifest


def _model(config: Config) -> str:
    classifier, problems = open_classifier(config.model, config.inference)
    return f"{_released(classifier.manifest, classifier.device, problems)}; head {classifier.head.name}"


def _detector(config: Config) -> str:
    detector, problems = open_detector(config.detector, config.inference)
    if isinstance(detector, BuiltinDetector):
        return _released(detector.manifest, detector.device, problems)
    return detector.name


def _released(manifest: Manifest, device: str, problems: tuple[Problem, ...]) -> str:
    notes = "".join(f"; {problem.sentence}" for problem in problems)
    return f"{manifest.id} on {device}, sha256 {manifest.sha256[:12]}, golden vectors agree{notes}"


def _camera(config: Config) -> str:
    camera = open_camera(config.camera)
    try:
        return _first_frame(camera)
    finally:
        camera.close()


def _first_frame(camera: Camera) -> str:
    begun_s = time.monotonic()
    frame = camera.read()
    if frame is None:
        raise CameraError(f"camera {camera.name}: delivers no frame; check its cable or its file")
    height_px, width_px = frame.pixels.shape
    return f"{camera.name}: first frame {width_px}x{height_px} after {time.monotonic() - begun_s:.1f} s"


def _outbox(config: Config) -> str:
    if not config.outbox.path:
        return "in memory only; set outbox.path to keep windows over a restart"
    folder = Path(config.outbox.path).parent
    return f"{config.outbox.path}" + ("" if folder.is_dir() else f" ({folder} will be created)")


def _broker(config: Config) -> str:
    connection = Connection(config.mqtt, f"{device_id(config.device)}-check")
    connection.close(timeout_s=1.0)
    return f"{connection.name} accepts the connection, MQTT {config.mqtt.protocol}"
