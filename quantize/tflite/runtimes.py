"""One release in every TFLite runtime at hand: how far their integer answers lie apart.

The format fixes the arithmetic only up to rounding, so TensorFlow's reference kernels are taken as the truth here. With
those kernels TensorFlow 2.21 and tflite-runtime 2.14 agree bit for bit after every operator (measured on a residual
network of 31). By default they run others, which rescale a sum a step off now and then, and the layers behind carry it
on: in tflite-runtime ADD alone, in TensorFlow depthwise convolutions too, in XNNPACK all.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edge.model import int8
from edge.model.manifest import golden_stride
from quantize.classifier.agreement import Answers, answer, answer_in, as_input, in_one_row, per_number

Places: TypeAlias = npt.NDArray[np.intp]
"""Where numbers lie in an answer, which has those of all outputs one after another."""

KERNELS = {"BUILTIN_REF": "reference", "BUILTIN_WITHOUT_DEFAULT_DELEGATES": "optimised", "AUTO": "XNNPACK"}
"""TensorFlow's ways to run one file, and what people call them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How the answers of one runtime differ from the reference kernels', over ``pictures`` pictures.

    Of long answers those numbers count that a golden vector would keep.

    ``equal`` is the share of pictures with every number equal, ``changed`` the share with another number on top: of a
    classifier, another emotion. ``largest`` and ``mean`` count int8 steps.
    """

    runtime: str
    pictures: int
    equal: float
    largest: int
    mean: float
    changed: float


def compare_runtimes(
    model: Path, pixels: npt.NDArray[np.uint8], pythons: Sequence[Path], places: Places | None = None
) -> tuple[Difference, ...]:
    """Run a file over pictures, see ``as_input``, in TensorFlow, in this process's runtime and in ``pythons``.

    ``places`` puts the numbers of several outputs into the manifest's order.

    Raises:
        ModelError: a runtime of this process refuses the file.
        ConfigError: a Python of ``pythons`` cannot be run, or refuses the file.
    """
    content = model.read_bytes()
    reference, *others = (answer_in_tensorflow(content, pixels, kernels) for kernels in KERNELS)
    others.append(answer(content, pixels))
    others.extend(answer_in(python, model, pixels) for python in pythons)
    return tuple(difference(reference, each, places) for each in others)


def answer_in_tensorflow(model: bytes, pixels: npt.NDArray[np.uint8], kernels: str) -> Answers:
    """Run a file over pictures in TensorFlow with one of ``KERNELS``."""
    interpreter = open_in_tensorflow(model, kernels)
    taken = interpreter.get_input_details()[0]
    pictures = int8.quantize(as_input(pixels, taken["shape"][-1]), *taken["quantization"])
    steps = _run(interpreter, pictures)
    outputs = ((math.prod(each["shape"]), *each["quantization"]) for each in interpreter.get_output_details())
    return Answers(f"tensorflow {_tensorflow_version()}, {KERNELS[kernels]}", steps, *per_number(outputs))


def answer_in_float(model: bytes, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Answers (n, numbers) of a float file to pictures, see ``as_input``."""
    interpreter = open_in_tensorflow(model, "AUTO")
    return _run(interpreter, as_input(pixels, interpreter.get_input_details()[0]["shape"][-1]).astype(np.float32))


def _run(interpreter: Any, pictures: npt.NDArray[Any]) -> npt.NDArray[Any]:
    answers = []
    for picture in pictures:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[np.newaxis])
        interpreter.invoke()
        answers.append(in_one_row([interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]))
    return np.array(answers)


def open_in_tensorflow(model: bytes, kernels: str, *, keep_all: bool = False) -> Any:
    """TensorFlow's own interpreter with one of ``KERNELS`` and one thread, ready to run.

    ``keep_all`` keeps the tensors between layers.
    """
    import tensorflow as tf

    with warnings.catch_warnings():
        # Its successor is ai-edge-litert, which edge.model.interpreter has; here TensorFlow's own copy is wanted.
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)
        interpreter = tf.lite.Interpreter(
            model_content=model,
            experimental_op_resolver_type=tf.lite.experimental.OpResolverType[kernels],
            experimental_preserve_all_tensors=keep_all,
            num_threads=1,
        )
    interpreter.allocate_tensors()
    return interpreter


def difference(reference: Answers, other: Answers, places: Places | None = None) -> Difference:
    """Count the steps between two answers to the same pictures; ``places`` as in ``compare_runtimes``."""
    numbers = np.arange(reference.steps.shape[1]) if places is None else places
    kept = numbers[:: golden_stride(len(numbers))]
    ours, theirs = reference.steps[:, kept].astype(np.int64), other.steps[:, kept]
    steps = np.abs(ours - theirs)
    return Difference(
        runtime=other.runtime,
        pictures=len(steps),
        equal=float((steps.max(axis=1) == 0).mean()),
        largest=int(steps.max()),
        mean=float(steps.mean()),
        changed=float((ours.argmax(axis=1) != theirs.argmax(axis=1)).mean()),
    )


def _tensorflow_version() -> str:
    from importlib.metadata import version

    return version("tensorflow")
