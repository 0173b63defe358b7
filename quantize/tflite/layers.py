"""How much noise quantising adds, layer by layer: the same images through the float and the int8 graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.model import int8
from train.tflite.graph import Operator, read_graph
from train.tflite.run import open_in_tensorflow, with_channels

LOW_SNR_DB = 15.0
"""Below this ratio the error is over 18 % of the signal's amplitude: look at such a layer."""


@dataclass(frozen=True, slots=True)
class LayerError:
    """The error in the output of one operator, its own and that of the operators before it.

    ``snr_db`` is the power of the float signal over that of the error, in decibels; infinite where nothing differs.
    """

    operator: int
    name: str
    layer: str
    shape: tuple[int, ...]
    snr_db: float


def layer_errors(original: bytes, quantised: bytes, images: npt.NDArray[np.uint8]) -> tuple[LayerError, ...]:
    """Compare the output of every operator that both files hold.

    Args:
        original: the float file of ``convert_float``.
        quantised: the int8 file of the same network; the converter gives its tensors the same names.
        images: what to run, see ``with_channels``, n > 0; a few dozen are enough.
    """
    kernels = "BUILTIN_WITHOUT_DEFAULT_DELEGATES"  # XNNPACK keeps no tensor between layers
    in_float = open_in_tensorflow(original, kernels, keep_all=True)
    in_int8 = open_in_tensorflow(quantised, kernels, keep_all=True)
    float_ids = {tensor["name"]: tensor["index"] for tensor in in_float.get_tensor_details()}
    int8_ids = {tensor["name"]: tensor["index"] for tensor in in_int8.get_tensor_details()}
    operators = [o for o in read_graph(quantised).operators if o.outputs[0].name in float_ids]
    powers = np.zeros((len(operators), 2))  # of the signal, of the error
    for image in with_channels(images, in_float.get_input_details()[0]["shape"][-1]):
        for interpreter, values in (
            (in_float, image.astype(np.float32)),
            (in_int8, int8.quantize(image, *in_int8.get_input_details()[0]["quantization"])),
        ):
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values[np.newaxis])
            interpreter.invoke()
        for i, operator in enumerate(operators):
            output = operator.outputs[0]
            expected = in_float.get_tensor(float_ids[output.name]).astype(np.float64)
            steps = in_int8.get_tensor(int8_ids[output.name])
            error = expected - int8.dequantize(steps, output.scales[0], output.zero_points[0])
            powers[i] += np.square(expected).sum(), np.square(error).sum()
    return tuple(_layer_error(operator, *power) for operator, power in zip(operators, powers, strict=True))


def worst(layers: Sequence[LayerError]) -> LayerError:
    """The layer with the most noise."""
    return min(layers, key=lambda layer: layer.snr_db)


def _layer_error(operator: Operator, signal: float, error: float) -> LayerError:
    snr_db = float(10 * np.log10(signal / error)) if error > 0 else float("inf")
    output = operator.outputs[0]
    return LayerError(operator.index, operator.name, output.layer, output.shape, snr_db)
