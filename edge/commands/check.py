"""``fer-edge check``: tries everything that the daemon needs, one by one, without starting it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.commands.check_network import certificates, names, publish
from edge.config import CameraConfig, Config, device_id
from edge.errors import BrokerError, CameraError, ConfigError, FerEdgeError, ModelError, UnreachableError
from edge.host.button import GpioLine
from edge.mqtt.messages import BASE_TOPIC
from edge.mqtt.outbox_file import IN_USE, probe_file
from edge.parts import open_camera, open_classifier, open_detector, outbox_path
from edge.records import Face, Pixels, Problem

if TYPE_CHECKING:
    from edge.camera import Camera
    from edge.model.manifest import Manifest
    from edge.model.release import Release
    from edge.model.store import Part

_FRAMES, _FRAMES_WITHIN_S = 5, 3.0
"""How many frames are looked at, and how long to wait for them."""
_SMALLEST_PX = 16
"""What ``detector.min_face_px`` may be at least."""
_TURNS = 0, 90, 180, 270
_CLEARLY, _LEAST_ODDS, _SUREST = 1.5, 9, 0.99
"""By what factor the odds of all faces, c / (1 - c), are higher where the picture is upright; what they are at least in
a frame, as of one face with confidence 0.9; and the confidence that counts most.

Detectors find many faces that lie or are upside down, and false ones in any picture, but at lower odds. Of 1200 scenes
of 640x480 with one or three portraits that training held back, 24 to 220 px high, 2 are called turned, and 24 pass
upside down: in 19 of them hardly a face is found, however they are turned. Of 247 without faces, 9 are called turned.
Haar is less sure of small faces: 3 of 9 scenes pass upside down.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: what was found, or the error, the exit status that stands for it and the command that mends it.

    ``reminder``: the part works, and its sentence names something that its operator should still do.
    """

    part: str
    sentence: str
    exit_code: int = 0
    remedy: str = ""
    reminder: bool = False


class _Reminder(str):
    """The sentence of such a finding."""

    __slots__ = ()


def check(config: Config, *, beside_service: bool = False) -> Iterator[Finding]:
    """Try every part that the daemon needs; each finding comes as soon as it is known.

    ``beside_service``: the service with this configuration runs, and holds camera and outbox, as does a daemon that
    was started by hand. Where the libraries that run the models cannot be loaded, nothing is said of the parts that
    need them.
    """
    beside_service = beside_service or _runs_here(config)
    runtime = _try("runtime", _runtime, config)
    yield runtime
    parts: dict[str, Callable[[Config], str]] = {
        "device": lambda config: f"id {device_id(config.device)}",
        "place": _place,
    }
    if not runtime.exit_code:
        parts |= {"model": _model, "detector": _detector, "camera": _held if beside_service else _camera}
    parts["pause"] = partial(_pause, beside_service=beside_service)
    broker = partial(_broker, beside_service=beside_service)
    parts |= {"outbox": _outbox, "dns": names, "tls": certificates, "broker": broker}
    for part, try_part in parts.items():
        finding = _try(part, try_part, config)
        if finding.sentence:
            yield finding


def try_camera(config: Config, *, beside_service: bool) -> Finding:
    """What ``check`` finds of the camera: its image's size, and the faces in view as numbers."""
    return _try("camera", _held if beside_service else _camera, config)


def _try(part: str, try_part: Callable[[Config], str], config: Config) -> Finding:
    try:
        told = try_part(config)
        return Finding(part, told, reminder=isinstance(told, _Reminder))
    except FerEdgeError as error:
        return Finding(part, str(error), error.exit_code)


