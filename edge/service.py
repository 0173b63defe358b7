"""Composition root: configuration -> parts, and their life from readiness to teardown in reverse."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from edge import __version__
from edge.camera.capture import Capture
from edge.config import Config, device_id
from edge.health import HealthMonitor, Meter
from edge.host.sdnotify import SystemdNotifier
from edge.host.thermal import Cooling
from edge.mqtt.messages import STATUS_PERIOD_S, Device, Model
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.wallclock import WallClock
from edge.parts import broker, build_pipeline, open_camera, open_classifier, open_detector, open_outbox
from edge.records import Health

STOP_TIMEOUT_S = 8.0
"""Systemd waits longer; a broker that does not answer must not hold the shutdown up."""

_CHECK_PERIOD_S = 2.0

_log = logging.getLogger(__name__)


class Service:
    """The daemon: parts are made here, everything that can be wrong with them is known before anything starts."""

    def __init__(self, config: Config, notifier: SystemdNotifier) -> None:
        """Load the models.

        Raises:
            ConfigError: an id, password or TLS file is wrong.
            ModelError: a model is missing or damaged.
            DelegateError: the accelerator is absent.
        """
        self._notifier = notifier
        self._stop = threading.Event()
        self._detector, slow_detector = open_detector(config.detector, config.inference)
        self._classifier, slow_classifier = open_classifier(config.model, config.inference)
        self._standing = (*slow_detector, *slow_classifier)
        self._config = config
        self._identity = device_id(config.device)

    def stop(self) -> None:
        """Ask ``run`` to end; for signal handlers and other threads."""
        self._stop.set()

    def run(self) -> None:
        """Sense until ``stop`` or the end of the clip; teardown is in reverse order of the start.

        Raises:
            CameraError: the camera cannot be opened, or failed for good.
            ConfigError: see ``Publisher.start``.
        """
        config = self._config
        with ExitStack() as parts:
            capture = Capture(
                lambda: open_camera(config.camera),
                stall_s=config.camera.stall_s,
                may_freeze=config.camera.kind == "replay",
            )
            parts.callback(capture.stop)
            capture.start()
            outbox = open_outbox(config.outbox)
            parts.callback(_close_outbox, outbox, kept=bool(config.outbox.path))
            publisher = Publisher(broker(config.mqtt), self._describe(capture.name), outbox, WallClock())
            publisher.start()
            parts.callback(publisher.stop, STOP_TIMEOUT_S)
            meter, cooling = Meter(), Cooling()
            monitor = HealthMonitor(
                capture,
                meter,
                cooling,
                publisher,
                device=self._classifier.device,
                standing=self._standing,
                disk=Path(config.outbox.path or "/").parent,
            )
            reporter = _Reporter(monitor, meter, publisher, self._notifier)
            parts.callback(reporter.stop)
            reporter.start()
            pipeline = build_pipeline(config, capture, self._detector, self._classifier, publisher, meter, cooling)
            pipeline.run(self._stop)

    def _describe(self, camera: str) -> Device:
        config, manifest, place = self._config, self._classifier.manifest, self._config.device
        return Device(
            id=self._identity,
            source=config.camera.source,
            version=__version__,
            camera=camera,
            detector=self._detector.name,
            model=Model(manifest.id, manifest.sha256, self._classifier.head.name, self._classifier.device),
            window_s=config.window.duration_s,
            min_people=config.privacy.min_people,
            counts_only=config.privacy.counts_only,
            context={key: value for key, value in (("site", place.site), ("room", place.room)) if value},
        )


def _close_outbox(outbox: Outbox, *, kept: bool) -> None:
    if (waiting := outbox.depth) and kept:
        _log.info("%d windows wait on disk for the next start", waiting)
    elif waiting:
        _log.warning("%d windows were not delivered and are lost; outbox.path would keep them", waiting)
    outbox.close()


class _Reporter(threading.Thread):
    """Publishes the health on change and once a minute, and tells systemd that real work is done."""

    def __init__(self, monitor: HealthMonitor, meter: Meter, publisher: Publisher, notifier: SystemdNotifier) -> None:
        super().__init__(name="reporter", daemon=True)
        self._monitor, self._meter, self._publisher, self._notifier = monitor, meter, publisher, notifier
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Publish the last words."""
        self._stopping.set()
        self.join()
        self._notifier.stopping()
        self._publisher.publish_status(self._monitor.read(stopping=True))

    def run(self) -> None:
        """Look every two seconds."""
        told: tuple[object, ...] = ()
        told_at_s, analysed = float("-inf"), 0
        while not self._stopping.wait(_CHECK_PERIOD_S if analysed else 0.1):
            # A dead publisher starves the watchdog: systemd starts a process that can speak.
            if self._meter.analysed > analysed and self._publisher.alive:
                if not analysed:
                    self._notifier.ready()
                analysed = self._meter.analysed
                self._notifier.alive()
            health = self._monitor.read()
            sentence = _sentence(health)
            self._notifier.status(sentence)
            news = (health.state, tuple(problem.code for problem in health.problems))
            if news != told or time.monotonic() - told_at_s >= STATUS_PERIOD_S:
                told, told_at_s = news, time.monotonic()
                self._publisher.publish_status(health)
                _log.log(logging.WARNING if health.problems else logging.INFO, "%s", sentence)


def _sentence(health: Health) -> str:
    """One line for ``systemctl status`` and the journal."""
    waiting = f"{health.mqtt.outbox} windows wait" if health.mqtt.outbox else "no window waits"
    problems = "".join(f" {problem.sentence}" for problem in health.problems)
    return f"{health.state}: {health.camera.fps:.1f} frames/s, {waiting}.{problems}"
