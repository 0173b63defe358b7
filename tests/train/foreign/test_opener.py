"""Classifiers as people have them, opened as one float .tflite file; Teachable Machine's as it exports them."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tf_keras
from keras import layers

from edge.errors import ModelError
from quantize.tflite.convert import convert_int8
from train.foreign.opener import open_third_party
from train.tflite.graph import read_graph
from train.tflite.objects import pack, unpack
from train.tflite.run import run_float
from train.tflite.trace import trace

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras 2 and 3 on their own files


def small(shape: tuple[int | None, ...] = (16, 16, 3), classes: int = 7) -> Any:
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(classes),
        ]
    )


def images(channels: int = 3) -> Any:
    return np.random.RandomState(0).uniform(0, 255, (3, 16, 16, channels)).astype(np.float32)


def as_float_file(model: Any) -> bytes:
    return trace(lambda pixels: model(pixels, training=False), (1, *model.input_shape[1:]))


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "saved", "model.tflite"])
def test_every_form_of_file_opens_to_the_same_outputs(name: str, tmp_path: Path) -> None:
    model = small()
    if name == "saved":
        model.export(tmp_path / name, verbose=False)
    elif name.endswith(".tflite"):
        (tmp_path / name).write_bytes(as_float_file(model))
    else:
        model.save(tmp_path / name)

    opened = open_third_party(tmp_path / name)

    assert opened.size_px == 16
    assert np.allclose(run_float(opened.network, images()), model.predict(images(), verbose=0), atol=1e-3)


def test_layers_of_keras_2_that_keras_3_refuses_are_opened(tmp_path: Path) -> None:
    model = tf_keras.Sequential(
        [
            tf_keras.layers.SeparableConv2D(4, 3, input_shape=(16, 16, 1)),
            tf_keras.layers.LeakyReLU(),
            tf_keras.layers.DepthwiseConv2D(3),
            tf_keras.layers.GlobalAveragePooling2D(),
            tf_keras.layers.Dense(3),
        ]
    )
    model.save(tmp_path / "model.h5")

    opened = open_third_party(tmp_path / "model.h5")

    assert np.allclose(run_float(opened.network, images(1)), model.predict(images(1), verbose=0), atol=1e-3)


@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_weights_in_float16_or_int8_become_float(kind: str, tmp_path: Path) -> None:
    import tensorflow as tf

    model = small()
    if kind == "int8":
        pixels = images().astype(np.uint8)
        pixels[0, :4], pixels[0, 4:8] = 0, 255
        content = convert_int8(model, pixels)
    else:
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        content = converter.convert()
    (tmp_path / "model.tflite").write_bytes(content)

    opened = open_third_party(tmp_path / "model.tflite")

    assert {tensor.dtype for tensor in read_graph(opened.network).tensors} <= {"FLOAT32", "INT32"}
    expected = model.predict(images(), verbose=0)
    assert np.abs(run_float(opened.network, images()) - expected).max() < 0.03 * np.abs(expected).max()


def test_channels_first_become_channels_last(tmp_path: Path) -> None:
    last = small()
    first = keras.Sequential([keras.Input((3, 16, 16)), layers.Permute((2, 3, 1)), *last.layers])
    first.save(tmp_path / "model.keras")

    opened = open_third_party(tmp_path / "model.keras")

    assert read_graph(opened.network).inputs[0].shape == (1, 16, 16, 3)
    assert np.allclose(run_float(opened.network, images()), last.predict(images(), verbose=0), atol=1e-3)


def test_a_network_for_images_of_any_size_asks_for_one(tmp_path: Path) -> None:
    small((None, None, 3)).save(tmp_path / "model.keras")

    with pytest.raises(ModelError, match=r"takes images of any size; give that of its training with --size"):
        open_third_party(tmp_path / "model.keras")

    assert open_third_party(tmp_path / "model.keras", 32).size_px == 32


def test_an_open_batch_of_a_tflite_file_becomes_one(tmp_path: Path) -> None:
    import tensorflow as tf

    model = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(3)])
    (tmp_path / "model.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())

    opened = open_third_party(tmp_path / "model.tflite")

    graph = read_graph(opened.network)
    assert not any(tensor.open_shape for tensor in graph.tensors)
    assert "SHAPE" not in [operator.name for operator in graph.operators]


@keras.saving.register_keras_serializable("tests")
class Attention(keras.layers.Layer):  # type: ignore[misc]
    def call(self, maps: Any) -> Any:
        return maps


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (small((16, 20, 1)), r"takes \(1, 16, 20, 1\), expected one square image"),
        (small((16, 16, 4)), r"takes \(1, 16, 16, 4\), expected one square image"),
        (
            keras.Sequential([keras.Input((16, 16, 1)), layers.Lambda(lambda maps: maps)]),
            r"has a Lambda layer, Python code in the file, which is not run; .* model.export\('folder'\)",
        ),
    ],
    ids=["oblong", "four channels", "lambda"],
)
def test_what_is_no_network_of_one_square_image_is_refused(model: Any, message: str, tmp_path: Path) -> None:
    model.save(tmp_path / "model.keras")

    with pytest.raises(ModelError, match=message):
        open_third_party(tmp_path / "model.keras")


def test_a_layer_whose_code_is_elsewhere_is_named(tmp_path: Path) -> None:
    model = tf_keras.Sequential([tf_keras.layers.Conv2D(2, 3, input_shape=(16, 16, 1))])
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        file.attrs["model_config"] = str(file.attrs["model_config"]).replace('"Conv2D"', '"SpatialAttention"')

    with pytest.raises(ModelError, match=r"needs 'SpatialAttention', code that is not in the file; .*model.export"):
        open_third_party(tmp_path / "model.h5")


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            ("conv2d", "dense", "layer_names"),
            r"holds weights without the network that they belong to; .*load the weights",
        ),
        (("optimizer_weights",), r"holds the state of an optimizer and no network"),
        (("measurements",), r"holds no Keras network, but measurements"),
    ],
)
def test_an_h5_without_a_network_is_refused(groups: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "model.h5", "w") as file:
        for group in groups:
            file.create_group(group)

    with pytest.raises(ModelError, match=message):
        open_third_party(tmp_path / "model.h5")


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model.tflite"])
def test_a_download_that_was_cut_off_is_called_so(name: str, tmp_path: Path) -> None:
    whole = tmp_path / name
    whole.write_bytes(as_float_file(small())) if name.endswith("tflite") else small().save(whole)
    whole.write_bytes(whole.read_bytes()[: -whole.stat().st_size // 3])

    with pytest.raises(ModelError, match=r"cut off or damaged.*download it again"):
        open_third_party(whole)


def test_onnx_without_its_translator_names_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\x08\x09\x12\x07pytorch")
    monkeypatch.setattr(shutil, "which", lambda program: None)

    with pytest.raises(ModelError, match=r"is ONNX, which the program onnx2tf translates; install it"):
        open_third_party(tmp_path / "model.onnx")


@pytest.fixture(scope="module")
def teachable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with the layers, the nesting and the names of Teachable Machine's image projects: MobileNetV2 without
    its top at 224x224x3, then two dense layers without a bias in the last, in a Keras 2 file.
    """
    tf_keras.utils.set_random_seed(3)
    base = tf_keras.applications.MobileNetV2((224, 224, 3), alpha=0.35, include_top=False, weights=None)
    features = tf_keras.Sequential([base, tf_keras.layers.GlobalAveragePooling2D()], name="sequential_1")
    head = tf_keras.Sequential(
        [
            tf_keras.layers.Dense(100, activation="relu", input_shape=(1280,)),
            tf_keras.layers.Dense(3, activation="softmax", use_bias=False),
        ],
        name="sequential_3",
    )
    file = tmp_path_factory.mktemp("teachable") / "keras_model.h5"
    tf_keras.Sequential([features, head], name="sequential_4").save(file)
    with h5py.File(file, "r+") as content:  # as Keras 2.4 wrote it
        config = str(content.attrs["model_config"])
        content.attrs["model_config"] = config.replace(
            '"DepthwiseConv2D", "config": {', '"DepthwiseConv2D", "config": {"groups": 1, '
        )
        content.attrs["keras_version"] = "2.4.0"
    return file


@pytest.mark.parametrize("export", ["converted_keras", "converted_tflite"])
def test_an_export_of_teachable_machine_is_opened_with_its_labels(export: str, teachable: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / f"{export}.zip", "w") as archive:
        archive.writestr("labels.txt", "0 Confused\n1 Bored\n2 Attentive\n")
        if export == "converted_keras":
            archive.write(teachable, "keras_model.h5")
        else:
            model = tf_keras.models.load_model(teachable, compile=False)
            archive.writestr("model_unquant.tflite", as_float_file(model))

    opened = open_third_party(tmp_path / f"{export}.zip")

    assert opened.labels == ("Confused", "Bored", "Attentive")
    assert opened.teachable
    assert read_graph(opened.network).inputs[0].shape == (1, 224, 224, 3)
    assert read_graph(opened.network).outputs[0].shape == (1, 3)


def test_keras_3_refuses_what_teachable_machine_exports(teachable: Path) -> None:
    with pytest.raises((TypeError, ValueError)):
        keras.models.load_model(teachable, compile=False)


def test_a_file_outputs_the_same_after_it_was_unpacked_and_packed() -> None:
    network = as_float_file(small())

    again = pack(unpack(network))

    assert np.array_equal(run_float(again, images()), run_float(network, images()))
