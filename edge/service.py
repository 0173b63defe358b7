"""The daemon: puts its parts together, starts them in order and stops them in reverse."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from msgspec import UNSET

from edge import __version__
from edge.camera.capture import Capture
from edge.config import Config, device_id
from edge.errors import FerEdgeError
from edge.health import HealthMonitor, HealthReporter, Meter
from edge.host.button import Button, GpioLine
from edge.host.sdnotify import SystemdNotifier
from edge.host.sensors import TEMPERATURE
from edge.host.thermal import Throttle
from edge.host.update import rollback_problems
from edge.model.store import find_store
from edge.model.trial import Trial
from edge.mqtt.messages import Context, Deployment, Device, Model, Privacy
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.wallclock import WallClock
from edge.parts import (
    build_pipeline,
    installable,
    open_camera,
    open_classifier,
    open_detector,
    open_outbox,
    open_pause,
    outbox_path,
    reserve_camera,
    trial_path,
)
from edge.pipeline import Onlooker, Outlet
from edge.records import RoomReading, WindowSummary
from edge.vision.classifier import EmotionClassifier
from edge.vision.detector import FaceDetector

STOP_TIMEOUT_S = 8.0
"""Systemd waits longer; a broker that does not respond must not delay the shutdown."""

_log = logging.getLogger(__name__)


class Guest(Outlet, Onlooker, Protocol):
    """Somebody who is shown what the daemon sees and publishes: the demo's preview."""

    def welcome(self, device: Device, meter: Meter, detector: FaceDetector) -> None:
        """Before the first frame."""


class Service:
    """The daemon. What is wrong with its models is reported before anything starts."""

    def __init__(self, config: Config, notifier: SystemdNotifier, guest: Guest | None = None) -> None:
        """Load the models. ``guest`` is shown pictures: only the demo has one.

        Raises:
            ConfigError: an id, password or TLS file is wrong.
            ModelError: a model is missing or damaged.
            DelegateError: the accelerator is absent.
        """
        self._config, self._notifier, self._guest = config, notifier, guest
        self._stop = threading.Event()
        trials = {part: Trial(find_store(part), trial_path(config.outbox)) for part in installable(config)}
        self._trials = tuple(trials.values())
        self._detector, detector_problems = open_detector(config.detector, config.inference, trials.get("detector"))
        self._classifier, classifier_problems = open_classifier(
            config.model, config.inference, trials.get("classifier")
        )
        self._problems = (*detector_problems, *classifier_problems)
        self._device_id = device_id(config.device)

    def stop(self) -> None:
        """Ask ``run`` to end; for signal handlers and other threads."""
        self._stop.set()

    def run(self) -> None:
        """Sense until ``stop`` or the end of the clip.

        Raises:
            CameraError: the recording cannot be opened, or the camera failed for good.
            ConfigError: see ``Publisher.start`` and ``Capture.next``; or the outbox is another file, or the pause
                button cannot be used.
            OutboxError: another process uses the outbox.
        """
        try:
            self._run()
        except FerEdgeError:
            self._stop_trials()
            raise
        self._stop_trials()

    def _run(self) -> None:
        config = self._config
        level = logging.WARNING if config.deployment.withholds_emotions else logging.INFO
        _log.log(level, "%s", config.deployment.sentence)
        with ExitStack() as parts:
            outbox = open_outbox(config.outbox, self._device_id, config.window.duration_s)
            parts.callback(_close_outbox, outbox)
            parts.enter_context(reserve_camera(config.camera))
            pause = open_pause(config)
            if config.privacy.pause_button:
                button = Button(GpioLine(config.privacy.pause_button), pause.press)
                parts.callback(button.stop)
                button.start()
            capture = Capture(
                lambda: open_camera(config.camera),
                stall_s=config.camera.stall_s,
                may_freeze=config.camera.kind == "replay",
                is_paused=lambda: pause.now() is not None,
                name=config.camera.kind,
                patient=config.camera.kind != "replay",
            )
            parts.callback(capture.stop)
            capture.start()
            # Windows of a clip that is replayed faster than it was recorded happened at no time of day.
            fast = config.camera.kind == "replay" and config.camera.pace == "fast"
            clock = WallClock(is_set=lambda _: False) if fast else WallClock()
            device = describe(config, self._device_id, capture.name, self._detector.name, self._classifier)
            publisher = Publisher(
                config.mqtt,
                device,
                outbox,
                clock,
                thermometer=TEMPERATURE.exists(),
                on_pause=pause.obey if config.mqtt.commands else None,
            )
            publisher.start()
            parts.callback(publisher.stop, STOP_TIMEOUT_S)
            meter, throttle = Meter(), Throttle()
            monitor = HealthMonitor(
                capture,
                meter,
                throttle,
                publisher,
                device=self._classifier.device,
                permanent=(*self._problems, *rollback_problems()),
                disk=(outbox_path(config.outbox) or Path("/any")).parent,
                paused=pause.now,
            )
            reporter = HealthReporter(monitor, meter, throttle, publisher, self._notifier, self._prove)
            parts.callback(reporter.stop)
            reporter.start()
            outlet: Outlet = publisher
            if self._guest is not None:
                self._guest.welcome(device, meter, self._detector)
                outlet = _Both(publisher, self._guest)
            parts_of_it = config, capture, self._detector, self._classifier, outlet, meter, throttle, self._guest
            build_pipeline(*parts_of_it).run(self._stop)

    def _prove(self) -> None:
        for trial in self._trials:
            trial.prove()

    def _stop_trials(self) -> None:
        """A person or a camera ended the daemon, and not its models."""
        for trial in self._trials:
            trial.stop()


class _Both:
    """Publishes, and lets the guest read along."""

    def __init__(self, publisher: Publisher, guest: Guest) -> None:
        self._outlets: tuple[Outlet, ...] = publisher, guest

    def publish_window(self, summary: WindowSummary) -> None:
        for outlet in self._outlets:
            outlet.publish_window(summary)

    def publish_live(self, room: RoomReading) -> None:
        for outlet in self._outlets:
            outlet.publish_live(room)


def describe(config: Config, device_id: str, camera: str, detector: str, classifier: EmotionClassifier) -> Device:
    """The ``info`` message of a device with these parts; ``camera`` and ``detector`` are their names."""
    manifest = classifier.manifest
    return Device(
        id=device_id,
        source=config.camera.source,
        version=__version__,
        camera=camera,
        detector=detector,
        model=Model(manifest.id, manifest.sha256, classifier.head.name, classifier.device),
        window_s=config.window.duration_s,
        labels=classifier.labels,
        order=tuple(label for label in manifest.order if label in classifier.labels) or UNSET,
        colours={label: colour for label, colour in manifest.colours.items() if label in classifier.labels} or UNSET,
        privacy=Privacy(config.privacy.min_people, config.counts_only is not None, config.privacy.mode),
        commands=("pause",) if config.mqtt.commands else (),
        deployment=Deployment(config.deployment.context, config.deployment.lawful_basis),
        context=Context(config.device.site, config.device.room, config.device.page),
    )


def _close_outbox(outbox: Outbox) -> None:
    outbox.close()
    if outbox.depth and outbox.is_kept:
        _log.info("windows that wait on disk for the next start: %d", outbox.depth)
    elif outbox.depth:
        _log.warning("windows that were not delivered and are lost: %d; outbox.path would keep them", outbox.depth)
