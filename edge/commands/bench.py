"""``fer-edge bench``: measures speed and memory of the daemon's parts on a clip, played as fast as possible.

Processor time depends on the machine, and less on its neighbours than the time that passes; compare only what was
measured side by side.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edge.camera import Camera
from edge.camera.capture import Capture
from edge.config import Config
from edge.health import Meter, Stage
from edge.host.memory import give_back
from edge.host.sensors import process_age_s, resident_mb
from edge.host.thermal import Throttle
from edge.mqtt.codec import encode
from edge.mqtt.compose import aggregate, live
from edge.mqtt.messages import Device
from edge.mqtt.outbox import Outbox
from edge.mqtt.wallclock import WallClock
from edge.parts import build_pipeline, open_camera, open_classifier, open_detector
from edge.pipeline import Pipeline
from edge.records import Frame, Image, Observation, Percentiles, RoomReading, Track, WindowSummary
from edge.service import describe
from edge.vision.detector import FaceDetector

_LOOKS = 7
"""So often the last frame is looked at, of which the median counts."""


@dataclass(frozen=True, slots=True)
class Looks:
    """How our own detector covers a frame: ``whole`` looks show all of it, ``at_once`` are made in one detection.

    ``whole_ms`` is the processor time that all of the frame takes.
    """

    whole: int
    at_once: int
    whole_ms: float


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One run over a clip.

    ``start_s`` is from the start of the process to the first frame, ``start_cpu_s`` its processor time, and
    ``frames_per_s`` the rate after that. ``cpu_ms_per_frame`` is the processor time of the whole process for each of
    the frames after the first; ``stage_ms`` is what each stage takes of it, ``detect_ms`` and ``classify_ms`` what one
    pass takes. ``faces_per_frame`` are all boxes that the detector found or the tracker carries,
    ``people_per_frame`` those that count: confirmed, and seen to move. ``allocated_kb`` is what Python and numpy
    allocate at most at once for one frame with a detection; ``rss_mb`` is the resident memory at the end, in 10^6
    bytes. ``looks`` is None for a detector that looks once at every frame, whatever its size.
    """

    clip: str
    detector: str
    model: str
    frames: int
    frames_per_s: float
    start_s: float | None
    start_cpu_s: float
    cpu_ms_per_frame: float
    stage_ms: dict[str, float]
    faces_per_frame: float
    people_per_frame: float
    detect_ms: Percentiles | None
    looks: Looks | None
    classify_ms: Percentiles | None
    allocated_kb: float
    rss_mb: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """The same for a terminal."""
        yield f"{self.clip}, {self.detector}, {self.model}: {self.frames} frame{'s' * (self.frames != 1)}"
        rate = f"{self.frames_per_s:.1f} frames/s, " * (self.frames > 1)
        yield f"  time that passed: {rate}{self.start_s or 0:.2f} s to the first frame"
        yield "  processor time:"
        yield f"  {self.start_cpu_s:8.2f} s to the first frame"
        if self.frames > 1:
            yield f"  {self.cpu_ms_per_frame:8.2f} ms for each frame after it, of which"
            rest_ms = max(0.0, self.cpu_ms_per_frame - sum(self.stage_ms.values()))
            for stage, spent_ms in (self.stage_ms | {"all else": rest_ms}).items():
                yield f"    {spent_ms:8.2f} ms {stage}"
        for stage, duration in (("detection", self.detect_ms), ("classification", self.classify_ms)):
            if duration is None:
                yield f"         – ms a {stage}: too few to time; give a clip that is longer, or has faces that move"
            else:
                rare = f"median; 95 % under {duration.p95:.2f} ms; not on every frame"
                yield f"  {duration.p50:8.2f} ms a {stage} ({rare})"
        if looks := self.looks:
            share = 2 * looks.whole_ms / 10
            told = "to detect in all of the last frame, many times in a row; twice a second takes"
            yield f"  {looks.whole_ms:8.2f} ms {told} {share:.1f} % of a core"
        yield "  results and memory:"
        if looks and looks.whole > looks.at_once:
            yield f"  {looks.at_once:8} of {looks.whole} parts of a frame in each detection (detector.max_looks)"
        people = f"{self.people_per_frame:.2f} people{self._why_nobody()}"
        yield f"  {self.faces_per_frame:8.2f} faces a frame on average, {people}"
        yield f"  {self.allocated_kb:8.0f} kB allocated for a frame at most"
        yield f"  {self.rss_mb or 0:8.1f} MB resident"

    def _why_nobody(self) -> str:
        if not self.faces_per_frame:
            return ": no face was found; faces have to be upright and at least detector.min_face_px high"
        if not self.people_per_frame:
            return ": nobody was counted; a face counts once it has moved, after a second or two"
        return ""


