"""How the device is doing: what the pipeline measures of itself, and the problems a person should know of."""

from __future__ import annotations

import logging
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from edge import __version__
from edge.camera.capture import Capture
from edge.host.memory import give_back
from edge.host.sdnotify import SystemdNotifier
from edge.host.sensors import read_host
from edge.host.thermal import Throttle
from edge.mqtt.codec import STATUS_PERIOD_S
from edge.mqtt.publisher import Publisher
from edge.records import CameraHealth, Health, HostHealth, InferenceHealth, Paused, Percentiles, Problem, State

Stage: TypeAlias = Literal["detect", "track", "crop", "classify", "window", "publish"]
"""What is timed of a frame in the pipeline's thread; ``status`` reports detecting and classifying."""

_SAMPLES = 600
_RATE_SPAN_S = 30.0
_KNOWN_AFTER_S = 2.0
_DISK_LOW_MB = 100
_CHECK_PERIOD_S = 2.0

_log = logging.getLogger(__name__)


class Meter:
    """Durations of the pipeline's stages and its frame rate; written by the pipeline, read by the monitor."""

    def __init__(self) -> None:
        self._durations_s: dict[Stage, deque[float]] = {}
        self._frames_at_s: deque[float] = deque(maxlen=_SAMPLES)
        self.analysed = 0
        """Frames that went all the way."""
        self.windows = 0
        """Windows that were finished."""

    def now_s(self) -> float:
        """The clock that stages are timed with."""
        return time.perf_counter()

    @contextmanager
    def time(self, stage: Stage) -> Iterator[None]:
        """Measure one pass through ``stage``."""
        begun_s = self.now_s()
        yield
        self._durations_s.setdefault(stage, deque(maxlen=_SAMPLES)).append(self.now_s() - begun_s)

    def frame_done(self) -> None:
        """One more frame went all the way."""
        self.analysed += 1
        self._frames_at_s.append(time.monotonic())

    def fps(self) -> float | None:
        """Analysed frames per second over the last half minute; None until two seconds are known."""
        now_s = time.monotonic()
        recent = [at_s for at_s in tuple(self._frames_at_s) if now_s - at_s <= _RATE_SPAN_S]
        if len(recent) < 2:
            return 0.0 if self.analysed > len(recent) else None
        span_s = now_s - recent[0]
        return (len(recent) - 1) / span_s if span_s >= _KNOWN_AFTER_S else None

    def percentiles_ms(self, stage: Stage) -> Percentiles | None:
        """Median and 95th percentile of the newest passes through ``stage``; None before the second."""
        durations_ms = [1000 * duration_s for duration_s in tuple(self._durations_s.get(stage, ()))]
        if len(durations_ms) < 2:
            return None
        return Percentiles(statistics.median(durations_ms), statistics.quantiles(durations_ms, n=20)[-1])


class HealthMonitor:
    """Reads the health of a running daemon from its parts; changes none of them."""

    def __init__(
        self,
        capture: Capture,
        meter: Meter,
        throttle: Throttle,
        publisher: Publisher,
        *,
        device: str,
        permanent: tuple[Problem, ...],
        disk: Path,
        paused: Callable[[], Paused | None] = lambda: None,
    ) -> None:
        """``permanent`` problems last as long as the process, such as a fallback to the CPU; ``paused`` says why the
        camera is closed, None if it is not.
        """
        self.paused = paused
        self._capture, self._meter, self._throttle, self._publisher = capture, meter, throttle, publisher
        self._device, self._permanent, self._disk = device, permanent, disk
        self._started_s = time.monotonic()

    def read(self, *, stopping: bool = False) -> Health:
        """The health now."""
        host = read_host(self._disk)
        problems = (
            *self._permanent,
            *self._camera_problems(),
            *self._publisher.problems,
            *_host_problems(host),
            *self._throttle.problems,
        )
        state: State = "degraded" if problems else "running"
        paused = self.paused()
        if stopping:
            state = "stopping"
        elif paused:
            state = "paused"
        elif not self._meter.analysed and not self._capture.stalled:
            state = "starting"
        age_s = self._capture.last_frame_age_s if self._capture.captured else None
        return Health(
            state=state,
            problems=problems,
            camera=CameraHealth(
                self._capture.name,
                self._meter.fps(),
                age_s,
                self._capture.stalls,
                self._capture.reopens,
                self._capture.bad_frames,
            ),
            inference=InferenceHealth(
                self._device, self._meter.percentiles_ms("detect"), self._meter.percentiles_ms("classify")
            ),
            mqtt=self._publisher.health,
            host=host,
            uptime_s=time.monotonic() - self._started_s,
            version=__version__,
            paused=paused,
        )

    @property
    def camera_stalled(self) -> bool:
        """Whether the camera delivers nothing now."""
        return self._capture.stalled

    def _camera_problems(self) -> tuple[Problem, ...]:
        if self._capture.stalled:
            told = f"{self._capture.name} has delivered no image for {self._capture.last_frame_age_s:.0f} s"
            why = f": {self._capture.trouble}" if self._capture.trouble else ""
            return (Problem("camera_stalled", f"{told}{why}."),)
        if self._capture.frozen:
            return (Problem("camera_frozen", f"{self._capture.name} delivers the same image again and again."),)
        return ()


