from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from edge.errors import ModelError
from edge.labels import EMOTIONS
from quantize.classifier.third_party import INPUT_RANGES, LABELS, SYNONYMS, open_third_party, read_labels


def small(shape: tuple[int | None, ...] = (16, 16, 1), classes: int = 7) -> Any:
    return keras.Sequential([keras.Input(shape), layers.GlobalAveragePooling2D(), layers.Dense(classes)])


def write(folder: Path, *lines: str) -> Path:
    file = folder / "labels.txt"
    file.write_text("\n".join(lines))
    return file


def test_labels_are_read_in_their_order_by_our_names(tmp_path: Path) -> None:
    file = write(tmp_path, "Neutral", "", " happiness ", "surprised", "anger", "contempt")

    assert read_labels(file) == ("neutral", "happy", "surprise", "angry", "contempt")


def test_synonyms_stand_for_known_labels_and_are_not_labels_themselves() -> None:
    assert set(SYNONYMS.values()) <= set(LABELS)
    assert not set(SYNONYMS) & set(LABELS)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ("angry", "bored"),
            r"line 2: 'bored' is unknown, expected one of angry, .*contempt or of the synonyms anger, ",
        ),
        (("happy", "sad", "happiness"), r"line 3: 'happy' is listed twice; list each label once"),
    ],
)
def test_wrong_labels_are_refused_by_line(lines: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        read_labels(write(tmp_path, *lines))


def test_an_absent_file_of_labels_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent.txt: cannot be read .*; expected a text file, one label per line"):
        read_labels(tmp_path / "absent.txt")


@pytest.mark.parametrize(("input_range", "white", "black"), [("0..255", 255, 0), ("0..1", 1, 0), ("-1..1", 1, -1)])
def test_grey_levels_reach_the_network_in_the_range_it_was_trained_with(
    input_range: str, white: float, black: float, tmp_path: Path
) -> None:
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten()])
    model.save(tmp_path / "model.keras")

    opened = open_third_party(tmp_path / "model.keras", ("happy",) * 16, input_range)

    images = np.stack([np.full((4, 4, 1), 255, np.float32), np.zeros((4, 4, 1), np.float32)])
    assert np.allclose(opened.predict(images, verbose=0), [[white] * 16, [black] * 16], atol=1e-6)
    assert input_range in INPUT_RANGES


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["model.keras", "model.h5", "saved"])
def test_every_form_of_file_opens_to_the_same_outputs(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    model = small((16, 16, 3))
    model.save(tmp_path / name) if "." in name else model.export(tmp_path / name, verbose=False)
    images = np.random.RandomState(0).uniform(0, 255, (3, 16, 16, 3)).astype(np.float32)

    opened = open_third_party(tmp_path / name, EMOTIONS, "0..255")

    assert np.allclose(opened.predict(images, verbose=0), model.predict(images, verbose=0), atol=1e-4)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (small((16, 20, 1)), r"takes \(None, 16, 20, 1\), expected one square image"),
        (small((None, None, 1)), r"takes \(None, None, None, 1\), expected one square image"),
        (small((16, 16, 4)), r"takes \(None, 16, 16, 4\), expected one square image"),
        (small(classes=8), r"gives 8 numbers, but 7 labels are listed; list one label for each number"),
        (keras.Sequential([keras.Input((16, 16, 1)), layers.Conv2D(7, 3)]), r"expected one vector of logits"),
    ],
    ids=["oblong", "open", "four channels", "8 classes", "a map"],
)
def test_what_is_no_classifier_of_one_square_image_is_refused(model: Any, message: str, tmp_path: Path) -> None:
    model.save(tmp_path / "model.keras")

    with pytest.raises(ModelError, match=message):
        open_third_party(tmp_path / "model.keras", EMOTIONS, "0..255")


def test_what_is_absent_or_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_text("no model")

    with pytest.raises(ModelError, match=r"absent.h5: does not exist; expected a .keras or .h5 file or the folder"):
        open_third_party(tmp_path / "absent.h5", EMOTIONS, "0..255")
    with pytest.raises(ModelError, match=r"model.h5: cannot be opened \(.*\); expected a .keras"):
        open_third_party(tmp_path / "model.h5", EMOTIONS, "0..255")
    with pytest.raises(ModelError, match=r"cannot be opened \(.*\); expected a .keras"):
        open_third_party(tmp_path, EMOTIONS, "0..255")