class StageMeter(Meter):
    """Measures processor time instead of the time that passes, and adds it up by stage.

    Decoding is one of them, which another thread does.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cpu_s: defaultdict[str, float] = defaultdict(float, decode=0.0)

    def begin(self) -> None:
        """Add up from now on."""
        for stage in self.cpu_s:
            self.cpu_s[stage] = 0.0

    def now_s(self) -> float:
        """What this thread has taken of a processor."""
        return time.thread_time()

    @contextmanager
    def time(self, stage: Stage) -> Iterator[None]:
        """Measure one pass through ``stage``."""
        with super().time(stage), self.processor_time(stage):
            yield

    @contextmanager
    def processor_time(self, stage: str) -> Iterator[None]:
        """The processor time of this thread."""
        begun_s = self.now_s()
        yield
        self.cpu_s[stage] += self.now_s() - begun_s


class TimedCamera:
    """``camera``, with the processor time of every image measured."""

    def __init__(self, camera: Camera, meter: StageMeter) -> None:
        self._camera, self._meter = camera, meter
        self.name, self.live = camera.name, camera.live

    @property
    def bad_frames(self) -> int:
        """Those of the camera."""
        return self._camera.bad_frames

    def read(self) -> Image | None:
        """The next image."""
        with self._meter.processor_time("decode"):
            return self._camera.read()

    def close(self) -> None:
        """Release the camera."""
        self._camera.close()


class Witness:
    """Stands where results leave and where the preview looks on: puts windows into an outbox, and counts."""

    def __init__(self, device: Device, outbox: Outbox, meter: StageMeter) -> None:
        self._device, self._outbox, self._meter = device, outbox, meter
        self._clock = WallClock(is_set=lambda _: False)
        self.faces = self.people = 0
        self.ready_s: float | None = None
        self.cpu_s = self.begun_s = 0.0
        self.last: Frame | None = None

    def publish_window(self, summary: WindowSummary) -> None:
        """Put it on disk, as the daemon does."""
        self._outbox.put(lambda epoch, seq: aggregate(self._device, epoch, seq, summary, self._clock))

    def publish_live(self, room: RoomReading) -> None:
        """Make the message."""
        encode(live(self._device, room, self._clock))

    def see(self, frame: Frame, tracks: Sequence[Track], observation: Observation) -> None:
        """Count the faces; measuring begins after the first frame."""
        if self.last is None:
            give_back()  # as the daemon does when it is ready
            self._meter.begin()
            self.ready_s, self.cpu_s, self.begun_s = process_age_s(), time.process_time(), time.perf_counter()
        self.last = frame
        self.faces += len(tracks)
        self.people += len(observation.people)


def bench(config: Config) -> Benchmark:
    """Run the configured clip once through the pipeline, without a broker but with the MQTT library loaded.

    Raises:
        FerEdgeError: as at a start of the daemon.
    """
    detector, _ = open_detector(config.detector, config.inference)
    classifier, _ = open_classifier(config.model, config.inference)
    camera, meter = replace(config.camera, pace="fast", loop=False), StageMeter()
    capture = Capture(lambda: TimedCamera(open_camera(camera), meter))
    device = describe(config, "bench", capture.name, detector.name, classifier)
    capture.start()
    with tempfile.TemporaryDirectory() as folder:
        outbox = Outbox(Path(folder) / "outbox.sqlite", device.id)
        witness = Witness(device, outbox, meter)
        pipeline = build_pipeline(config, capture, detector, classifier, witness, meter, Throttle(), witness)
        try:
            pipeline.run(threading.Event())
            cpu_s, elapsed_s = time.process_time() - witness.cpu_s, time.perf_counter() - witness.begun_s
        finally:
            capture.stop()
            outbox.close()
    rss_mb = resident_mb()
    frames = meter.analysed
    after = max(1, frames - 1)  # the first, which are measured
    return Benchmark(
        clip=capture.name,
        detector=detector.name,
        model=classifier.manifest.id,
        frames=frames,
        frames_per_s=(frames - 1) / elapsed_s,
        start_s=witness.ready_s,
        start_cpu_s=witness.cpu_s,
        cpu_ms_per_frame=1000 * cpu_s / after,
        stage_ms={stage: 1000 * spent_s / after for stage, spent_s in meter.cpu_s.items()},
        faces_per_frame=witness.faces / frames,
        people_per_frame=witness.people / frames,
        detect_ms=meter.percentiles_ms("detect"),
        looks=_looks(detector, witness.last),
        classify_ms=meter.percentiles_ms("classify"),
        allocated_kb=_allocated_kb(pipeline, witness.last),
        rss_mb=rss_mb,
    )


def _allocated_kb(pipeline: Pipeline, frame: Frame | None) -> float:
    """The most that is allocated at once while ``frame`` is analysed again, after everybody was forgotten."""
    if frame is None:
        return 0.0
    pipeline.tracker.forget()
    pipeline.movement.forget()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        pipeline.observe(frame)
        return (tracemalloc.get_traced_memory()[1] - before) / 1000
    finally:
        tracemalloc.stop()


def _looks(detector: FaceDetector, frame: Frame | None) -> Looks | None:
    from edge.vision.detector.builtin import BuiltinDetector

    if not isinstance(detector, BuiltinDetector) or frame is None:
        return None
    times_s = []
    for _ in range(_LOOKS):
        begun_s = time.thread_time()
        detector.detect(frame.pixels)
        times_s.append(time.thread_time() - begun_s)
    whole, at_once = detector.looks, detector.looks_at_once
    return Looks(whole, at_once, 1000 * statistics.median(times_s) * whole / at_once)
