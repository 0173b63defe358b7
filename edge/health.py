"""How the device is doing: what the pipeline measures of itself, and the problems a person should know of."""

from __future__ import annotations

import resource
import shutil
import statistics
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from edge import __version__
from edge.camera.capture import Capture
from edge.host.thermal import Cooling
from edge.records import (
    CameraHealth,
    DeliveryHealth,
    Health,
    HostHealth,
    InferenceHealth,
    Percentiles,
    Problem,
    State,
)

TEMPERATURE = Path("/sys/class/thermal/thermal_zone0/temp")
THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
"""Raspberry Pi firmware: hexadecimal flags, bits 0 to 3 are what limits the processor now. Others report that a Pi 5
lacks it; there the temperature alone is known."""

Stage: TypeAlias = Literal["detect", "classify"]
"""What is timed: each detection, and all crops and classifications of one frame."""

_SAMPLES = 600
_RATE_SPAN_S = 30.0
_DISK_LOW_MB = 100


class Delivery(Protocol):
    """What the publisher tells of itself."""

    @property
    def health(self) -> DeliveryHealth:
        """Counters of outbox and connection."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with broker or outbox."""


class Meter:
    """Durations of the pipeline's stages and its rate of frames; written by the pipeline, read by the monitor."""

    def __init__(self) -> None:
        self._durations_s: dict[Stage, deque[float]] = {}
        self._frames_at_s: deque[float] = deque(maxlen=_SAMPLES)
        self.analysed = 0
        """Frames that went all the way."""

    @contextmanager
    def time(self, stage: Stage) -> Iterator[None]:
        """Measure one pass through ``stage``."""
        begun_s = time.perf_counter()
        yield
        self._durations_s.setdefault(stage, deque(maxlen=_SAMPLES)).append(time.perf_counter() - begun_s)

    def frame_done(self) -> None:
        """One more frame went all the way."""
        self.analysed += 1
        self._frames_at_s.append(time.monotonic())

    def fps(self) -> float:
        """Analysed frames per second over the last half minute."""
        now_s = time.monotonic()
        recent = [at_s for at_s in tuple(self._frames_at_s) if now_s - at_s <= _RATE_SPAN_S]
        return (len(recent) - 1) / (now_s - recent[0]) if len(recent) > 1 else 0.0

    def percentiles_ms(self, stage: Stage) -> Percentiles | None:
        """Median and 95th percentile of the newest passes through ``stage``; None before the second."""
        durations_ms = [1000 * duration_s for duration_s in tuple(self._durations_s.get(stage, ()))]
        if len(durations_ms) < 2:
            return None
        return Percentiles(statistics.median(durations_ms), statistics.quantiles(durations_ms, n=20)[-1])


class HealthMonitor:
    """Puts one ``Health`` together from the parts of a running daemon."""

    def __init__(
        self,
        capture: Capture,
        meter: Meter,
        cooling: Cooling,
        delivery: Delivery,
        *,
        device: str,
        standing: tuple[Problem, ...],
        disk: Path,
    ) -> None:
        """``standing`` are problems that last as long as the process, such as a fallback to the CPU."""
        self._capture, self._meter, self._cooling, self._delivery = capture, meter, cooling, delivery
        self._device, self._standing, self._disk = device, standing, disk
        self._started_s = time.monotonic()

    def read(self, *, stopping: bool = False) -> Health:
        """The health now; what the machine tells of heat also sets the rate of frames."""
        host = read_host(self._disk)
        self._cooling.feel(host, self._meter.fps(), time.monotonic())
        problems = (
            *self._standing,
            *self._camera_problems(),
            *self._delivery.problems,
            *_host_problems(host),
            *self._cooling.problems,
        )
        state: State = "degraded" if problems else "running"
        if stopping:
            state = "stopping"
        elif not self._meter.analysed:
            state = "starting"
        age_s = self._capture.last_frame_age_s if self._capture.captured else None
        return Health(
            state=state,
            problems=problems,
            camera=CameraHealth(
                self._capture.name, self._meter.fps(), age_s, self._capture.stalls, self._capture.reopens
            ),
            inference=InferenceHealth(
                self._device, self._meter.percentiles_ms("detect"), self._meter.percentiles_ms("classify")
            ),
            mqtt=self._delivery.health,
            host=host,
            uptime_s=time.monotonic() - self._started_s,
            version=__version__,
        )

    def _camera_problems(self) -> tuple[Problem, ...]:
        if self._capture.stalled:
            age_s = self._capture.last_frame_age_s
            return (Problem("camera_stalled", f"{self._capture.name} has given no new picture for {age_s:.0f} s."),)
        if self._capture.frozen:
            return (Problem("camera_frozen", f"{self._capture.name} gives the same picture again and again."),)
        return ()


def _host_problems(host: HostHealth) -> tuple[Problem, ...]:
    problems = []
    if host.throttled:
        problems.append(Problem("throttled", "The processor is slowed down by heat or a weak power supply."))
    if host.disk_free_mb is not None and host.disk_free_mb < _DISK_LOW_MB:
        problems.append(Problem("disk_low", f"Only {host.disk_free_mb:.0f} MB are free on the disk."))
    return tuple(problems)


def read_host(disk: Path) -> HostHealth:
    """Temperature, throttling, memory and free space; None for what this machine does not tell."""
    temperature, flags = _read(TEMPERATURE), _read(THROTTLED)
    try:
        disk_free_mb = shutil.disk_usage(disk).free / 1e6
    except OSError:
        disk_free_mb = None
    return HostHealth(
        cpu_temp_c=None if temperature is None else int(temperature) / 1000,
        throttled=None if flags is None else bool(int(flags, 16) & 0xF),
        rss_mb=resident_mb(),
        disk_free_mb=disk_free_mb,
    )


def resident_mb() -> float | None:
    """Resident memory of this process in MB (10^6 bytes), from ``/proc``; None where there is none."""
    pages = _read(Path("/proc/self/statm"))
    return None if pages is None else int(pages.split()[1]) * resource.getpagesize() / 1e6


def _read(path: Path) -> str | None:
    try:
        return path.read_text("ascii").strip() or None
    except OSError:
        return None
