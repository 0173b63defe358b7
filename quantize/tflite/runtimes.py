"""Runs one file in every installed TFLite runtime: how far their integer outputs differ.

The format fixes the arithmetic only up to rounding, so TensorFlow's reference kernels are the reference here. With
those kernels TensorFlow 2.21 and tflite-runtime 2.14 agree bit for bit after every operator (measured on a residual
network of 31). By default they run others, which are a step off now and then when they rescale a sum, and later
layers propagate the error: in tflite-runtime ADD alone, in TensorFlow depthwise convolutions too, in XNNPACK all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.model import int8
from edge.model.golden import golden_stride
from quantize.tflite.inference import Outputs, quantization_per_value, run, run_in
from train.tflite.run import KERNELS, open_in_tensorflow, run_all, with_channels


@dataclass(frozen=True, slots=True)
class Difference:
    """How the outputs of one runtime differ from those of the reference kernels, over ``images`` images.

    Of many output values only those count that a golden vector would keep.

    ``equal`` is the share of images with every value equal, ``top_changed`` the share in which another value is the
    highest: of a classifier, another emotion. ``largest`` and ``mean`` are int8 steps.
    """

    runtime: str
    images: int
    equal: float
    largest: int
    mean: float
    top_changed: float


def compare_runtimes(
    model: bytes, images: npt.NDArray[np.uint8], pythons: Sequence[Path], order: npt.NDArray[np.intp] | None = None
) -> tuple[Difference, ...]:
    """Run a file over images, see ``with_channels``, in TensorFlow, in this process's runtime and in ``pythons``.

    ``order`` are the positions of the output values in the manifest's order; without it, they are compared as they are.

    Raises:
        ModelError: a runtime of this process refuses the file.
        ConfigError: a Python of ``pythons`` cannot be run, or refuses the file.
    """
    reference, *others = (run_in_tensorflow(model, images, kernels) for kernels in KERNELS)
    others.append(run(model, images))
    others.extend(run_in(python, model, images) for python in pythons)
    return tuple(difference(reference, each, order) for each in others)


def run_in_tensorflow(model: bytes, images: npt.NDArray[np.uint8], kernels: str) -> Outputs:
    """Run an int8 file over images in TensorFlow with one of ``KERNELS``."""
    interpreter = open_in_tensorflow(model, kernels)
    taken = interpreter.get_input_details()[0]
    steps = run_all(interpreter, int8.quantize(with_channels(images, taken["shape"][-1]), *taken["quantization"]))
    tensors = ((math.prod(each["shape"]), *each["quantization"]) for each in interpreter.get_output_details())
    runtime = f"tensorflow {metadata.version('tensorflow')}, {KERNELS[kernels]}"
    return Outputs(runtime, steps, *quantization_per_value(tensors))


def difference(reference: Outputs, other: Outputs, order: npt.NDArray[np.intp] | None = None) -> Difference:
    """Count the steps between two outputs for the same images; ``order`` as in ``compare_runtimes``."""
    positions = np.arange(reference.steps.shape[1]) if order is None else order
    kept = positions[:: golden_stride(len(positions))]
    expected, actual = reference.steps[:, kept].astype(np.int64), other.steps[:, kept]
    steps = np.abs(expected - actual)
    return Difference(
        runtime=other.runtime,
        images=len(steps),
        equal=float((steps.max(axis=1) == 0).mean()),
        largest=int(steps.max()),
        mean=float(steps.mean()),
        top_changed=float((expected.argmax(axis=1) != actual.argmax(axis=1)).mean()),
    )
