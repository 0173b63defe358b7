"""The meter's figures, and the problems that health names."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from edge.camera.capture import Capture
from edge.health import HealthMonitor, Meter
from edge.host import sensors
from edge.host.sensors import read_host
from edge.host.thermal import Throttle
from edge.mqtt.publisher import Publisher
from edge.records import DeliveryHealth, HostHealth, Paused, Problem


@dataclass
class QuietPublisher:
    """What the monitor reads of a publisher without problems."""

    problems: tuple[Problem, ...] = ()
    health: DeliveryHealth = field(default_factory=lambda: DeliveryHealth(0, None, 0, 0, 0, "5eed0001", 0, 0.5))


def capture(**changes: Any) -> Capture:
    """What the monitor reads of a capture that runs well."""
    well = {"name": "usb /dev/video0", "captured": 10, "last_frame_age_s": 0.1}
    well |= {"stalls": 0, "reopens": 0, "bad_frames": 3, "stalled": False, "frozen": False, "trouble": ""}
    return cast(Capture, SimpleNamespace(**(well | changes)))


def monitor(
    meter: Meter, *, permanent: tuple[Problem, ...] = (), throttle: Throttle | None = None, **changes: Any
) -> HealthMonitor:
    parts = capture(**changes), meter, throttle or Throttle(), cast(Publisher, QuietPublisher())
    return HealthMonitor(*parts, device="cpu", permanent=permanent, disk=Path("/"))


@pytest.fixture
def meter() -> Meter:
    meter = Meter()
    meter.frame_done()
    return meter


@pytest.fixture(autouse=True)
def cool_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sensors that a test can write, on a disk with room."""
    (tmp_path / "temp").write_text("51234\n", "ascii")
    (tmp_path / "throttled").write_text("0\n", "ascii")
    monkeypatch.setattr(sensors, "TEMPERATURE", tmp_path / "temp")
    monkeypatch.setattr(sensors, "THROTTLED", tmp_path / "throttled")
    monkeypatch.setattr("edge.host.sensors.shutil.disk_usage", lambda _: SimpleNamespace(free=5e9))
    return tmp_path


def test_before_the_first_frame_it_is_starting() -> None:
    assert monitor(Meter(), captured=0).read().state == "starting"
    assert monitor(Meter(), captured=0).read().camera.last_frame_age_s is None


def test_with_frames_and_without_problems_it_is_running(meter: Meter) -> None:
    now = monitor(meter).read()

    assert now.state == "running"
    assert now.problems == ()
    assert now.camera.bad_frames == 3
    assert now.host.cpu_temp_c == 51.234
    assert now.host.throttled is False
    assert now.host.rss_mb is not None
    assert 10 < now.host.rss_mb < 10_000


@pytest.mark.parametrize("analysed", [0, 10])
def test_a_pause_is_published_with_its_reason_and_its_end(meter: Meter, analysed: int) -> None:
    night = Paused("quiet_hours", datetime(2026, 11, 26, 6, tzinfo=UTC))
    meter.analysed = analysed
    parts = capture(), meter, Throttle(), cast(Publisher, QuietPublisher())

    now = HealthMonitor(*parts, device="cpu", permanent=(), disk=Path("/"), paused=lambda: night)

    assert (now.read().state, now.read().paused) == ("paused", night)
    assert now.read(stopping=True).state == "stopping"


def test_a_stop_is_published(meter: Meter) -> None:
    assert monitor(meter).read(stopping=True).state == "stopping"


def test_a_camera_that_never_came_degrades_and_says_why() -> None:
    absent: dict[str, Any] = {"stalled": True, "captured": 0, "last_frame_age_s": 7.0, "trouble": "camera x: is absent"}

    now = monitor(Meter(), **absent).read()

    assert now.state == "degraded"
    assert now.problems[0].sentence == "usb /dev/video0 has delivered no image for 7 s: camera x: is absent."


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"stalled": True, "last_frame_age_s": 7.0}, "camera_stalled"),
        ({"frozen": True}, "camera_frozen"),
        ({"permanent": (Problem("accelerator_missing", "No Coral."),)}, "accelerator_missing"),
    ],
)
def test_a_problem_degrades(meter: Meter, changes: dict[str, Any], code: str) -> None:
    now = monitor(meter, **changes).read()

    assert now.state == "degraded"
    assert [problem.code for problem in now.problems] == [code]


@pytest.mark.parametrize(("flags", "throttled"), [("0x4", True), ("50005", True), ("50000", False)])
def test_throttling_is_what_the_firmware_says_of_now(
    meter: Meter, cool_machine: Path, flags: str, throttled: bool
) -> None:
    (cool_machine / "throttled").write_text(flags, "ascii")

    now = monitor(meter).read()

    assert now.host.throttled is throttled
    assert ("throttled" in {problem.code for problem in now.problems}) is throttled


def test_reading_the_health_of_a_hot_machine_does_not_change_its_frame_rate(meter: Meter, cool_machine: Path) -> None:
    (cool_machine / "temp").write_text("95000\n", "ascii")
    throttle = Throttle()
    throttle.observe(HostHealth(50.0, None, None, None), 10.0, -1e6)

    monitor(meter, throttle=throttle).read()

    assert throttle.max_hz == math.inf


def test_a_full_disk_is_a_problem(meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.host.sensors.shutil.disk_usage", lambda _: SimpleNamespace(free=3e6))

    assert [problem.sentence for problem in monitor(meter).read().problems] == ["Only 3 MB are free on the disk."]


def test_a_machine_without_sensors_reports_no_values(cool_machine: Path) -> None:
    (cool_machine / "temp").unlink()
    (cool_machine / "throttled").unlink()

    host = read_host(cool_machine)

    assert host.cpu_temp_c is None
    assert host.throttled is None


def test_durations_become_median_and_95th_percentile(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([tick for i in range(1, 21) for tick in (100.0 * i, 100.0 * i + i / 1000)])
    monkeypatch.setattr("edge.health.time.perf_counter", lambda: next(ticks))
    meter = Meter()

    for _ in range(20):
        with meter.time("detect"):
            pass

    durations = meter.percentiles_ms("detect")
    assert durations is not None
    assert durations.p50 == pytest.approx(10.5)
    assert durations.p95 == pytest.approx(19.95, abs=0.1)
    assert meter.percentiles_ms("classify") is None


def test_the_rate_is_that_of_the_last_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr("edge.health.time.monotonic", lambda: now_s)
    meter = Meter()
    for frame in range(100):
        now_s = 1000.0 + frame / 10
        meter.frame_done()

    assert meter.fps() == pytest.approx(10, rel=0.02)
    now_s += 31
    assert meter.fps() == 0


def test_the_rate_is_unknown_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr("edge.health.time.monotonic", lambda: now_s)
    meter = Meter()

    rates = [meter.fps()]
    for _ in range(5):  # what waited in the camera comes at once
        meter.frame_done()
    rates.append(meter.fps())
    now_s += 1.9
    rates.append(meter.fps())

    assert rates == [None, None, None]


def test_a_slow_camera_has_a_rate_too(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr("edge.health.time.monotonic", lambda: now_s)
    meter = Meter()
    for _ in range(6):
        now_s += 10.0
        meter.frame_done()

    assert meter.fps() == pytest.approx(0.1, rel=0.1)
