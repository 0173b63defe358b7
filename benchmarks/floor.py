"""How near each stage is to the least that a processor could need: ``python -m benchmarks.floor CLIP``.

The floor of a network is its multiply-adds over those that one core does in a second; that of what only moves pixels
is the bytes that it reads and writes once over what memory moves in a second. Peaks of the Raspberry Pi's cores follow
from Arm's optimisation guides: a multiply-accumulate of eight int8 pairs a cycle without the dot product (Cortex-A53,
A72), two dot products of sixteen pairs with it (A76); memory is that of the data sheets. Those of this x86-64 machine
are measured (``peak.c``, which needs a C compiler, and a copy of 128 MB).
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from benchmarks.stages import STAGES
from edge.camera.capture import Capture
from edge.commands.bench import StageMeter, TimedCamera
from edge.config import CameraConfig, Config
from edge.health import Stage
from edge.host.thermal import Throttle
from edge.model.classifier_manifest import ClassifierManifest
from edge.model.manifest import Manifest
from edge.model.release import REFINER_FOLDER, Network
from edge.parts import build_pipeline, open_camera, open_classifier, open_detector
from edge.records import Frame, Observation, RoomReading, Track, WindowSummary
from edge.vision.classifier import PACKAGED_LIGHT_MODEL, PACKAGED_MODEL
from edge.vision.detector.builtin import PACKAGED_DETECTOR
from edge.vision.detector.manifest import DetectorManifest
from edge.vision.detector.refiner import RefinerManifest


@dataclass(frozen=True, slots=True)
class Core:
    """Multiply-adds and bytes that one core does and moves in a second at best."""

    name: str
    macs: float
    moved: float


PIS = (
    Core("Zero 2 W (A53, 1.0 GHz)", 8e9, 3.6e9),
    Core("Pi 3B+ (A53, 1.4 GHz)", 11.2e9, 3.6e9),
    Core("Pi 4 (A72, 1.8 GHz)", 14.4e9, 12.8e9),
    Core("Pi 5 (A76, 2.4 GHz)", 76.8e9, 17.1e9),
)
"""Memory: LPDDR2-900 and LPDDR4-3200, 32 bits wide, LPDDR4X-4267, 32 bits."""

NETWORKS: dict[type[Manifest], tuple[Stage, Path]] = {
    ClassifierManifest: ("classify", PACKAGED_MODEL),
    DetectorManifest: ("detect", PACKAGED_DETECTOR),
    RefinerManifest: ("detect", PACKAGED_DETECTOR / REFINER_FOLDER),
}
"""The stage that runs each, and the packaged one."""

REPEATS = 40


@dataclass(slots=True)
class Work:
    """What a stage has to do for one frame: multiply-adds, and bytes that it reads and writes once."""

    macs: float = 0.0
    moved: float = 0.0

    def floor_ms(self, core: Core) -> float:
        """Milliseconds that one core needs at least."""
        return 1000 * max(self.macs / core.macs, self.moved / core.moved)


def main() -> None:
    """Print a row for each network, and one for each stage of a clip."""
    here = Core("here", _peak_here(), _copied_a_second())
    print(f"here: {here.macs / 1e9:.0f} thousand million int8 multiply-adds and {here.moved / 1e9:.0f} GB a second\n")
    rows = []
    for name, folder in (
        ("detector", PACKAGED_DETECTOR),
        ("refiner", PACKAGED_DETECTOR / REFINER_FOLDER),
        ("standard", PACKAGED_MODEL),
        ("light", PACKAGED_LIGHT_MODEL),
    ):
        if folder.is_dir():
            rows.append((name, *measure(folder / "model.tflite")))
    _print("network", rows, here)
    for clip in sys.argv[1:]:
        print(f"\n{Path(clip).name}, for each frame\n")
        _print("stage", stages(clip), here)


def _print(what: str, rows: Iterable[tuple[str, Work, float]], here: Core) -> None:
    print(f"| {what} | multiply-adds | bytes moved | here | floor | times it | {' | '.join(pi.name for pi in PIS)} |")
    print("|---" * (6 + len(PIS)) + "|")
    for name, work, spent_ms in rows:
        floors_ms = [work.floor_ms(core) for core in (here, *PIS)]
        floor, *others = (f"{each_ms:.3f} ms" if each_ms else "–" for each_ms in floors_ms)
        times = f"{spent_ms / floors_ms[0]:.{0 if spent_ms > 10 * floors_ms[0] else 1}f}" if floors_ms[0] else "–"
        sizes = f"{work.macs / 1e6:.1f} M | {work.moved / 1e6:.2f} MB"
        print(f"| {name} | {sizes} | {spent_ms:.3f} ms | {floor} | {times} | {' | '.join(others)} |")


def stages(clip: str) -> list[tuple[str, Work, float]]:
    """Work and processor time of each stage for a frame of a clip, by the packaged models."""
    config = Config(camera=CameraConfig(kind="replay", path=clip, pace="fast"))
    detector, _ = open_detector(config.detector, config.inference)
    classifier, _ = open_classifier(config.model, config.inference)
    meter, pixels, runs = CountingMeter(), Pixels(), Counter[tuple[type[Manifest], tuple[int, ...]]]()
    capture = Capture(lambda: TimedCamera(open_camera(config.camera), meter))
    plain = Network.run

    def run(network: Any, image: Any) -> Any:
        runs[type(network.manifest), image.shape[1:3]] += 1
        return plain(network, image)

    pipeline = build_pipeline(config, capture, detector, classifier, pixels, meter, Throttle(), pixels)
    capture.start()
    with patch.object(Network, "run", run):
        pipeline.run(threading.Event())
    capture.stop()
    work = {stage: Work() for stage in STAGES}
    side = classifier.input_size_px
    for (kind, shape), count in runs.items():
        stage, folder = NETWORKS[kind]
        whole, _ = measure(folder / "model.tflite")
        _, *size, _ = Interpreter(str(folder / "model.tflite")).get_input_details()[0]["shape"]
        share = count / meter.analysed * math.prod(shape) / math.prod(size)
        work[stage].macs += share * whole.macs
        work[stage].moved += share * whole.moved
    work["crop"].moved = 2 * side**2 * runs[ClassifierManifest, (side, side)] / meter.analysed
    work["decode"].moved = 1.5 * pixels.count
    work["track"].moved = pixels.count * meter.passes["track"] / meter.analysed
    return [(stage, work[stage], 1000 * meter.cpu_s[stage] / meter.analysed) for stage in STAGES]


class CountingMeter(StageMeter):
    """Counts how often each stage is passed."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = Counter[str]()

    @contextmanager
    def time(self, stage: Stage) -> Iterator[None]:
        """Measure and count one pass."""
        self.passes[stage] += 1
        with super().time(stage):
            yield


