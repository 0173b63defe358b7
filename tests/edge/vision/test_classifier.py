import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edge
from edge.errors import ConfigError, DelegateError, ModelError
from edge.labels import EMOTIONS
from edge.model.classifier_manifest import ClassifierManifest, Head
from edge.model.golden import GoldenVector
from edge.model.manifest import TensorSpec
from edge.model.release import Release
from edge.vision.classifier import EmotionClassifier, load_release
from tests.support.paths import TINY

WHITE = np.full((48, 48), 255, np.uint8)
BLACK = np.zeros((48, 48), np.uint8)
BRIGHT_LEFT = np.hstack([WHITE[:, :24], BLACK[:, :24]])
BRIGHT_RIGHT = BRIGHT_LEFT[:, ::-1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the tiny release that a test may damage."""
    return Path(shutil.copytree(TINY / "grey", tmp_path / "release"))


def changed(**fields: object) -> Release[ClassifierManifest]:
    release = load_release(TINY / "grey")
    return Release(replace(release.manifest, **fields), release.model)  # type: ignore[arg-type]


@pytest.mark.parametrize("release", ["grey", "colour"])
def test_each_crop_is_answered_in_order_whatever_the_models_channels(release: str) -> None:
    classifier = EmotionClassifier(load_release(TINY / release))

    answers = classifier.classify([WHITE, BLACK, BRIGHT_LEFT, BRIGHT_RIGHT])

    assert [scores.dominant for scores in answers] == ["happy", "sad", "surprise", "fear"]


def test_no_crops_give_no_scores() -> None:
    classifier = EmotionClassifier(load_release(TINY / "grey"))

    assert classifier.classify([]) == ()


def test_a_crop_of_another_size_is_refused() -> None:
    classifier = EmotionClassifier(load_release(TINY / "grey"))

    with pytest.raises(ValueError, match=re.escape("shape (64, 64), expected (48, 48)")):
        classifier.classify([np.zeros((64, 64), np.uint8)])


def test_it_tells_its_manifest_its_device_and_the_size_of_its_crops() -> None:
    classifier = EmotionClassifier(load_release(TINY / "grey"))

    assert (classifier.manifest.id, classifier.device, classifier.input_size_px) == ("grey", "cpu", 48)


def test_labels_in_another_order_are_mapped() -> None:
    labels = ("neutral", "angry", "disgust", "sad", "happy", "fear", "surprise")
    classifier = EmotionClassifier(changed(labels=labels))

    answers = classifier.classify([WHITE, BLACK, BRIGHT_LEFT, BRIGHT_RIGHT])

    assert [scores.dominant for scores in answers] == ["sad", "happy", "fear", "disgust"]


def test_contempt_counts_as_neutral() -> None:
    labels = tuple("contempt" if label == "happy" else label for label in EMOTIONS)
    classifier = EmotionClassifier(changed(labels=labels))

    (scores,) = classifier.classify([WHITE])

    assert scores.dominant == "neutral"
    assert scores.probabilities[EMOTIONS.index("happy")] == 0
    assert sum(scores.probabilities) == pytest.approx(1)


def test_a_higher_temperature_makes_the_same_answer_less_sure() -> None:
    (head,) = load_release(TINY / "grey").manifest.heads
    sure = EmotionClassifier(changed(heads=(head,))).classify([WHITE])[0]

    unsure = EmotionClassifier(changed(heads=(replace(head, temperature=3.0),))).classify([WHITE])[0]

    assert unsure.dominant == sure.dominant
    assert unsure.confidence < sure.confidence


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"labels": (*EMOTIONS[:-1], "bored")}, "label 'bored' is unknown; expected one of angry, "),
        ({"labels": (*EMOTIONS[:-1], "angry")}, "contain one twice; expected every label once"),
        ({"input": TensorSpec((1, 48, 48, 1), 0.5, -128)}, "input is TensorSpec(shape=(1, 48, 48, 1), scale=1.0"),
        ({"input": TensorSpec((1, 64, 64, 1), 1.0, -128)}, "the manifest expects TensorSpec(shape=(1, 64, 64, 1)"),
        ({"heads": (Head("one", TensorSpec((1, 7), 0.08, 5), 1.0),)}, "output is TensorSpec(shape=(1, 7)"),
        (
            {"golden": (GoldenVector(0, (99,) * 7),)},
            "steps off golden vector 0, expected at most 2; install the runtime",
        ),
        ({"golden": (GoldenVector(0, (0, 0)),)}, "golden vector 0 holds 2 values, expected 7"),
    ],
)
def test_a_manifest_that_does_not_fit_its_model_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=re.escape(message)):
        EmotionClassifier(changed(**fields))


def test_a_golden_answer_within_the_tolerance_passes() -> None:
    manifest = load_release(TINY / "grey").manifest
    near = tuple(step + manifest.golden_tolerance for step in manifest.golden[0].output)

    EmotionClassifier(changed(golden=(replace(manifest.golden[0], output=near),)))


@pytest.mark.parametrize(("head", "bright"), [("", "happy"), ("ferplus", "happy"), ("fer2013", "sad")])
def test_the_head_that_is_asked_for_answers(head: str, bright: str) -> None:
    classifier = EmotionClassifier(load_release(TINY / "heads"), head=head)

    assert classifier.head.name == (head or "ferplus")
    assert classifier.classify([WHITE])[0].dominant == bright


def test_a_head_that_the_model_lacks_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.head is 'happy'; the heads of model heads are ferplus, fer2013"):
        EmotionClassifier(load_release(TINY / "heads"), head="happy")


def test_a_model_with_two_outputs_is_no_classifier() -> None:
    release = load_release(TINY / "grey")

    with pytest.raises(ModelError, match="has 2 output tensors, expected 1"):
        EmotionClassifier(Release(release.manifest, (TINY / "two_outputs.tflite").read_bytes()))


def test_a_missing_accelerator_is_not_replaced_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.model.interpreter.DELEGATES", {"edgetpu": "libabsent-edgetpu.so.1"})

    with pytest.raises(DelegateError):
        EmotionClassifier(load_release(TINY / "grey"), delegate="edgetpu")


def drop_model(folder: Path) -> None:
    (folder / "model.tflite").unlink()


def cut_model(folder: Path) -> None:
    path = folder / "model.tflite"
    path.write_bytes(path.read_bytes()[:-100])


def drop_manifest(folder: Path) -> None:
    (folder / "model.json").unlink()


def break_manifest(folder: Path) -> None:
    (folder / "model.json").write_text("{", "utf-8")


def nest_manifest(folder: Path) -> None:
    (folder / "model.json").write_text("[" * 100_000, "utf-8")


def forget_temperature(folder: Path) -> None:
    path = folder / "model.json"
    document = json.loads(path.read_text("utf-8"))
    del document["heads"][0]["temperature"]
    path.write_text(json.dumps(document), "utf-8")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (drop_model, r"model\.tflite: cannot be read \(No such file or directory\); expected an int8 \.tflite file"),
        (
            cut_model,
            r"model\.tflite: sha256 of its \d+ bytes is \w{12}\.\.\., the manifest expects .*; copy the release",
        ),
        (drop_manifest, r"model\.json: cannot be read"),
        (break_manifest, r"model\.json: is not JSON"),
        (nest_manifest, r"model\.json: is not JSON \(maximum recursion depth exceeded"),
        (forget_temperature, r"model\.json: field 'temperature' is missing"),
    ],
)
def test_a_damaged_release_is_refused(folder: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(folder)

    with pytest.raises(ModelError, match=message):
        load_release(folder)


SHIPPED = Path(edge.__file__).with_name("models")
RELEASES = [folder for folder in (SHIPPED, TINY / "grey", TINY / "colour") if (folder / "model.json").exists()]


def flip_a_bit(content: bytearray, random: np.random.RandomState) -> None:
    content[random.randint(len(content))] ^= 1 << random.randint(8)


def truncate(content: bytearray, random: np.random.RandomState) -> None:
    del content[random.randint(len(content)) :]


@pytest.mark.parametrize("damage", [flip_a_bit, truncate])
@pytest.mark.parametrize("file", ["model.tflite", "model.json"])
@pytest.mark.parametrize("original", RELEASES, ids=lambda folder: folder.name)
def test_a_release_with_any_damage_is_refused(
    original: Path,
    file: str,
    damage: Callable[[bytearray, np.random.RandomState], None],
    tmp_path: Path,
) -> None:
    release = Path(shutil.copytree(original, tmp_path / "release"))
    whole = (release / file).read_bytes()
    random = np.random.RandomState(0)

    for _ in range(25):
        content = bytearray(whole)
        damage(content, random)
        (release / file).write_bytes(content)
        with pytest.raises(ModelError):
            load_release(release)


def test_a_manifest_without_its_last_line_end_or_with_another_figure_is_refused(folder: Path) -> None:
    path = folder / "model.json"
    whole = path.read_bytes()

    for changed_json in (whole[:-1], whole.replace(b"weights by hand", b"weights by hand!"), whole + b" "):
        path.write_bytes(changed_json)
        with pytest.raises(ModelError, match="does not match its checksum; copy the release again"):
            load_release(folder)


def test_a_release_is_read_with_its_manifest() -> None:
    release = load_release(TINY / "grey")

    assert release.manifest.to_json() == (TINY / "grey" / "model.json").read_text("utf-8")
    assert release.model == (TINY / "grey" / "model.tflite").read_bytes()
