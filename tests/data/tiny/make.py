"""Makes the tiny models beside it, which the tests of ``edge`` run without TensorFlow.

``python tests/data/tiny/make.py`` (extra ``train``) writes them again. The classifier needs no training: it averages
the quarters of the image and weighs them by hand, so that a test can say what it must output: a bright image is happy,
a dark one sad, a bright left half surprise, a bright right half fear; a second head outputs the opposite.
``three`` has three labels of its own. ``fragile`` is a classifier that passes every check, and whose runtime gives up
on a bright face with a bright corner.
For the detector, a white block of 8 pixels is the middle of a small face and a black one of 16 that of a large face.
``refined`` is the same detector with a refiner, to which only what is brighter than its surroundings is a face.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from edge.labels import EMOTIONS, HEADS, INPUT_SIZE_PX
from edge.model import int8
from edge.model.classifier_manifest import ClassifierManifest, Head
from edge.model.golden import GoldenVector, golden_input, golden_values
from edge.model.interpreter import Interpreter
from edge.model.manifest import Manifest, SharedFields
from edge.vision.crop import CropRule
from edge.vision.detector.manifest import DetectorManifest, map_shapes
from edge.vision.detector.refiner import RefinerManifest
from quantize.tflite.convert import in_order

HERE = Path(__file__).parent
QUARTERS = ("top left", "top right", "bottom left", "bottom right")

OTHERS = ("confused", "bored", "attentive")
"""The labels of ``three``, a classifier of its own."""

STRIDES = (8, 16)
SMALL_FACE, LARGE_FACE = (1, 1, 1, 1.5), (2, 2, 2, 2.5)
"""Distances from the middle to the left, top, right and bottom side, in strides."""


def quarters(channels: int) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Input, and the mean of each quarter, channels added up."""
    size = INPUT_SIZE_PX
    image = keras.Input(batch_shape=(1, size, size, channels), name="picture")
    grey = keras.layers.Conv2D(1, 1, kernel_initializer="ones", name="grey")(image)
    pooled = keras.layers.AveragePooling2D(size // 2)(grey)
    return image, keras.layers.Flatten()(pooled)


def classifier(channels: int, heads: int = 1) -> keras.Model:
    """Logits of the seven emotions from the four quarters, by a head or two."""
    image, means = quarters(channels)
    weights = np.zeros((len(QUARTERS), len(EMOTIONS)), np.float32)
    weights[:, EMOTIONS.index("happy")] = [1, 1, 1, 1]
    weights[:, EMOTIONS.index("sad")] = [-1, -1, -1, -1]
    weights[:, EMOTIONS.index("surprise")] = [2, -2, 2, -2]
    weights[:, EMOTIONS.index("fear")] = [-2, 2, -2, 2]
    weights /= 100 * channels
    dense = [keras.layers.Dense(len(EMOTIONS), name=name) for name in ("logits", "opposite")[:heads]]
    model = keras.Model(image, [head(means) for head in dense] if heads > 1 else dense[0](means))
    for head, sign in zip(dense, (1, -1), strict=False):
        head.set_weights([sign * weights, -sign * weights.sum(axis=0) * 127.5 * channels])  # mid-grey: all equal
    return model


def of_others() -> keras.Model:
    """Logits of ``OTHERS``: a bright face is attentive, a dark one bored, one with a bright left half confused."""
    image, means = quarters(1)
    weights = np.array([[2, -2, 2, -2], [-1, -1, -1, -1], [1, 1, 1, 1]], np.float32).T / 100
    dense = keras.layers.Dense(len(OTHERS), name="logits")
    model = keras.Model(image, dense(means))
    dense.set_weights([weights, -weights.sum(axis=0) * 127.5])
    return model


def two_outputs() -> keras.Model:
    """A model with two outputs, as a detector has."""
    image, means = quarters(1)
    return keras.Model(image, [keras.layers.Dense(4, name="boxes")(means), keras.layers.Dense(2, name="scores")(means)])


def detector() -> keras.Model:
    """White blocks on the fine map, black ones on the coarse map; every box has the same size."""
    image = keras.Input(batch_shape=(1, 96, 128, 1), name="picture")
    logits, boxes = [], []
    for stride, face, slope, middle in (
        (STRIDES[0], SMALL_FACE, 0.1, 190),
        (STRIDES[1], LARGE_FACE, -0.1, 65),
    ):
        mean = keras.layers.AveragePooling2D(stride)(image)
        score = keras.layers.Conv2D(
            1, 1, kernel_initializer=constant(slope), bias_initializer=constant(-slope * middle), name=f"score{stride}"
        )
        box = keras.layers.Conv2D(4, 1, kernel_initializer="zeros", name=f"box{stride}")
        logits.append(score(mean))
        boxes.append(box(mean))
        box.set_weights([np.zeros((1, 1, 1, 4)), np.log(face)])
    return keras.Model(image, [*boxes, *logits])  # not in the manifest's order, as no converter promises one


REFINED_BOX = (0.25, 0.2, 0.75, 0.8)
"""Left, top, right and bottom in sides of the square, whatever it shows."""


def refiner() -> keras.Model:
    """By how much the middle ninth of the square is brighter than the others."""
    image = keras.Input(batch_shape=(1, INPUT_SIZE_PX, INPUT_SIZE_PX, 1), name="picture")
    ninths = keras.layers.Flatten()(keras.layers.AveragePooling2D(INPUT_SIZE_PX // 3)(image))
    logit, box = keras.layers.Dense(1, name="logit"), keras.layers.Dense(4, name="box")
    model = keras.Model(
        image, [box(ninths), logit(ninths)]
    )  # not in the manifest's order, as no converter promises one
    weights = np.full((9, 1), -1 / 8, np.float32)
    weights[4] = 1
    logit.set_weights([0.2 * weights, np.array([-8], np.float32)])
    box.set_weights([np.zeros((9, 4), np.float32), np.array(REFINED_BOX, np.float32)])
    return model


def constant(value: float) -> keras.initializers.Initializer:
    """An initializer."""
    return keras.initializers.Constant(value)


def convert(model: keras.Model, *further: np.ndarray, quantised: bool = True) -> bytes:
    """The model as a .tflite file, full-integer int8 or float; ``further`` images set its ranges too."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if quantised:
        shape = (1, *model.inputs[0].shape[1:])
        halves = [np.zeros(shape, np.float32) for _ in range(4)]
        halves[1][...] = 255
        halves[2][:, :, : shape[2] // 2] = 255
        halves[3][:, :, shape[2] // 2 :] = 255
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        converter.representative_dataset = lambda: ([image] for image in (*halves, *further))
    return in_order(converter.convert())


class Fragile(tf.Module):  # type: ignore[misc]
    """Reads a row of a table: the first, but the sixth of two where the image and its corner are both bright."""

    @tf.function(input_signature=[tf.TensorSpec((1, INPUT_SIZE_PX, INPUT_SIZE_PX, 1), tf.float32)])  # type: ignore[untyped-decorator]
    def logits(self, image: tf.Tensor) -> tf.Tensor:
        """Logits of the seven emotions."""
        corner_is_bright = tf.cast(tf.reduce_mean(image[:, :4, :4, :]) / 80.0, tf.int32)
        is_bright = tf.cast(tf.reduce_mean(image) / 100.0, tf.int32)
        row = tf.gather(tf.constant(np.eye(2, len(EMOTIONS), dtype=np.float32)), 5 * corner_is_bright * is_bright)
        means = tf.reshape(tf.nn.avg_pool2d(image, INPUT_SIZE_PX // 2, INPUT_SIZE_PX // 2, "VALID"), (1, 4))
        return tf.matmul(means, tf.ones((4, len(EMOTIONS))) / 100) + tf.reshape(row, (1, len(EMOTIONS)))


def fragile() -> bytes:
    """The .tflite file of it. Of the calibration images either the corner or the rest is bright."""
    module = Fragile()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.logits.get_concrete_function()], module)
    corner = np.zeros((1, INPUT_SIZE_PX, INPUT_SIZE_PX, 1), np.float32)
    corner[:, :4, :4] = 255
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter.representative_dataset = lambda: ([image] for image in (corner * 0, corner, 255 - corner))
    return bytes(converter.convert())


def open_batch() -> keras.Model:
    """The classifier with an open batch dimension."""
    fixed = classifier(1)
    image = keras.Input((INPUT_SIZE_PX, INPUT_SIZE_PX, 1), name="picture")
    x = image
    for layer in fixed.layers[1:]:
        x = layer(x)
    return keras.Model(image, x)


def shared_fields(model: bytes, name: str, output_shapes: Sequence[tuple[int, ...]]) -> SharedFields:
    """What fer-quantize would write for either kind of model, with the outputs in the order of ``output_shapes``."""
    interpreter = Interpreter(model)
    taken, shapes = interpreter.inputs[0], [spec.shape for spec in interpreter.outputs]
    golden = []
    for seed in range(2):
        image = int8.quantize(golden_input(seed, taken.shape), taken.scale, taken.zero_point)
        outputs = list(zip(shapes, interpreter.run(image), strict=True))
        ordered = []
        for shape in output_shapes:
            found = next(i for i, output in enumerate(outputs) if output[0] == shape)
            ordered.append(outputs.pop(found)[1].ravel())
        golden.append(GoldenVector(seed, golden_values(np.concatenate(ordered))))
    return SharedFields(
        id=name,
        sha256=hashlib.sha256(model).hexdigest(),
        input=taken,
        golden=tuple(golden),
        golden_tolerance=2,
        metrics={},
        tools={"tensorflow": tf.__version__},
        training={"method": "weights by hand"},
        licence="MIT",
        edgetpu_sha256="",
        counter=0,
    )


def classifier_manifest(model: bytes, name: str, labels: tuple[str, ...] = EMOTIONS, **look: Any) -> ClassifierManifest:
    """The manifest of a classifier; ``look`` is order and colours of its labels."""
    outputs = Interpreter(model).outputs
    return ClassifierManifest(
        **shared_fields(model, name, [spec.shape for spec in outputs]),
        labels=labels,
        heads=tuple(Head(head, spec, 1.0) for head, spec in zip(HEADS, outputs, strict=False)),
        **look,
    )


def detector_manifest(model: bytes, name: str) -> DetectorManifest:
    """The manifest of the detector."""
    interpreter = Interpreter(model)
    shapes = map_shapes(interpreter.inputs[0].shape, STRIDES)
    specs = {spec.shape: spec for spec in interpreter.outputs}
    return DetectorManifest(
        **shared_fields(model, name, shapes),
        outputs=tuple(specs[shape] for shape in shapes),
        strides=STRIDES,
        threshold=0.5,
        keep_threshold=0.3,
        max_overlap=0.4,
        crop=CropRule(side=1.0, offset_y=-0.1),
    )


def refiner_manifest(model: bytes, name: str) -> RefinerManifest:
    """The manifest of the refiner."""
    shapes = ((1, 1), (1, 4))
    specs = {spec.shape: spec for spec in Interpreter(model).outputs}
    outputs = tuple(specs[shape] for shape in shapes)
    return RefinerManifest(**shared_fields(model, name, shapes), outputs=outputs, side=1.5)


def write_release(folder: Path, model: bytes, manifest: Manifest) -> None:
    """A release folder: model.tflite and model.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(model)
    (folder / "model.json").write_text(manifest.to_json(), "utf-8")


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    for name, channels, heads in (("grey", 1, 1), ("colour", 3, 1), ("heads", 1, 2)):
        content = convert(classifier(channels, heads))
        write_release(HERE / name, content, classifier_manifest(content, name))
    content = convert(of_others())
    look = {"order": OTHERS[::-1], "colours": {"bored": "#123456"}}
    write_release(HERE / "three", content, classifier_manifest(content, "three", OTHERS, **look))
    content = fragile()
    write_release(HERE / "fragile", content, classifier_manifest(content, "fragile"))
    content = convert(detector())
    write_release(HERE / "face", content, detector_manifest(content, "face"))
    bright_middle = np.zeros((1, INPUT_SIZE_PX, INPUT_SIZE_PX, 1), np.float32)
    bright_middle[:, 16:32, 16:32] = 160
    second = convert(refiner(), bright_middle)
    write_release(HERE / "refined" / "refiner", second, refiner_manifest(second, "refiner"))
    sha256 = hashlib.sha256((HERE / "refined" / "refiner" / "model.json").read_bytes()).hexdigest()
    manifest = replace(detector_manifest(content, "refined"), refiner_sha256=sha256, candidate_threshold=0.1)
    write_release(HERE / "refined", content, manifest)
    (HERE / "float.tflite").write_bytes(convert(classifier(1), quantised=False))
    (HERE / "open_batch.tflite").write_bytes(convert(open_batch()))
    (HERE / "two_outputs.tflite").write_bytes(convert(two_outputs()))