class Pixels:
    """Drops the results, and sees how many pixels a frame has."""

    count = 0

    def publish_window(self, summary: WindowSummary) -> None:
        """Drop it."""

    def publish_live(self, room: RoomReading) -> None:
        """Drop it."""

    def see(self, frame: Frame, tracks: Sequence[Track], observation: Observation) -> None:
        """Count."""
        self.count = frame.pixels.size


def measure(model: Path) -> tuple[Work, float]:
    """Multiply-adds of a network, bytes of all weights and activations, and CPU milliseconds of a run."""
    interpreter = Interpreter(str(model), num_threads=1)
    interpreter.allocate_tensors()
    shapes = {each["index"]: each for each in interpreter.get_tensor_details()}
    work = Work()
    for operator in interpreter._get_ops_details():
        inputs, outputs = ([index for index in operator[key] if index in shapes] for key in ("inputs", "outputs"))
        work.moved += sum(_bytes(shapes[index]) for index in (*inputs, *outputs))
        if operator["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            kernel, out = shapes[inputs[1]]["shape"], shapes[outputs[0]]["shape"]
            depthwise = operator["op_name"] == "DEPTHWISE_CONV_2D"
            work.macs += float(np.prod(out)) * float(np.prod(kernel[1:3] if depthwise else kernel[1:]))
    return work, 1000 * _least_s(interpreter.invoke)


def _bytes(tensor: dict[str, object]) -> float:
    return float(np.prod(np.asarray(tensor["shape"])) * np.dtype(tensor["dtype"]).itemsize)  # type: ignore[call-overload]


def _least_s(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        begun_s = time.thread_time()
        work()
        times.append(time.thread_time() - begun_s)
    return min(times)


def _peak_here() -> float:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "peak"
        subprocess.run(["cc", "-O2", "-o", program, Path(__file__).with_name("peak.c")], check=True)
        return 1e6 * float(subprocess.run([program], capture_output=True, check=True).stdout)


def _copied_a_second() -> float:
    """Bytes that are read and written in a copy of what no cache holds."""
    source = np.ones(2**27, np.uint8)
    target = np.empty_like(source)
    return 2 * source.size / _least_s(lambda: np.copyto(target, source))


if __name__ == "__main__":
    main()
