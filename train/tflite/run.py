"""Runs .tflite files in TensorFlow's own interpreter."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from train.tflite.graph import read_graph

KERNELS = {"BUILTIN_REF": "reference", "BUILTIN_WITHOUT_DEFAULT_DELEGATES": "optimised", "AUTO": "XNNPACK"}
"""TensorFlow's ways to run one file, and what reports call them."""


def run_float(model: bytes, images: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What a float file outputs for images, see ``with_channels``: (n, values)."""
    interpreter = open_in_tensorflow(model, "AUTO")
    channels = interpreter.get_input_details()[0]["shape"][-1]
    return run_all(interpreter, with_channels(images, channels).astype(np.float32))


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


def flatten(outputs: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """The values of all ``outputs``, one tensor after another."""
    return np.concatenate([output.ravel() for output in outputs])


def with_channels(images: npt.NDArray[Any], channels: int) -> npt.NDArray[Any]:
    """Images as a model takes them, (n, height, width, channels).

    Images without a channel axis are grey; they are repeated into every channel, as the daemon does.
    """
    return images if images.ndim == 4 else np.repeat(images[..., np.newaxis], channels, axis=3)


def run_all(interpreter: Any, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The values of all outputs for each input of ``batch``, (n, values)."""
    rows = []
    for image in batch:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[np.newaxis])
        interpreter.invoke()
        rows.append(flatten([interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]))
    return np.array(rows)
