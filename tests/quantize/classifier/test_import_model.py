"""Classifiers built like published ones, only smaller, imported and run by the daemon's own classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from keras import layers

from edge.errors import ModelError
from edge.labels import EMOTIONS, INPUT_SIZE_PX
from edge.model.probabilities import softmax
from edge.records import Pixels
from edge.vision.classifier import EmotionClassifier, load_release
from quantize.classifier.images import Images
from quantize.classifier.import_model import ImportOutcome, import_model
from quantize.release import check_release
from train.data.fer2013 import FaceSet
from train.tflite.graph import read_graph

Faces = dict[str, FaceSet]
SHUFFLED = ("surprise", "neutral", "happy", "angry", "fear", "sad", "disgust")

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Keras and TensorFlow on .h5 and SavedModel


def sized(pixels: Pixels, size_px: int = 64) -> Pixels:
    return np.array([cv2.resize(image, (size_px, size_px)) for image in pixels])


def scaled(pixels: Pixels) -> Any:
    """Images in -1..1."""
    return pixels[..., np.newaxis] / np.float32(127.5) - 1


@pytest.fixture(scope="module")
def mini_xception(faces: Faces) -> Any:
    """In the style of Arriaga et al. 2017, https://arxiv.org/abs/1710.07557: 64x64 grey in -1..1, softmax last."""
    keras.utils.set_random_seed(1)
    image = keras.Input((64, 64, 1))
    x = layers.Conv2D(8, 3, use_bias=False)(image)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    for channels in (8, 16):
        shortcut = layers.Conv2D(channels, 1, strides=2, padding="same", use_bias=False)(x)
        shortcut = layers.BatchNormalization()(shortcut)
        x = layers.SeparableConv2D(channels, 3, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.add([x, shortcut])
    features = layers.AveragePooling2D(8)(x)
    last = layers.Conv2D(len(EMOTIONS), 3, padding="same")
    model = keras.Model(image, layers.Activation("softmax")(layers.GlobalAveragePooling2D()(last(features))))
    training = faces["Training"]
    seen = keras.Model(image, features).predict(scaled(sized(training.pixels)), verbose=0)
    last.set_weights(solve(seen, 4 * np.eye(len(EMOTIONS))[training.labels]))
    return model


def solve(seen: Any, logits: Any) -> Any:
    """Kernel and bias of the last convolution by least squares, so that nothing needs training: over a map of 2x2, each
    corner of a 3x3 kernel sees one place, and the mean of the four outputs is a weighted sum over them all.
    """
    flat = np.column_stack([seen.reshape(len(seen), -1), np.ones(len(seen))])
    weights = np.linalg.solve(flat.T @ flat + 1e-3 * np.eye(flat.shape[1]), flat.T @ logits)
    kernel = np.zeros((3, 3, seen.shape[-1], logits.shape[-1]))
    kernel[::2, ::2] = 4 * weights[:-1].reshape(2, 2, seen.shape[-1], -1)
    return [kernel, weights[-1]]


def reorder(model: Any, labels: Sequence[str]) -> Any:
    """A copy of ``model`` with its outputs in another order."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    kernel, bias = copy.layers[-3].get_weights()
    order = [EMOTIONS.index(label) for label in labels]
    copy.layers[-3].set_weights([kernel[..., order], bias[order]])
    return copy


def write(model: Any, path: Path) -> None:
    """A file by its suffix, or a SavedModel folder."""
    if path.suffix:
        model.save(path)
    else:
        model.export(path, verbose=False)


def import_into(
    folder: Path,
    model: Path,
    labels: Sequence[str] | None,
    faces: Faces,
    input_range: str | None = None,
    *,
    known: bool = True,
) -> ImportOutcome:
    """With images whose labels are ``known``, or not."""

    def images(side: int) -> tuple[Images, Images]:
        sets = (faces["Training"], faces["PublicTest"])
        sample, others = (Images(sized(f.pixels, side), f.labels.astype(np.int64), EMOTIONS * known) for f in sets)
        sample.pixels[0] = cv2.normalize(sample.pixels[0], np.empty(0), 0, 255, cv2.NORM_MINMAX)
        return sample, others

    file = folder / "labels.txt" if labels else None
    if file and labels:
        file.write_text("\n".join(labels))
    return import_model(model, images, folder / "release", labels=file, input_range=input_range)


@pytest.mark.parametrize(("name", "labels"), [("mini.keras", EMOTIONS), ("mini.keras", SHUFFLED), ("saved", SHUFFLED)])
def test_a_mini_xception_is_run_from_its_manifest_and_outputs_what_it_does_in_keras(
    name: str, labels: tuple[str, ...], mini_xception: Any, faces: Faces, tmp_path: Path
) -> None:
    model = reorder(mini_xception, labels)
    write(model, tmp_path / name)
    held_out = sized(faces["PublicTest"].pixels)
    probabilities = mini_xception.predict(scaled(held_out), verbose=0)

    outcome = import_into(tmp_path, tmp_path / name, labels, faces)

    classifier = EmotionClassifier(load_release(tmp_path / "release"))
    scores = classifier.classify(list(held_out))
    assert classifier.input_size_px == 64
    assert outcome.fidelity.agreement >= 0.97
    assert outcome.input_range == "-1..1"
    assert outcome.manifest.labels == labels
    assert [each.dominant for each in scores] == [EMOTIONS[i] for i in probabilities.argmax(axis=1)]
    in_our_order = np.array([each.probabilities for each in scores])[:, [labels.index(each) for each in EMOTIONS]]
    expected = softmax(np.log(probabilities + 1e-12), outcome.manifest.heads[0].temperature)
    assert np.abs(in_our_order - expected).max() < 0.1


def test_the_mini_xception_is_accurate_enough_for_its_outputs_to_matter(mini_xception: Any, faces: Faces) -> None:
    held_out = faces["PublicTest"]

    probabilities = mini_xception.predict(scaled(sized(held_out.pixels)), verbose=0)

    assert (probabilities.argmax(axis=1) == held_out.labels).mean() > 0.9


def test_an_rgb_h5_is_run_on_grey_with_labels_of_its_own(quarters: Any, faces: Faces, tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((INPUT_SIZE_PX, INPUT_SIZE_PX, 3)),
            layers.Conv2D(1, 1, use_bias=False, kernel_initializer=keras.initializers.Constant(1 / 3)),
            layers.AveragePooling2D(INPUT_SIZE_PX // 2),
            layers.Flatten(),
            layers.Dense(8, activation="softmax"),
        ]
    )
    kernel, bias = quarters.layers[-1].get_weights()
    neutral = EMOTIONS.index("neutral")  # whose weights bored gets, so that neutral itself never wins
    model.layers[-1].set_weights(
        [np.column_stack([kernel, kernel[:, neutral]]), np.append(bias - 9 * np.eye(7)[neutral], bias[neutral])]
    )
    model.save(tmp_path / "model.h5")

    import_into(tmp_path, tmp_path / "model.h5", (*EMOTIONS, "bored"), faces, "0..1", known=False)

    held_out = faces["PublicTest"]
    scores = EmotionClassifier(load_release(tmp_path / "release")).classify(list(held_out.pixels))
    expected = [*EMOTIONS[:neutral], "bored"]
    assert [each.dominant for each in scores] == [expected[label] for label in held_out.labels]


def test_the_release_says_where_it_comes_from_and_is_checked_like_ours(
    mini_xception: Any, faces: Faces, tmp_path: Path
) -> None:
    mini_xception.save(tmp_path / "mini.keras")

    outcome = import_into(tmp_path, tmp_path / "mini.keras", EMOTIONS, faces)

    manifest = check_release(tmp_path / "release").manifest
    assert manifest == load_release(tmp_path / "release").manifest
    assert manifest.id.startswith("mini-")
    assert manifest.training["converted_from"] == "mini.keras"
    assert manifest.metrics["agreement"] == outcome.fidelity.agreement
    assert len(manifest.golden) == 8
    assert "SOFTMAX" not in {o.name for o in read_graph((tmp_path / "release" / "model.tflite").read_bytes()).operators}


@pytest.mark.parametrize("name", ["mini.keras", "saved"])
def test_the_same_file_gives_the_same_release(name: str, mini_xception: Any, faces: Faces, tmp_path: Path) -> None:
    write(mini_xception, tmp_path / name)
    releases = []

    for _ in range(2):
        import_into(tmp_path, tmp_path / name, EMOTIONS, faces)
        releases.append({file.name: file.read_bytes() for file in (tmp_path / "release").iterdir()})

    assert releases[0] == releases[1]


@pytest.mark.parametrize("last", ["sigmoid", "softmax", "linear"])
def test_every_usual_end_of_a_classifier_gives_the_same_answers(
    last: str, quarters: Any, faces: Faces, tmp_path: Path
) -> None:
    keras.Sequential([keras.Input((48, 48, 1)), quarters, layers.Activation(last)]).save(tmp_path / "model.keras")

    outcome = import_into(tmp_path, tmp_path / "model.keras", EMOTIONS, faces)

    assert outcome.ending == ("logits" if last == "linear" else last)
    assert outcome.fidelity.accuracy_int8 == 1


def test_a_network_with_two_outputs_gives_the_one_that_has_the_labels(
    quarters: Any, faces: Faces, tmp_path: Path
) -> None:
    age = layers.Dense(2)(layers.Flatten()(quarters.inputs[0]))
    keras.Model(quarters.inputs, [age, quarters.outputs[0]]).save(tmp_path / "model.keras")

    outcome = import_into(tmp_path, tmp_path / "model.keras", EMOTIONS, faces)

    assert outcome.fidelity.accuracy_int8 == 1


def test_one_sigmoid_gives_two_labels_in_their_order(quarters: Any, faces: Faces, tmp_path: Path) -> None:
    weights, bias = quarters.layers[-1].get_weights()
    happy, sad = (EMOTIONS.index(label) for label in ("happy", "sad"))
    smile = keras.Sequential([keras.Input((48, 48, 1)), *quarters.layers[:-1], layers.Dense(1, activation="sigmoid")])
    smile.layers[-1].set_weights([(weights[:, [happy]] - weights[:, [sad]]) / 2, bias[[happy]] - bias[[sad]]])
    smile.save(tmp_path / "model.keras")

    outcome = import_into(tmp_path, tmp_path / "model.keras", ("sad", "happy"), faces)

    assert outcome.manifest.labels == ("sad", "happy")
    assert outcome.fidelity.accuracy_int8 == 1
    assert outcome.fidelity.images == 16


def test_one_sigmoid_asks_for_two_labels(faces: Faces, tmp_path: Path) -> None:
    keras.Sequential([keras.Input((48, 48, 1)), layers.Flatten(), layers.Dense(1, activation="sigmoid")]).save(
        tmp_path / "model.keras"
    )

    with pytest.raises(ModelError, match="gives 1 number, which tells two labels apart, for 7 labels; list its two"):
        import_into(tmp_path, tmp_path / "model.keras", None, faces)


def test_a_network_without_its_last_layer_is_refused_with_what_to_do(faces: Faces, tmp_path: Path) -> None:
    keras.Sequential([keras.Input((48, 48, 1)), layers.Conv2D(7, 3)]).save(tmp_path / "model.keras")

    with pytest.raises(ModelError, match=r"expected one row of 7 numbers; export it with its last layer; .*--labels"):
        import_into(tmp_path, tmp_path / "model.keras", None, faces)


def test_range_and_order_are_found_with_labelled_faces(mini_xception: Any, faces: Faces, tmp_path: Path) -> None:
    reorder(mini_xception, SHUFFLED).save(tmp_path / "mini.keras")

    outcome = import_into(tmp_path, tmp_path / "mini.keras", None, faces)

    assert outcome.input_range == "-1..1"
    assert outcome.manifest.labels == SHUFFLED
    assert next(iter(outcome.accuracies)) == "-1..1"
    assert outcome.fidelity.accuracy == pytest.approx(outcome.accuracies["-1..1"])


@pytest.mark.parametrize(
    ("labels", "input_range", "known", "message"),
    [
        (
            SHUFFLED,
            None,
            True,
            r"is right for .* % of 56 images with its labels in the order surprise, .* list them so",
        ),
        (
            EMOTIONS,
            "0..255",
            True,
            r"is right for .* with the range 0..255, and for .* with -1..1; give --input-range=",
        ),
        (EMOTIONS, None, False, r"does not say in which range it takes images; give it with --input-range, or find it"),
        (None, "-1..1", False, r"gives 7 numbers without names; list their labels"),
        (
            EMOTIONS[:6],
            "-1..1",
            True,
            r"gives 7 numbers for 6 labels; list its own, one for each number, with --labels",
        ),
        (EMOTIONS, "imagenet", False, r"takes grey images, and imagenet is a range for colours"),
    ],
)
def test_what_is_wrong_or_cannot_be_known_is_never_guessed(
    labels: tuple[str, ...] | None,
    input_range: str | None,
    known: bool,
    message: str,
    mini_xception: Any,
    faces: Faces,
    tmp_path: Path,
) -> None:
    mini_xception.save(tmp_path / "mini.keras")

    with pytest.raises(ModelError, match=message):
        import_into(tmp_path, tmp_path / "mini.keras", labels, faces, input_range, known=known)

    assert not (tmp_path / "release").exists()


def test_a_network_that_says_the_same_of_every_face_is_refused(quarters: Any, faces: Faces, tmp_path: Path) -> None:
    stuck = keras.models.clone_model(quarters)
    weights, bias = quarters.layers[-1].get_weights()
    stuck.set_weights([*quarters.get_weights()[:-2], weights, bias + 99 * np.eye(7)[0]])
    stuck.save(tmp_path / "model.keras")

    with pytest.raises(ModelError, match=r"says 'angry' for each of 56 images; check --input-range"):
        import_into(tmp_path, tmp_path / "model.keras", EMOTIONS, faces, "0..255", known=False)


def test_a_network_that_is_right_by_chance_is_refused(quarters: Any, faces: Faces, tmp_path: Path) -> None:
    quarters.save(tmp_path / "model.keras")
    shuffled = np.random.RandomState(1).permutation
    others = {name: replace(each, labels=shuffled(each.labels)) for name, each in faces.items()}

    with pytest.raises(ModelError, match=r"is right for .* of 56 images, which is chance; give its own labels"):
        import_into(tmp_path, tmp_path / "model.keras", EMOTIONS, others, "0..255")


def test_a_model_that_int8_ruins_is_refused_with_what_to_do(uneven_channels: Any, faces: Faces, tmp_path: Path) -> None:
    uneven_channels.save(tmp_path / "model.keras")

    with pytest.raises(
        ModelError, match=r"int8 agrees with float on .* of the images .*give more and real faces with --calib"
    ):
        import_into(tmp_path, tmp_path / "model.keras", EMOTIONS, faces, "0..255", known=False)


def test_a_picture_that_widens_the_ranges_beyond_use_does_not_set_them(tmp_path: Path) -> None:
    """In a white picture alone, a second value is 100 times as high as the one that decides."""
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.GlobalAveragePooling2D(keepdims=True),
            layers.Conv2D(2, 1, activation="relu"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    model.layers[1].set_weights([np.array([[[[1 / 255, 100.0]]]]), np.array([0.0, -100.0 * 254])])
    model.layers[3].set_weights([np.array([[-9.0, 9.0], [0.0, 0.0]]), np.array([4.5, -4.5])])
    model.save(tmp_path / "outlier.keras")
    (tmp_path / "labels.txt").write_text("dark\nbright\n", "utf-8")
    random = np.random.RandomState(0)
    greys = random.randint(10, 230, (400, 1, 1)) + random.randint(0, 20, (400, 16, 16))
    greys[0, :8], greys[0, 8:], greys[5] = 0, 255, 255
    pixels, unknown = greys.astype(np.uint8), np.full(200, -1)

    outcome = import_model(
        tmp_path / "outlier.keras",
        lambda size_px: (Images(pixels[:200], unknown), Images(pixels[200:], unknown)),
        tmp_path / "release",
        labels=tmp_path / "labels.txt",
        input_range="0..255",
    )

    assert outcome.fidelity.agreement > 0.97
    assert outcome.manifest.training["calibration"]["images"] < 200
