"""Runs an int8 file over many images, in this process or in another Python with another TFLite runtime.

``python -m quantize.tflite.inference < model and images > outputs`` is the other process; it needs only ``edge`` and
numpy.
"""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import ConfigError, ModelError
from edge.model import int8
from edge.model.interpreter import Interpreter
from train.tflite.run import flatten, with_channels


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a file outputs for n images, and the runtime that computed it.

    ``steps`` is int8 (n, values): the values of all output tensors, one tensor after another in the file's order. Each
    value has a ``scale`` and a ``zero_point``, (values,).
    """

    runtime: str
    steps: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float64]
    zero_point: npt.NDArray[np.int64]

    @property
    def dequantized(self) -> npt.NDArray[np.float32]:
        """The real values, float32 (n, values)."""
        return int8.dequantize(self.steps, self.scale, self.zero_point)


def quantization_per_value(
    outputs: Iterable[tuple[int, float, int]],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Scale and zero point of every flattened value, from (number of values, scale, zero point) of each tensor."""
    counts, scales, zero_points = zip(*outputs, strict=True)
    return np.repeat(np.array(scales, np.float64), counts), np.repeat(np.array(zero_points, np.int64), counts)


def run(model: bytes, images: npt.NDArray[np.uint8]) -> Outputs:
    """Run ``model`` over ``images``, see ``with_channels``, one at a time as the daemon does.

    Raises:
        ModelError: the runtime refuses the file, or it takes images of another shape.
    """
    interpreter = Interpreter(model)
    taken = interpreter.inputs[0]
    batch = with_channels(images, taken.shape[-1])
    if len(interpreter.inputs) != 1 or taken.shape != (1, *batch.shape[1:]):
        shapes = ", ".join(str(spec.shape) for spec in interpreter.inputs)
        raise ModelError(f"model takes {shapes}, expected one image {(1, *batch.shape[1:])}")
    batch = int8.quantize(batch, taken.scale, taken.zero_point)
    steps = np.array([flatten(interpreter.run(image[np.newaxis])) for image in batch])
    tensors = ((math.prod(spec.shape), spec.scale, spec.zero_point) for spec in interpreter.outputs)
    return Outputs(interpreter.runtime, steps, *quantization_per_value(tensors))


def run_in(python: Path, model: bytes, images: npt.NDArray[np.uint8]) -> Outputs:
    """As ``run``, in another interpreter: for example ``.venv-pi/bin/python`` with tflite-runtime.

    Raises:
        ConfigError: ``python`` does not exist, or the model does not run there.
    """
    request = io.BytesIO()
    np.savez(request, model=np.frombuffer(model, np.uint8), images=images)
    root = Path(__file__).parents[2]
    try:
        done = subprocess.run(
            [python, "-m", "quantize.tflite.inference"],
            input=request.getvalue(),
            capture_output=True,
            check=True,
            env=os.environ | {"PYTHONPATH": str(root)},
        )
    except OSError as error:
        raise ConfigError(f"python {python}: cannot be run ({error.strerror}); name a Python interpreter") from error
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ConfigError(f"python {python}: cannot run the model (status {error.returncode}: {last})") from error
    with np.load(io.BytesIO(done.stdout)) as arrays:
        return Outputs(str(arrays["runtime"]), arrays["steps"], arrays["scale"], arrays["zero_point"])


def _main() -> None:
    with np.load(io.BytesIO(sys.stdin.buffer.read())) as arrays:
        outputs = run(arrays["model"].tobytes(), arrays["images"])
    reply = io.BytesIO()
    np.savez(reply, runtime=outputs.runtime, steps=outputs.steps, scale=outputs.scale, zero_point=outputs.zero_point)
    sys.stdout.buffer.write(reply.getvalue())


if __name__ == "__main__":
    _main()
