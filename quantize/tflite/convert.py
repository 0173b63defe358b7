"""Keras model -> full-integer int8 TFLite file: int8 in and out, weights per channel, batch 1.

Post-training quantisation (Jacob et al. 2018, https://arxiv.org/abs/1712.05877): the ranges of the activations come
from a sample of pictures, those of the weights from the weights. TensorFlow is imported when a model is converted.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ConfigError, ModelError
from edge.vision.detector.manifest import map_shapes
from quantize.classifier.agreement import as_input
from quantize.tflite.graph import schema
from train.run.saved import open_model


def load_keras_detector(path: Path) -> tuple[Any, tuple[int, ...]]:
    """Open a trained face detector; answers it and the strides of its maps.

    Raises:
        ModelError: the file is absent or no Keras model, or is no detector as ``edge.vision.detector.decode`` reads it.
    """
    model = open_model(path)
    taken, given = model.input_shape, model.output_shape
    advice = "accepted are maps of logits, then as many of boxes, of a grey picture; train it with fer-train"
    if not isinstance(given, list) or len(taken) != 4 or None in taken[1:] or taken[3] != 1:
        raise ModelError(f"model {path}: takes {taken} and gives {given}; {advice}")
    strides = tuple(taken[1] // shape[1] for shape in given[: len(given) // 2])
    try:
        expected = [(None, *shape[1:]) for shape in map_shapes(taken, strides)]
    except ValueError as error:
        raise ModelError(f"model {path}: {error}; {advice}") from error
    if [tuple(shape) for shape in given] != expected:
        raise ModelError(f"model {path}: gives {given}, expected {expected}; {advice}")
    return model, strides


def convert_int8(model: Any, calibration: npt.NDArray[np.uint8]) -> bytes:
    """Quantise a Keras ``model`` of raw grey levels 0..255 with ``calibration`` pictures, see ``as_input``.

    The same model and pictures give the same bytes on one machine: every name in the file is fixed here, where Keras
    would count up.

    Raises:
        ConfigError: Keras runs on another backend than TensorFlow.
        ModelError: TensorFlow cannot express the model in int8 operators.
    """
    import tensorflow as tf

    converter = _converter(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _samples(as_input(calibration, model.input_shape[-1]))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    # The Edge TPU's last compiler (16) knows per-channel weights in convolutions only.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return _run(converter)


def convert_float(model: Any) -> bytes:
    """The same graph in float32, operator for operator, to compare layers with.

    Raises:
        ConfigError: Keras runs on another backend than TensorFlow.
        ModelError: TensorFlow cannot express the model in TFLite's operators.
    """
    return _run(_converter(model))


def float_logits(model: Any, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """What a classifier itself answers to pictures, uint8 (n, height, width): float32 (n, heads, labels)."""
    return np.stack(model.predict(pixels[..., np.newaxis], batch_size=256, verbose=0), axis=1)


def _converter(model: Any) -> Any:
    import keras
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        raise ConfigError(f"KERAS_BACKEND is {keras.backend.backend()!r}, accepted for converting is 'tensorflow'")
    model = _with_resizing(model)
    # With an open batch the Edge TPU would refuse every operator.
    pixels = keras.Input(batch_shape=(1, *model.input_shape[1:]), name="pixels")
    return tf.lite.TFLiteConverter.from_keras_model(keras.Model(pixels, model(pixels, training=False), name="fer"))


def _with_resizing(model: Any) -> Any:
    """``model`` with TFLite's own operator for nearest upsampling.

    Keras repeats rows and columns by way of tensors with five dimensions, which no Edge TPU takes.
    """
    import keras
    import tensorflow as tf

    class Enlarge(keras.layers.Layer):  # type: ignore[misc]
        def call(self, maps: Any) -> Any:
            size = [2 * n for n in maps.shape[1:3]]
            # The corner of a cell and not its centre is asked for: Coral's compiler knows the older form.
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
    for picture in calibration:
        yield [picture.astype(np.float32)[np.newaxis]]


def in_order(model: bytes) -> bytes:
    """``model`` with its outputs in the order of the Keras model, which only the names in its signature still tell."""
    content = bytearray(model)
    document = schema().Model.GetRootAs(content, 0)
    signature = document.SignatureDefs(0)
    outputs = [signature.Outputs(i) for i in range(signature.OutputsLength())]
    outputs.sort(key=lambda output: int(output.Name().rpartition(b"_")[2]))  # output_0, output_1 ...
    document.Subgraphs(0).OutputsAsNumpy()[:] = [output.TensorIndex() for output in outputs]  # a view of ``content``
    return bytes(content)


def _run(converter: Any) -> bytes:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # Keras prints the signature it saves; TensorFlow asks for numbers that only its old quantiser needed.
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected", UserWarning)
        try:
            return in_order(converter.convert())
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ModelError(f"model cannot be converted ({reason}); use the layers of network.py") from error
