"""Classifiers that others trained are measured on labelled faces of any data set."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from tests.support.paths import TINY  # noqa: E402
from train import cli  # noqa: E402


def run(*arguments: object) -> int:
    return cli.main(["evaluate", *map(str, arguments)])


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Bright and dark pictures of 96 pixels, ten each to train on and to measure with."""
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        for label, grey in (("bright", 170), ("dark", 20)):
            for number in range(10):
                path = tmp_path / "faces" / split / label / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), grey + random.integers(0, 60, (96, 96)))
    return tmp_path / "faces"


def save_brightness(path: Path, side_px: int, channels: int, middle: float = 0.0) -> Path:
    """A network that says dark below ``middle``, by default for -1..1; its outputs are dark, bright."""
    model: Any = keras.Sequential(
        [
            keras.Input((side_px, side_px, channels)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    towards_bright = np.array([-4.0, 4.0])
    model.layers[-1].set_weights([np.array([towards_bright] * channels) / channels, -middle * towards_bright])
    model.save(path)
    return path


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize(("name", "side_px", "channels"), [("theirs.h5", 64, 1), ("theirs.keras", 96, 3)])
def test_a_network_of_any_size_is_measured_in_the_input_range_that_fits(
    name: str, side_px: int, channels: int, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_brightness(tmp_path / name, side_px, channels)
    (tmp_path / "labels.txt").write_text("0 dark\n1 bright\n", "utf-8")

    status = run(model, "--data", faces, "--cache", tmp_path / "cache")

    out = capsys.readouterr().out
    assert status == 0
    told = re.search(r"The input range (\S+) was taken, and these faces do not tell it from (.+) \((.+)\); give", out)
    assert told is not None
    shares = dict(each.split() for each in told[3].split(", "))
    assert {shares[name] for name in (told[1], *told[2].split(" or "))} == {"100.0%"}
    assert "-1..1" in (told[1], *told[2].split(" or "))
    assert f"The labels are those of {tmp_path}/labels.txt, in this order: dark, bright.\n" in out
    assert shares["0..1"] == shares["0..255"] == "50.0%"
    assert "between 83.9% and 100.0% (95 % interval)" in out
    assert run(model, "--data", faces, "--cache", tmp_path / "cache", "--input-range=0..1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["labels"]["accuracy"] == 0.5


@pytest.mark.filterwarnings("ignore")  # TensorFlow's converter, and Keras 2 on its own file
@pytest.mark.parametrize("name", ["float.tflite", "keras2.h5", "teachable.zip", "saved"])
def test_whatever_convert_opens_is_measured(
    name: str, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import tensorflow as tf
    import tf_keras

    model: Any = tf_keras.Sequential(
        [
            tf_keras.layers.DepthwiseConv2D(1, input_shape=(48, 48, 1), depthwise_initializer="ones"),
            tf_keras.layers.GlobalAveragePooling2D(),
            tf_keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.layers[-1].set_weights([np.array([[-4.0, 4.0]]), np.zeros(2)])
    path = tmp_path / name
    if name == "keras2.h5":
        model.save(path)
    elif name == "saved":
        model.export(path)
    else:
        content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
        if name == "float.tflite":
            path.write_bytes(content)
        else:
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("model_unquant.tflite", content)
                archive.writestr("labels.txt", "0 dark\n1 bright\n")
    if name != "teachable.zip":
        (tmp_path / "labels.txt").write_text("dark\nbright\n", "utf-8")

    grey = faces / "val" / "grey" / "0.png"  # a label that the network lacks
    grey.parent.mkdir()
    cv2.imwrite(str(grey), np.full((96, 96), 120, np.uint8))

    status = run(path, "--data", faces, "--cache", tmp_path / "cache", "--input-range=-1..1", "--json")

    out, err = capsys.readouterr()
    assert status == 0, err
    assert json.loads(out[out.index("{") :])["labels"]["accuracy"] == pytest.approx(20 / 21)


def test_an_input_range_that_alone_fits_is_said_to(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_brightness(tmp_path / "theirs.keras", 48, 1, middle=125)
    (tmp_path / "labels.txt").write_text("dark\nbright\n", "utf-8")

    run(model, "--data", faces, "--cache", tmp_path / "cache", "--labels", tmp_path / "labels.txt")

    assert "The input range 0..255 is right most often (0..255 100.0%, " in capsys.readouterr().out


def test_labels_in_a_wrong_order_are_noticed(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save_brightness(tmp_path / "theirs.keras", 48, 1)
    (tmp_path / "names.txt").write_text("bright\ndark\n", "utf-8")

    run(
        model, "--data", faces, "--cache", tmp_path / "cache", "--labels", tmp_path / "names.txt", "--input-range=-1..1"
    )

    out = capsys.readouterr().out
    assert "In the order dark, bright it would be right for 100.0%, not 0.0%: is that the order of its outputs?" in out


def test_labels_are_asked_for_where_nothing_names_them(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_brightness(tmp_path / "theirs.keras", 48, 1)
    given = ("--data", faces, "--cache", tmp_path / "cache")

    assert run(model, *given) == 78
    assert "nothing says what its outputs are; name a text file with --labels" in capsys.readouterr().err
    for content, message in (
        ("dark\n", "there is 1 label"),
        ("dark\nbright\ngrey\n", "gives 2 numbers for 3 labels"),
        ("light\nshade\n", "has none of the labels bright, dark"),
    ):
        (tmp_path / "names.txt").write_text(content, "utf-8")
        assert run(model, *given, "--labels", tmp_path / "names.txt") == 78
        assert message in capsys.readouterr().err
    assert run(model, *given, "--labels", tmp_path / "absent.txt") == 78
    assert "absent.txt: cannot be read" in capsys.readouterr().err


def test_a_release_folder_is_measured_on_two_of_its_labels_with_rows_for_these_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for label in ("happy", "sad", "bored"):
        for number in range(5):
            path = tmp_path / "faces" / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((48, 48), 40 * number, np.uint8))

    status = run(TINY / "grey", "--data", tmp_path / "faces", "--cache", tmp_path / "cache", "--json")

    document = json.loads(capsys.readouterr().out)
    assert status == 0
    assert [each["name"] for each in document["labels"]["classes"]] == ["happy", "sad", "bored"]
    assert document["labels"]["classes"][2]["recall"] == 0  # a label that the model lacks
