from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edge.errors import DataError, ModelError
from edge.labels import EMOTIONS
from tests.support.paths import TINY
from tests.train.classifier.brightness import save_brightness_classifier
from tests.train.faces import face_set
from train.classifier.evaluate import evaluate, evaluate_logits, predict
from train.data.fer2013 import FaceSet

# Keras hands TensorFlow's variables to numpy 2 in the way of numpy 1 (https://github.com/keras-team/keras/pull/21288).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

ANGRY, HAPPY, SAD, NEUTRAL = (EMOTIONS.index(emotion) for emotion in ("angry", "happy", "sad", "neutral"))


def logits_for(*emotions: int, ferplus: tuple[int, ...] = ()) -> npt.NDArray[np.float32]:
    """Logits of both heads for these emotions; ``ferplus`` gives the FER+ head others."""
    return 5 * np.eye(7, dtype=np.float32)[[ferplus or emotions, emotions]].swapaxes(0, 1)


@pytest.fixture
def bright_and_dark() -> FaceSet:
    """Two bright and two dark images; the models predict another label for the last one."""
    pixels = np.array([240, 10, 200, 40], np.uint8).repeat(48 * 48).reshape(4, 48, 48)
    return face_set([HAPPY, SAD, HAPPY, HAPPY], pixels=pixels)


def test_labels_alone_give_the_fer2013_figures() -> None:
    evaluation = evaluate_logits("a model", logits_for(HAPPY, SAD, SAD), face_set([HAPPY, SAD, ANGRY]))

    assert evaluation.split == "PublicTest"
    assert evaluation.fer2013.accuracy == pytest.approx(2 / 3)
    assert [each.name for each in evaluation.fer2013.classes] == ["angry", "happy", "sad"]
    assert evaluation.ferplus is None
    assert evaluation.ferplus_contempt is None


def test_the_annotators_majority_decides_the_ferplus_figures() -> None:
    votes = [{"sadness": 10}, {"happiness": 5, "anger": 5}, {"happiness": 8}]

    evaluation = evaluate_logits("a model", logits_for(SAD, HAPPY, ANGRY), face_set([HAPPY, HAPPY, HAPPY], votes))

    assert evaluation.fer2013.accuracy == pytest.approx(1 / 3)
    assert evaluation.ferplus is not None
    assert evaluation.ferplus.faces == 2  # the undecided face is left out
    assert evaluation.ferplus.accuracy == 0.5


def test_each_head_is_compared_with_its_own_labels() -> None:
    faces = face_set([ANGRY, ANGRY], [{"sadness": 10}, {"happiness": 8}])

    evaluation = evaluate_logits("a model", logits_for(ANGRY, ANGRY, ferplus=(SAD, HAPPY)), faces)

    assert evaluation.fer2013.accuracy == 1
    assert evaluation.ferplus is not None
    assert evaluation.ferplus.accuracy == 1


def test_who_is_as_unsure_as_the_annotators_is_calibrated_to_their_votes() -> None:
    logits = np.full((2, 2, 7), -20, np.float32)
    logits[:, :, [HAPPY, SAD]] = 0

    evaluation = evaluate_logits("a model", logits, face_set([HAPPY, HAPPY], [{"happiness": 6, "sadness": 4}] * 2))

    assert evaluation.votes_calibration_error == pytest.approx(0.1)
    assert evaluation.ferplus is not None
    assert evaluation.ferplus.calibration_error == pytest.approx(0.5)


def test_contempt_is_neutral_among_seven_classes_and_wrong_among_eight() -> None:
    votes = [{"contempt": 10}, {"neutral": 10}]

    evaluation = evaluate_logits("a model", logits_for(NEUTRAL, NEUTRAL), face_set([NEUTRAL, NEUTRAL], votes))

    assert evaluation.ferplus is not None
    assert evaluation.ferplus_contempt is not None
    assert evaluation.ferplus.accuracy == 1.0
    assert evaluation.ferplus_contempt.accuracy == 0.5
    assert evaluation.ferplus_contempt.classes[-1].name == "contempt"


def test_a_subset_of_emotions_leaves_out_other_faces_and_predictions() -> None:
    logits = np.zeros((3, 2, 7), np.float32)
    logits[..., NEUTRAL] = 9  # never allowed to win
    logits[0, :, HAPPY] = logits[1, :, SAD] = 5
    votes = [{"happiness": 10}, {"sadness": 10}, {"contempt": 10}]

    evaluation = evaluate_logits("a model", logits, face_set([HAPPY, SAD, NEUTRAL], votes), ("sad", "happy"))

    assert evaluation.emotions == ("happy", "sad")
    assert evaluation.fer2013.faces == 2
    assert evaluation.fer2013.accuracy == 1.0
    assert evaluation.fer2013.confusion == ((1, 0), (0, 1))
    assert evaluation.ferplus is not None
    assert evaluation.ferplus.faces == 2
    assert evaluation.ferplus_contempt is None


