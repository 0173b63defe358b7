"""A model file's int8 answers to many pictures, in this process or in another Python with another TFLite runtime.

An answer is one row of numbers: of a model with several outputs, all of them one after another in the file's order.

``python -m quantize.classifier.agreement MODEL < pixels.npy > answers.npz`` is the other process; it needs ``edge``
alone.
"""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ConfigError, ModelError
from edge.model import int8
from edge.model.interpreter import Interpreter


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers to n pictures as the model gives them, int8 (n, numbers), and the runtime that computed them.

    One step of a number is its ``scale`` wide, its ``zero_point`` stands for 0: (numbers,) each.
    """

    runtime: str
    steps: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float64]
    zero_point: npt.NDArray[np.int64]

    @property
    def logits(self) -> npt.NDArray[np.float32]:
        """The real numbers, float32 (n, numbers)."""
        return int8.dequantize(self.steps, self.scale, self.zero_point)


def in_one_row(outputs: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """All numbers of ``outputs``, one after another."""
    return np.concatenate([output.ravel() for output in outputs])


def per_number(outputs: Iterable[tuple[int, float, int]]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Scale and zero point of every number in such a row, from those of ``outputs`` with so many numbers each."""
    counts, scales, zero_points = zip(*outputs, strict=True)
    return np.repeat(np.array(scales, np.float64), counts), np.repeat(np.array(zero_points, np.int64), counts)


def as_input(pixels: npt.NDArray[np.uint8], channels: int) -> npt.NDArray[Any]:
    """Pictures as a model takes them, (n, height, width, channels): grey ones without a channel axis are repeated into
    every channel, as the daemon does.
    """
    return pixels if pixels.ndim == 4 else np.repeat(pixels[..., np.newaxis], channels, axis=3)


def answer(model: bytes, pixels: npt.NDArray[np.uint8]) -> Answers:
    """Run ``model`` over pictures, see ``as_input``, one at a time as the daemon does.

    Raises:
        ModelError: the runtime refuses the file, or it takes other pictures.
    """
    interpreter = Interpreter(model)
    taken = interpreter.inputs[0]
    pictures = as_input(pixels, taken.shape[-1])
    if len(interpreter.inputs) != 1 or taken.shape != (1, *pictures.shape[1:]):
        shapes = ", ".join(str(spec.shape) for spec in interpreter.inputs)
        raise ModelError(f"model takes {shapes}, expected one picture {(1, *pictures.shape[1:])}")
    pictures = int8.quantize(pictures, taken.scale, taken.zero_point)
    steps = np.array([in_one_row(interpreter.run(picture[np.newaxis])) for picture in pictures])
    outputs = ((math.prod(spec.shape), spec.scale, spec.zero_point) for spec in interpreter.outputs)
    return Answers(interpreter.runtime, steps, *per_number(outputs))


def answer_in(python: Path, model: Path, pixels: npt.NDArray[np.uint8]) -> Answers:
    """The same in another interpreter, for example ``.venv-pi/bin/python`` with tflite-runtime.

    Raises:
        ConfigError: ``python`` does not exist, or the model does not run there.
    """
    question = io.BytesIO()
    np.save(question, pixels)
    home = Path(__file__).parents[2]
    try:
        done = subprocess.run(
            [python, "-m", "quantize.classifier.agreement", model.resolve()],
            input=question.getvalue(),
            capture_output=True,
            check=True,
            env=os.environ | {"PYTHONPATH": str(home)},
        )
    except OSError as error:
        raise ConfigError(f"python {python}: cannot be run ({error.strerror}), expected an interpreter") from error
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ConfigError(f"python {python}: cannot run {model} (status {error.returncode}: {last})") from error
    with np.load(io.BytesIO(done.stdout)) as arrays:
        return Answers(str(arrays["runtime"]), arrays["steps"], arrays["scale"], arrays["zero_point"])


def _serve(model: Path) -> None:
    answers = answer(model.read_bytes(), np.load(io.BytesIO(sys.stdin.buffer.read())))
    reply = io.BytesIO()
    np.savez(reply, runtime=answers.runtime, steps=answers.steps, scale=answers.scale, zero_point=answers.zero_point)
    sys.stdout.buffer.write(reply.getvalue())


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