def _host_problems(host: HostHealth) -> tuple[Problem, ...]:
    problems = []
    if host.throttled:
        problems.append(Problem("throttled", "The processor is slowed down by heat or a weak power supply."))
    if host.disk_free_mb is not None and host.disk_free_mb < _DISK_LOW_MB:
        problems.append(Problem("disk_low", f"Only {host.disk_free_mb:.0f} MB are free on the disk."))
    return tuple(problems)


class HealthReporter(threading.Thread):
    """Publishes the health on change and once a minute, feeds the watchdog, and reports the health to the throttle."""

    def __init__(
        self,
        monitor: HealthMonitor,
        meter: Meter,
        throttle: Throttle,
        publisher: Publisher,
        notifier: SystemdNotifier,
        prove: Callable[[], None] = lambda: None,
    ) -> None:
        """``prove`` is called once, when the daemon has worked for a watchdog period and has made a window."""
        super().__init__(name="reporter", daemon=True)
        self._prove = prove
        self._monitor, self._meter, self._throttle = monitor, meter, throttle
        self._publisher, self._notifier = publisher, notifier
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End the thread and publish the last status."""
        self._stopping.set()
        self.join()
        self._notifier.stopping()
        self._publisher.publish_status(lambda: self._monitor.read(stopping=True))

    def run(self) -> None:
        """Look every two seconds."""
        published: tuple[object, ...] = ()
        published_at_s, analysed, ready = float("-inf"), 0, False
        prove_at_s = float("inf")
        while not self._stopping.wait(_CHECK_PERIOD_S if ready else 0.1):
            # Without a publisher the watchdog is not fed, so systemd starts a process that can publish.
            # A camera that does not deliver, or is not there yet, is told of in the status; what a new process can mend
            # ends this one by itself. A pause is what the operator wants: no frame is due.
            analysing = self._meter.analysed > analysed
            if (analysing or self._monitor.paused() or self._monitor.camera_stalled) and self._publisher.alive:
                if not ready:
                    ready = True
                    self._notifier.ready()
                    give_back()
                    prove_at_s = time.monotonic() + self._notifier.watchdog_s
                analysed = self._meter.analysed
                self._notifier.alive()
                if self._meter.windows and time.monotonic() >= prove_at_s:
                    prove_at_s = float("inf")
                    self._prove()
            health = self._monitor.read()
            self._throttle.observe(health.host, health.camera.fps, time.monotonic())
            summary = _summarise(health, self._meter.windows)
            self._notifier.status(summary)
            news = (health.state, health.paused, tuple(problem.code for problem in health.problems))
            if news != published or time.monotonic() - published_at_s >= STATUS_PERIOD_S:
                published, published_at_s = news, time.monotonic()
                self._publisher.publish_status(self._monitor.read)
                _log.log(logging.WARNING if health.problems else logging.INFO, "%s", summary)


def _summarise(health: Health, windows: int) -> str:
    """One line for ``systemctl status`` and the journal; the trial of a new version looks for "windows made" in it."""
    made = f"windows made: {windows}" if windows else "no window yet"
    waiting = {0: "no window waits", 1: "1 window waits"}.get(health.mqtt.outbox, f"{health.mqtt.outbox} windows wait")
    problems = "".join(f" {problem.sentence}" for problem in health.problems)
    rate = "" if health.camera.fps is None else f"{health.camera.fps:.1f} frames/s, "
    if health.paused:
        until = health.paused.until
        rate = f"by {health.paused.reason}" + (f" until {until:%Y-%m-%d %H:%M} UTC, " if until else ", ")
    return f"{health.state}: {rate}{made}, {waiting}.{problems}"