def test_a_split_without_any_of_the_emotions_is_refused() -> None:
    with pytest.raises(DataError, match="none of the 2 faces shows disgust or fear"):
        evaluate_logits("a model", logits_for(HAPPY, SAD), face_set([HAPPY, SAD]), ("fear", "disgust"))


def test_the_order_of_emotions_and_one_named_twice_change_nothing() -> None:
    faces = face_set([HAPPY, SAD])

    one, other = (
        evaluate_logits("a model", np.zeros((2, 2, 7), np.float32), faces, emotions)
        for emotions in (("sad", "happy", "sad"), ("happy", "sad"))
    )

    assert one == other
    with pytest.raises(DataError, match=r"^emotion 'joy' is none of angry, disgust"):
        evaluate_logits("a model", logits_for(HAPPY, SAD), faces, ("joy",))


def test_an_evaluation_prints_as_json() -> None:
    evaluation = evaluate_logits("a model", logits_for(HAPPY), face_set([HAPPY], [{"happiness": 10}]))

    document = json.loads(json.dumps(evaluation.to_dict()))

    assert document["fer2013"]["accuracy"] == 1.0
    assert document["ferplus"]["classes"][0]["name"] == "happy"


def test_a_keras_file_is_measured(tmp_path: Path, bright_and_dark: FaceSet) -> None:
    save_brightness_classifier(tmp_path / "model.keras")

    evaluation = evaluate(tmp_path / "model.keras", bright_and_dark)

    assert evaluation.model == str(tmp_path / "model.keras")
    assert evaluation.fer2013.accuracy == 0.75
    assert evaluation.fer2013.names == ("happy", "sad")
    assert evaluation.fer2013.confusion[0][1] == 1


def test_an_int8_tflite_file_is_measured(bright_and_dark: FaceSet) -> None:
    evaluation = evaluate(TINY / "grey" / "model.tflite", bright_and_dark)

    assert evaluation.fer2013.accuracy == 0.75
    assert evaluation.fer2013.names == ("happy", "sad")
    assert evaluation.fer2013.confusion[0][1] == 1


def test_the_logits_of_an_int8_file_are_real_numbers(bright_and_dark: FaceSet) -> None:
    logits = predict(TINY / "grey" / "model.tflite", bright_and_dark.pixels)

    means = np.array([240, 10, 200, 40])
    np.testing.assert_allclose(logits[:, 0, HAPPY], 4 * means / 100 - 5.1, atol=0.1)
    np.testing.assert_allclose(logits[:, 0, SAD], -logits[:, 0, HAPPY], atol=0.1)
    assert logits.shape[1] == 1
    assert logits.dtype == np.float32


def test_the_heads_of_an_int8_file_predict_separately(bright_and_dark: FaceSet) -> None:
    logits = predict(TINY / "heads" / "model.tflite", bright_and_dark.pixels)

    assert logits.argmax(axis=2).tolist() == [[HAPPY, SAD], [SAD, HAPPY]] * 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.h5", b"", "is neither a .keras nor a .tflite file"),
        ("model.keras", None, "does not exist"),
        ("model.keras", b"PK\x03\x04 cut short", "is not a Keras model"),
        ("model.tflite", b"TFL3 cut short", "model.tflite: "),
    ],
)
def test_a_file_that_is_not_a_model_is_refused(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ModelError, match=message):
        predict(path, np.zeros((1, 48, 48), np.uint8))


@pytest.mark.parametrize("kept_share", [0.5, 0.9])
def test_a_keras_file_cut_short_is_refused(tmp_path: Path, kept_share: float) -> None:
    path = tmp_path / "model.keras"
    save_brightness_classifier(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept_share * len(content))])

    with pytest.raises(ModelError, match="is not a Keras model"):
        predict(path, np.zeros((1, 48, 48), np.uint8))


def test_a_keras_file_with_damaged_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    save_brightness_classifier(path)
    content = bytearray(path.read_bytes())
    middle = content.index(b"model.weights.h5") + 500
    content[middle : middle + 100] = bytes(100 * [0xAA])
    path.write_bytes(content)

    with pytest.raises(ModelError, match=r"is not a Keras model \(the checksum of model\.weights\.h5 is wrong\)"):
        predict(path, np.zeros((1, 48, 48), np.uint8))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("two_outputs.tflite", r"to \(1, 2\), \(1, 4\)"),
        ("float.tflite", r"float.tflite: .* is float32; expected int8"),
    ],
)
def test_a_tflite_file_of_another_kind_is_refused(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        predict(TINY / name, np.zeros((1, 48, 48), np.uint8))