def check_release(folder: Path, public_key: Path | None = None) -> tuple[Part, Release[Any]]:
    """Load a release folder and run its golden vectors; the part of the daemon it is for, and the release.

    Raises:
        ModelError: the folder is damaged, not a release, or not signed with the private key of ``public_key``.
    """
    from edge.model.release import read_schema
    from edge.vision.classifier import EmotionClassifier, load_release
    from edge.vision.detector.builtin import BuiltinDetector, load_detector
    from edge.vision.detector.manifest import DetectorManifest
    from edge.vision.detector.refiner import RefinerManifest

    schema = read_schema(folder)
    if schema in DetectorManifest.schemas:
        detector = load_detector(folder, public_key)
        BuiltinDetector(detector)
        return "detector", detector
    if schema in RefinerManifest.schemas:
        raise ModelError(f"model {folder}: is the second network of a detector; name the folder above it")
    classifier = load_release(folder, public_key)
    EmotionClassifier(classifier)
    return "classifier", classifier


def _runtime(_config: Config) -> str:
    """Python, and the versions of the libraries that were built for one another."""
    try:
        numpy, opencv = import_module("numpy"), import_module("cv2")  # without the first, the second prints
        from edge.model.interpreter import PACKAGE, VERSION
    # What a library raises that was built for another Python or numpy.
    except (ImportError, AttributeError, ValueError, SystemError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason = " ".join(str(cause).split())[:200]
        raise ConfigError(
            f"Python {sys.version.split()[0]} cannot load the libraries that run the models ({reason}); "
            "they were built for another Python or numpy, or are missing"
        ) from error
    return (
        f"Python {sys.version.split()[0]}, {PACKAGE} {VERSION}, numpy {numpy.__version__}, OpenCV {opencv.__version__}"
    )


def _place(config: Config) -> str:
    told = config.deployment.sentence
    return told if config.deployment.context else _Reminder(told)


def _model(config: Config) -> str:
    classifier, problems = open_classifier(config.model, config.inference)
    return _released(
        classifier.manifest.id, classifier.manifest, classifier.device, problems, f"; head {classifier.head.name}"
    )


def _detector(config: Config) -> str:
    from edge.vision.detector.builtin import BuiltinDetector

    detector, problems = open_detector(config.detector, config.inference)
    if isinstance(detector, BuiltinDetector):
        return _released(detector.release.name, detector.manifest, detector.device, problems)
    return detector.name


def _released(name: str, manifest: Manifest, device: str, problems: tuple[Problem, ...], head: str = "") -> str:
    told = f"{name} on {device}, sha256 {manifest.sha256[:12]}, golden vectors agree{head}"
    return _Reminder("; ".join([told, *(problem.sentence for problem in problems)])) if problems else told


def _camera(config: Config) -> str:
    camera = open_camera(config.camera)
    try:
        begun_s = time.monotonic()
        first = camera.read()
        first_s = time.monotonic() - begun_s
        if first is None:
            raise CameraError(f"camera {camera.name}: delivers no frame; check its cable or its file")
        frames = [first.pixels, *_more_frames(camera)]
    finally:
        camera.close()
    height_px, width_px = first.pixels.shape
    bad = f", {camera.bad_frames} damaged" if camera.bad_frames else ""
    seen = f"{camera.name}: first frame {width_px}x{height_px} after {first_s:.1f} s{bad}"
    try:
        found = {turn: _find(config, frames, turn) for turn in _TURNS}
    except FerEdgeError:  # its own finding says so
        return seen
    faces, hint = _faces(found[0], config.detector.min_face_px), _turn_hint(config.camera, found)
    told = f"{seen}; {faces}{hint}"
    return _Reminder(told) if hint or isinstance(faces, _Reminder) else told


def _more_frames(camera: Camera) -> Iterator[Pixels]:
    begun_s = time.monotonic()
    for _ in range(_FRAMES - 1):
        image = camera.read() if time.monotonic() - begun_s < _FRAMES_WITHIN_S else None
        if image is None:
            return
        yield image.pixels


def _find(config: Config, frames: list[Pixels], turn: int) -> list[tuple[Face, ...]]:
    """The faces of each frame, turned clockwise by ``turn`` degrees.

    The detector is a new one, as it remembers faces from one frame to the next.
    """
    from edge.camera.turn import turned

    detector, _ = open_detector(replace(config.detector, min_face_px=_SMALLEST_PX), config.inference)
    return [detector.detect(turned(frame, turn, "none")) for frame in frames]


def _faces(found: list[tuple[Face, ...]], min_face_px: int) -> str:
    """How many faces the frame with the most has, and how high they are."""
    heights_px = sorted((face.height_px for face in max(found, key=len)), reverse=True)
    if not heights_px:
        return "no face in view"
    told = f"{len(heights_px)} face{'s' * (len(heights_px) > 1)} in view, {', '.join(map(str, heights_px))} px high"
    if small := sum(height_px < min_face_px for height_px in heights_px):
        told += f"; {small} too small for detector.min_face_px = {min_face_px}: bring the camera closer, or lower that"
    return _Reminder(told) if small else told


def _turn_hint(camera: CameraConfig, found: Mapping[int, list[tuple[Face, ...]]]) -> str:
    """What to set if faces are found only, or clearly more surely, in turned frames; empty if they are not."""
    odds = {turn: sum(map(_odds, chain.from_iterable(frames))) for turn, frames in found.items()}
    best = max(odds, key=lambda turn: odds[turn])
    if odds[best] < _LEAST_ODDS * len(found[best]) or odds[best] <= _CLEARLY * odds[0]:
        return ""
    # The image is turned before it is mirrored, and mirroring reverses the direction of a turn.
    rotate = (camera.rotate + (best if camera.flip == "none" else -best)) % 360
    until = "; faces are found more surely when" if odds[0] else " until"
    return f"{until} the picture is turned: set camera.rotate = {rotate}"


def _odds(face: Face) -> float:
    confidence = min(face.confidence, _SUREST)
    return confidence / (1 - confidence)


def _held(config: Config) -> str:
    return f"{config.camera.kind}, in use by the running fer-edge"


def _pause(config: Config, *, beside_service: bool) -> str:
    """What can close the camera; nothing if nothing can."""
    told, anybody = [], False
    if config.privacy.quiet_hours:
        told.append(f"quiet hours {', '.join(config.privacy.quiet_hours)} by {time.strftime('%Z, now %H:%M')}")
    if config.privacy.pause_button:
        if not beside_service:
            GpioLine(config.privacy.pause_button).close()
        told.append(f"a button on {config.privacy.pause_button}")
    if config.mqtt.commands:
        anybody = not (config.mqtt.username or config.mqtt.tls_cert)
        who = ", and that may be anybody: there is no password" * anybody
        told.append(f"who may write {BASE_TOPIC}/{device_id(config.device)}/command/pause{who}")
    sentence = f"the camera can be closed by {'; '.join(told)}" if told else ""
    return _Reminder(sentence) if anybody else sentence


def _outbox(config: Config) -> str:
    path = outbox_path(config.outbox)
    if path is None:
        return _Reminder(
            "none on disk: windows wait in memory, until a restart; set outbox.path (under systemd it has a folder)"
        )
    return f"{path} {probe_file(path)}"


def _broker(config: Config, *, beside_service: bool) -> str:
    device, account = device_id(config.device), config.mqtt.username or config.mqtt.tls_cert
    if account and beside_service:
        # Brokers that take the client id from the account, as ours in deploy/broker, would end its connection.
        return (
            "not tried: fer-edge runs, and a second connection with its account may end the first; its own status says"
            " how it goes, or stop it and check again"
        )
    try:
        return "; ".join(publish(broker, device) for broker in config.mqtt.brokers())
    except UnreachableError as error:
        raise BrokerError(f"{error}; see {config.mqtt.address_keys}") from error


def _runs_here(config: Config) -> bool:
    """Whether a daemon with this outbox runs."""
    path = outbox_path(config.outbox)
    try:
        return path is not None and probe_file(path) == IN_USE
    except FerEdgeError:  # its own finding says so
        return False
