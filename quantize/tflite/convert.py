"""Keras model -> full-integer int8 TFLite file: int8 in and out, weights per channel, batch 1.

Post-training quantisation (Jacob et al. 2018, https://arxiv.org/abs/1712.05877): the ranges of the activations come
from a sample of images, those of the weights from the weights. TensorFlow is imported when a model is converted.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ConfigError, ModelError
from train.tflite.graph import read_graph, schema
from train.tflite.objects import operator_name, pack, unpack
from train.tflite.run import with_channels
from train.tflite.trace import LAYERS

_TABLES = ("ELU", "GELU", "HARD_SWISH", "TANH", "LOGISTIC")


def convert_int8(model: Any, calibration: npt.NDArray[np.uint8]) -> bytes:
    """Quantise a Keras ``model`` of raw grey levels 0..255 with ``calibration`` images, see ``with_channels``.

    The same model and images give the same bytes on one machine: every name in the file is fixed here, where Keras
    would number its layers anew.

    Raises:
        ConfigError: Keras runs on another backend than TensorFlow.
        ModelError: TensorFlow cannot express the model in int8 operators.
    """
    import tensorflow as tf

    converter = _converter(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _samples(with_channels(calibration, model.input_shape[-1]))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    # The Edge TPU's last compiler (16) knows per-channel weights in convolutions only.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return _run(converter)


def convert_float(model: Any) -> bytes:
    """The same graph in float32, operator for operator, to compare the layers.

    Raises:
        ConfigError: Keras runs on another backend than TensorFlow.
        ModelError: TensorFlow cannot express the model in TFLite's operators.
    """
    return _run(_converter(model))


def quantise(model: bytes, calibration: npt.NDArray[np.uint8]) -> bytes:
    """Quantise a float .tflite file of raw grey levels 0..255 as ``convert_int8`` does a Keras model.

    These are the last two of the three steps of TensorFlow's converter, which has no name for them in public.

    Raises:
        ModelError: TensorFlow cannot express the model in int8 operators.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize
    from tensorflow.lite.python.optimize.calibrator import Calibrator

    (taken,) = read_graph(model).inputs
    images = with_channels(calibration, taken.shape[-1])
    try:
        quantised = mlir_quantize(
            Calibrator(model).calibrate(lambda: _samples(images)),
            fully_quantize=True,
            input_data_type=tf.int8,
            output_data_type=tf.int8,
            disable_per_channel_for_dense_layers=True,  # as in convert_int8
        )
        return _with_int8_tables(bytes(quantised))
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"model cannot be quantised ({_reason(error)})") from error


def _with_int8_tables(model: bytes) -> bytes:
    """``model`` with int8 functions of one number where the quantiser left them in float between two changes of type.

    It does so with ELU, for which the runtimes have a table of 256 answers.
    """
    document = unpack(model)
    graph = document.subgraphs[0]
    source = {int(operator.outputs[0]): operator for operator in graph.operators}
    kept: list[Any] = []
    for operator in graph.operators:
        function = source.get(int(operator.inputs[0]))
        before = source.get(int(function.inputs[0])) if function else None
        if (
            function is not None
            and before is not None
            and operator_name(document, operator) == "QUANTIZE"
            and operator_name(document, function) in _TABLES
            and operator_name(document, before) == "DEQUANTIZE"
        ):
            function.inputs, function.outputs = before.inputs, operator.outputs
            kept = [each for each in kept if each is not before]
        else:
            kept.append(operator)
    if len(kept) == len(graph.operators):
        return model
    graph.operators = kept
    return pack(document)


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _converter(model: Any) -> Any:
    import keras
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        raise ConfigError(f"KERAS_BACKEND is {keras.backend.backend()!r}, converting needs 'tensorflow'")
    model = _with_resizing(model)
    # With an open batch the Edge TPU would refuse every operator.
    pixels = keras.Input(batch_shape=(1, *model.input_shape[1:]), name="pixels")
    return tf.lite.TFLiteConverter.from_keras_model(keras.Model(pixels, model(pixels, training=False), name="fer"))


def _with_resizing(model: Any) -> Any:
    """``model`` with TFLite's own operator for nearest upsampling.

    Keras repeats rows and columns through tensors with five dimensions, which no Edge TPU takes.
    """
    import keras
    import tensorflow as tf

    class Enlarge(keras.layers.Layer):  # type: ignore[misc]
        def call(self, maps: Any) -> Any:
            size = [2 * n for n in maps.shape[1:3]]
            # half_pixel_centers=False is the older form of the operator, the only one that Coral's compiler knows.
            return tf.raw_ops.ResizeNearestNeighbor(images=maps, size=size, half_pixel_centers=False)

    def is_nearest(layer: Any) -> bool:
        return (
            isinstance(layer, keras.layers.UpSampling2D) and layer.interpolation == "nearest" and layer.size == (2, 2)
        )

    if not any(is_nearest(layer) for layer in model.layers):
        return model
    enlarging = keras.models.clone_model(
        model,
        clone_function=lambda layer: (
            Enlarge(name=layer.name) if is_nearest(layer) else type(layer).from_config(layer.get_config())
        ),
    )
    enlarging.set_weights(model.get_weights())
    return enlarging


def _samples(calibration: npt.NDArray[np.uint8]) -> Iterator[list[npt.NDArray[np.float32]]]:
    for image in calibration:
        yield [image.astype(np.float32)[np.newaxis]]


def in_order(model: bytes) -> bytes:
    """``model`` with its outputs in the order of the Keras model, which only the names in its signature keep."""
    content = bytearray(model)
    document = schema().Model.GetRootAs(content, 0)
    signature = document.SignatureDefs(0)
    outputs = [signature.Outputs(i) for i in range(signature.OutputsLength())]
    outputs.sort(key=lambda output: int(output.Name().rpartition(b"_")[2]))  # output_0, output_1 ...
    document.Subgraphs(0).OutputsAsNumpy()[:] = [output.TensorIndex() for output in outputs]  # a view of ``content``
    return bytes(content)


def _run(converter: Any) -> bytes:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # Keras prints the signature that it saves; TensorFlow warns of statistics that only its old quantiser needed.
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected", UserWarning)
        try:
            return in_order(converter.convert())
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"model cannot be converted ({_reason(error)}); build it with the layers of {LAYERS}"
            ) from error
