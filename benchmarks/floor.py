"""How near each network is to the least that a processor could need: ``python -m benchmarks.floor``.

The floor is the multiply-adds of a network divided by those that one core can do in a second. Peaks of the Raspberry
Pi's cores follow from Arm's optimisation guides: a multiply-accumulate of eight int8 pairs a cycle without the dot
product (Cortex-A53, A72), two dot products of sixteen pairs with it (A76). That of this x86-64 machine is measured
(``peak.c``, which needs a C compiler).
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edge.vision.classifier import PACKAGED_LIGHT_MODEL, PACKAGED_MODEL
from edge.vision.detector.builtin import PACKAGED_DETECTOR

PI_PEAKS = {
    "Zero 2 W (A53, 1.0 GHz)": 8e9,
    "Pi 3B+ (A53, 1.4 GHz)": 11.2e9,
    "Pi 4 (A72, 1.8 GHz)": 14.4e9,
    "Pi 5 (A76, 2.4 GHz)": 76.8e9,
}
"""Multiply-adds a second of one core."""

REPEATS = 40


def main() -> None:
    """Print a row for each network."""
    peak = _peak_here()
    print(f"peak of one core here: {peak / 1e9:.0f} thousand million int8 multiply-adds a second\n")
    print(f"| network | multiply-adds | bytes moved | here | times the floor | {' | '.join(PI_PEAKS)} |")
    print("|---" * (5 + len(PI_PEAKS)) + "|")
    for name, folder in (
        ("detector", PACKAGED_DETECTOR),
        ("standard", PACKAGED_MODEL),
        ("light", PACKAGED_LIGHT_MODEL),
    ):
        macs, moved, spent_s = measure(folder / "model.tflite")
        floors = " | ".join(f"{1000 * macs / each:.2f} ms" for each in PI_PEAKS.values())
        print(
            f"| {name} | {macs / 1e6:.1f} M | {moved / 1e6:.1f} MB | {1000 * spent_s:.2f} ms "
            f"| {spent_s * peak / macs:.1f} | {floors} |"
        )


def measure(model: Path) -> tuple[float, float, float]:
    """Multiply-adds, bytes of all weights and activations that operators read and write, and CPU seconds of a run."""
    interpreter = Interpreter(str(model), num_threads=1)
    interpreter.allocate_tensors()
    shapes = {each["index"]: each for each in interpreter.get_tensor_details()}
    macs = moved = 0.0
    for operator in interpreter._get_ops_details():
        inputs, outputs = ([index for index in operator[key] if index in shapes] for key in ("inputs", "outputs"))
        moved += sum(_bytes(shapes[index]) for index in (*inputs, *outputs))
        if operator["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            kernel, out = shapes[inputs[1]]["shape"], shapes[outputs[0]]["shape"]
            depthwise = operator["op_name"] == "DEPTHWISE_CONV_2D"
            macs += float(np.prod(out)) * float(np.prod(kernel[1:3] if depthwise else kernel[1:]))
    return macs, moved, _least_s(interpreter.invoke)


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


if __name__ == "__main__":
    main()
