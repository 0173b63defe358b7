"""Runs one file in every installed TFLite runtime: how far their integer outputs differ.

The format fixes the arithmetic only up to rounding, so TensorFlow's reference kernels are the reference here. With
those kernels TensorFlow 2.21 and tflite-runtime 2.14 agree bit for bit after every operator (measured on a residual
network of 31). By default they run others, which are a step off now and then when they rescale a sum, and later
layers propagate the error: in tflite-runtime ADD alone, in TensorFlow depthwise convolutions too, in XNNPACK all.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.model import int8
from edge.model.golden import golden_stride
from quantize.tflite.graph import read_graph
from quantize.tflite.inference import Outputs, flatten, quantization_per_value, run, run_in, with_channels

KERNELS = {"BUILTIN_REF": "reference", "BUILTIN_WITHOUT_DEFAULT_DELEGATES": "optimised", "AUTO": "XNNPACK"}
"""TensorFlow's ways to run one file, and what reports call them."""


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
    steps = _run(interpreter, int8.quantize(with_channels(images, taken["shape"][-1]), *taken["quantization"]))
    tensors = ((math.prod(each["shape"]), *each["quantization"]) for each in interpreter.get_output_details())
    runtime = f"tensorflow {metadata.version('tensorflow')}, {KERNELS[kernels]}"
    return Outputs(runtime, steps, *quantization_per_value(tensors))


def run_float(model: bytes, images: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What a float file outputs for images, see ``with_channels``: (n, values)."""
    interpreter = open_in_tensorflow(model, "AUTO")
    channels = interpreter.get_input_details()[0]["shape"][-1]
    return _run(interpreter, with_channels(images, channels).astype(np.float32))


def open_in_tensorflow(model: bytes, kernels: str, *, keep_all: bool = False) -> Any:
    """TensorFlow's own interpreter with one of ``KERNELS`` and one thread, ready to run.

    ``keep_all`` keeps the tensors between layers.
    """
    import tensorflow as tf

    with warnings.catch_warnings():
        # Its successor is ai-edge-litert, which edge.model.interpreter has; here TensorFlow's own copy is wanted.
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)
        if kernels == "BUILTIN_REF" and any(operator.name == "ELU" for operator in read_graph(model).operators):
            kernels = "BUILTIN_WITHOUT_DEFAULT_DELEGATES"  # there is no reference kernel of ELU
        interpreter = tf.lite.Interpreter(
            model_content=model,
            experimental_op_resolver_type=tf.lite.experimental.OpResolverType[kernels],
            experimental_preserve_all_tensors=keep_all,
            num_threads=1,
        )
    interpreter.allocate_tensors()
    return interpreter


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


def _run(interpreter: Any, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
    rows = []
    for image in batch:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[np.newaxis])
        interpreter.invoke()
        rows.append(flatten([interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]))
    return np.array(rows)
