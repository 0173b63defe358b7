"""Configuration -> the daemon's parts: the only module that maps configuration keys to classes.

A part's module is imported when the part is opened, so that every command loads only what it needs: ``fer-edge check
--model`` opens a model, and no camera driver comes into memory.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from edge.errors import ConfigError, DelegateError, ModelError
from edge.records import PauseControl, Problem

if TYPE_CHECKING:
    from edge.camera import Camera
    from edge.camera.capture import Capture
    from edge.camera.rtsp import Transport
    from edge.camera.turn import Flip
    from edge.config import (
        CameraConfig,
        Config,
        DetectorConfig,
        InferenceConfig,
        ModelConfig,
        OutboxConfig,
    )
    from edge.health import Meter
    from edge.host.thermal import Throttle
    from edge.model.store import Part
    from edge.model.trial import Trial
    from edge.mqtt.outbox import Outbox
    from edge.pause import Pause
    from edge.pipeline import Onlooker, Outlet, Pipeline
    from edge.records import PrivacyMode
    from edge.vision.classifier import EmotionClassifier
    from edge.vision.detector import FaceDetector

_log = logging.getLogger(__name__)

_Part = TypeVar("_Part")


def open_camera(section: CameraConfig) -> Camera:
    """The camera that the configuration names: its images are upright, and black where they are masked.

    Raises:
        CameraError: it cannot be opened.
    """
    camera = _open_upright(section)
    if not section.mask:
        return camera
    from edge.camera.changed import ChangedCamera
    from edge.camera.mask import Mask

    return ChangedCamera(camera, Mask(section.mask))


def _open_upright(section: CameraConfig) -> Camera:
    flip = cast("Flip", section.flip)
    rotate = section.rotate
    if section.kind == "csi":
        from edge.camera.csi import CsiCamera

        by_sensor = rotate in (0, 180)
        camera: Camera = CsiCamera(
            section.width_px,
            section.height_px,
            fps=section.fps,
            stall_s=section.stall_s,
            hflip=by_sensor and (rotate == 180) != (flip == "horizontal"),
            vflip=by_sensor and (rotate == 180) != (flip == "vertical"),
        )
        if by_sensor:
            return camera
    elif section.kind == "usb":
        from edge.camera.usb import UsbCamera

        size_px = section.width_px, section.height_px
        camera = UsbCamera(section.device, *size_px, fps=section.fps, stall_s=section.stall_s)
    elif section.kind == "stream":
        camera = _open_stream(section)
    else:
        from edge.camera.replay import ReplayCamera

        pace = cast(Literal["real", "fast"], section.pace)
        camera = ReplayCamera(Path(section.path), pace=pace, loop=section.loop, fps=section.fps)
    if rotate == 0 and flip == "none":
        return camera
    from edge.camera.changed import ChangedCamera
    from edge.camera.turn import turned

    return ChangedCamera(camera, partial(turned, rotate=rotate, flip=flip))


def _open_stream(section: CameraConfig) -> Camera:
    from edge.camera.address import parse_address

    address = parse_address(section.url)
    if address.scheme in ("http", "https"):
        from edge.camera.http import HttpCamera

        return HttpCamera(address, fps=section.fps, stall_s=section.stall_s)
    from edge.camera.rtsp import RtspCamera

    transport = cast("Transport", section.transport)
    return RtspCamera(address, transport=transport, fps=section.fps, stall_s=section.stall_s)


def reserve_camera(section: CameraConfig) -> AbstractContextManager[object]:
    """Keep other processes of fer-edge from reading this camera, see ``hold_camera``; a recording is for everybody.

    Raises:
        CameraError: another one reads it.
    """
    from edge.host.camera_lock import hold_camera

    if section.kind == "csi":
        return hold_camera("csi")
    if section.kind == "stream":
        return hold_camera(section.url)
    # A device that is absent is told of when it is opened.
    if section.kind == "usb" and Path(section.device).exists():
        return hold_camera(str(Path(section.device).resolve()))
    return nullcontext()


def open_detector(
    section: DetectorConfig, inference: InferenceConfig, trial: Trial | None = None
) -> tuple[FaceDetector, tuple[Problem, ...]]:
    """The face detector that the configuration names, and the problems that it starts with; see ``_open_installed``.

    Raises:
        ModelError: its model is missing, damaged or no such model.
        DelegateError: the accelerator is absent and no fallback is allowed.
    """
    if section.kind == "haar":
        from edge.vision.detector.haar import HaarDetector

        return HaarDetector(min_face_px=section.min_face_px), ()
    if section.kind == "yunet":
        from edge.model.download import YUNET
        from edge.vision.detector.yunet import YuNetDetector

        model = Path(section.model) if section.model else YUNET.find()
        return YuNetDetector(model, min_face_px=section.min_face_px), ()
    import cv2

    from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector

    cv2.setNumThreads(inference.threads)  # Haar and YuNet run on OpenCV's threads; here they would only take memory.

    def open_from(folder: Path) -> tuple[FaceDetector, tuple[Problem, ...]]:
        release = load_detector(folder, _path(inference.public_key))
        return _on_device(
            "detector",
            inference,
            lambda delegate: BuiltinDetector(
                release,
                min_face_px=section.min_face_px,
                max_looks=section.max_looks,
                threads=inference.threads,
                delegate=delegate,
            ),
        )

    if section.model:
        return open_from(Path(section.model))
    return _open_installed("detector", PACKAGED_DETECTOR, open_from, trial)


def open_classifier(
    section: ModelConfig, inference: InferenceConfig, trial: Trial | None = None
) -> tuple[EmotionClassifier, tuple[Problem, ...]]:
    """The classifier that the configuration names, and the problems that it starts with; see ``_open_installed``.

    Raises:
        ModelError: the release is missing, damaged or not what its manifest says.
        ConfigError: it has no such head.
        DelegateError: the accelerator is absent and no fallback is allowed.
    """
    from edge.config import LIGHT
    from edge.vision.classifier import PACKAGED_LIGHT_MODEL, PACKAGED_MODEL, EmotionClassifier, load_release

    def open_from(folder: Path) -> tuple[EmotionClassifier, tuple[Problem, ...]]:
        release = load_release(folder, _path(inference.public_key))
        return _on_device(
            "classifier",
            inference,
            lambda delegate: EmotionClassifier(
                release, head=section.head, threads=inference.threads, delegate=delegate
            ),
        )

    if section.folder:
        return open_from(PACKAGED_LIGHT_MODEL if section.folder == LIGHT else Path(section.folder))
    return _open_installed("classifier", PACKAGED_MODEL, open_from, trial)


def _open_installed(
    part: Part,
    packaged: Path,
    open_from: Callable[[Path], tuple[_Part, tuple[Problem, ...]]],
    trial: Trial | None,
) -> tuple[_Part, tuple[Problem, ...]]:
    """The release that ``fer-edge model install`` made current, or else the one in the package.

    The daemon has a ``trial``: if what was installed cannot be opened or has failed before, the one before it is opened
    and the problem is reported.
    """
    from edge.model.store import find_store

    if trial is None:
        return open_from(find_store(part).current or packaged)
    try:
        opened, problems = open_from(trial.release or packaged)
    except (ModelError, ConfigError) as error:
        if not trial.refuse():
            raise
        _log.error("%s", error)
        opened, problems = open_from(trial.release or packaged)
    if trial.failed is not None:
        before = f"release {trial.release.name}" if trial.release else "the one in the package"
        sentence = f"The {part} {trial.failed.name} did not prove itself; {before} runs instead."
        problems = (*problems, Problem("model_rolled_back", sentence))
    return opened, problems


def _on_device(
    name: str, inference: InferenceConfig, make: Callable[[str | None], _Part]
) -> tuple[_Part, tuple[Problem, ...]]:
    """What ``make`` returns for the configured device, or for the CPU if the device is absent and fallback allows."""
    try:
        return make(None if inference.device == "cpu" else inference.device), ()
    except DelegateError as error:
        if inference.fallback != "cpu":
            raise
        _log.warning("%s; the %s runs on the cpu, as inference.fallback allows", error, name)
        return make(None), (Problem("accelerator_missing", f"The {name} runs on the CPU: {error}."),)


def outbox_path(section: OutboxConfig) -> Path | None:
    """Where the outbox lies: as configured, else in the state folder that systemd gives; None in memory only."""
    if section.path:
        return Path(section.path)
    folder = os.environ.get("STATE_DIRECTORY")
    return Path(folder.partition(":")[0]) / "outbox.sqlite" if folder else None


def installable(config: Config) -> tuple[Part, ...]:
    """The parts that run what ``fer-edge model install`` made current: the configuration names no file for them."""
    own_detector = config.detector.kind != "builtin" or config.detector.model
    parts: dict[Part, bool] = {"detector": not own_detector, "classifier": not config.model.folder}
    return tuple(part for part, is_ours in parts.items() if is_ours)


def trial_path(section: OutboxConfig) -> Path | None:
    """Where the daemon counts its starts with a new model, beside the outbox; None without a state folder."""
    from edge.model.trial import TRIAL_FILE

    outbox = outbox_path(section)
    return None if outbox is None else outbox.with_name(TRIAL_FILE)


def open_outbox(section: OutboxConfig, device: str, window_s: float) -> Outbox:
    """The outbox that the configuration names.

    Raises:
        OutboxError: another process uses it.
        ConfigError: the file is no outbox.
    """
    from edge.mqtt.outbox import Outbox

    return Outbox(
        outbox_path(section),
        device,
        window_s=window_s,
        unheard_s=60 * section.unheard_minutes,
        max_rows=section.max_rows,
        max_bytes=section.max_mb * 2**20,
    )


def open_pause(config: Config) -> Pause:
    """What pauses the device: quiet hours, and the controls that the configuration allows.

    A pause outlasts a restart in a file beside the outbox; without an outbox on disk it does not.
    """
    from edge.host.quiet_hours import QuietHours
    from edge.mqtt.wallclock import WallClock
    from edge.pause import Pause

    controls: list[PauseControl] = []
    if config.mqtt.commands:
        controls.append("command")
    if config.privacy.pause_button:
        controls.append("button")
    outbox = outbox_path(config.outbox)
    file = outbox and outbox.with_name(f"{outbox.name}.pause")
    return Pause(QuietHours(config.privacy.quiet_hours), controls, WallClock(), file)


def build_pipeline(
    config: Config,
    capture: Capture,
    detector: FaceDetector,
    classifier: EmotionClassifier,
    outlet: Outlet,
    meter: Meter,
    throttle: Throttle,
    onlooker: Onlooker | None = None,
) -> Pipeline:
    """The pipeline between a started capture and an outlet."""
    from edge.pipeline import Pipeline
    from edge.vision.liveness import Liveness
    from edge.vision.tracker import FaceTracker
    from edge.vision.window import EmotionWindow

    tracker = FaceTracker(detect_every=config.detector.every)
    window = EmotionWindow(
        duration_s=config.window.duration_s,
        min_people=config.privacy.min_people,
        counts_only=config.counts_only,
        mode=cast("PrivacyMode", config.privacy.mode),
        uncertain_below=config.model.uncertain_below,
        labels=classifier.labels,
    )
    parts = capture, detector, tracker, classifier, window, outlet, meter, throttle, Liveness(), onlooker
    return Pipeline(*parts, min_face_px=config.detector.min_face_px)


def _path(name: str) -> Path | None:
    return Path(name) if name else None
