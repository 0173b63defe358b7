import re
from dataclasses import replace

import numpy as np
import pytest

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


def changed(**fields: object) -> Release[ClassifierManifest]:
    release = load_release(TINY / "grey")
    return Release(replace(release.manifest, **fields), release.model)  # type: ignore[arg-type]


@pytest.mark.parametrize("release", ["grey", "colour"])
def test_crops_are_scored_in_order_whatever_the_models_channels(release: str) -> None:
    classifier = EmotionClassifier(load_release(TINY / release))

    scored = classifier.classify([WHITE, BLACK, BRIGHT_LEFT, BRIGHT_RIGHT])

    assert [scores.dominant for scores in scored] == ["happy", "sad", "surprise", "fear"]


def test_no_crops_give_no_scores() -> None:
    classifier = EmotionClassifier(load_release(TINY / "grey"))

    assert classifier.classify([]) == ()


def test_a_crop_of_another_size_is_refused() -> None:
    classifier = EmotionClassifier(load_release(TINY / "grey"))

    with pytest.raises(ValueError, match=re.escape("shape (64, 64), expected (48, 48)")):
        classifier.classify([np.zeros((64, 64), np.uint8)])


def test_a_classifier_has_a_manifest_a_device_and_a_crop_size() -> None:
    classifier = EmotionClassifier(load_release(TINY / "grey"))

    assert (classifier.manifest.id, classifier.device, classifier.input_size_px) == ("grey", "cpu", 48)


@pytest.mark.parametrize(
    "labels",
    [
        ("neutral", "angry", "disgust", "sad", "happy", "fear", "surprise"),
        ("angry", "disgust", "fear", "contempt", "sad", "surprise", "neutral"),
        ("confused", "bored", "attentive", "gut gelaunt", "Müde", "1", "uncertain"),
    ],
)
def test_scores_are_of_the_labels_of_the_release_in_its_order(labels: tuple[str, ...]) -> None:
    classifier = EmotionClassifier(changed(labels=labels))

    scored = classifier.classify([WHITE, BLACK, BRIGHT_LEFT, BRIGHT_RIGHT])

    assert [scores.labels for scores in scored] == [labels] * 4
    assert [scores.dominant for scores in scored] == [labels[3], labels[4], labels[5], labels[2]]


def test_a_head_with_labels_of_its_own_scores_those() -> None:
    release = load_release(TINY / "heads")
    first, second = release.manifest.heads
    other = ("a", "b", "c", "d", "e", "f", "g")
    two = Release(replace(release.manifest, heads=(first, replace(second, labels=other))), release.model)

    (ours,) = EmotionClassifier(two).classify([WHITE])
    (theirs,) = EmotionClassifier(two, head=second.name).classify([WHITE])

    assert (ours.labels, ours.dominant) == (EMOTIONS, "happy")
    assert (theirs.labels, theirs.dominant) == (other, "e")


def test_a_higher_temperature_lowers_the_confidence_of_the_same_emotion() -> None:
    (head,) = load_release(TINY / "grey").manifest.heads
    sure = EmotionClassifier(changed(heads=(head,))).classify([WHITE])[0]

    unsure = EmotionClassifier(changed(heads=(replace(head, temperature=3.0),))).classify([WHITE])[0]

    assert unsure.dominant == sure.dominant
    assert unsure.confidence < sure.confidence


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"input": TensorSpec((1, 48, 48, 1), 0.5, -128)},
            "input is (1, 48, 48, 1) in steps of 1 from -128, the manifest expects ",
        ),
        ({"input": TensorSpec((1, 64, 64, 1), 1.0, -128)}, "the manifest expects (1, 64, 64, 1) in steps of 1 "),
        ({"heads": (Head("one", TensorSpec((1, 7), 0.08, 5), 1.0),)}, "output is (1, 7) in steps of "),
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


def test_an_output_within_the_tolerance_of_its_golden_vector_passes() -> None:
    manifest = load_release(TINY / "grey").manifest
    near = tuple(step + manifest.golden_tolerance for step in manifest.golden[0].output)

    EmotionClassifier(changed(golden=(replace(manifest.golden[0], output=near),)))


@pytest.mark.parametrize(("head", "bright"), [("", "happy"), ("ferplus", "happy"), ("fer2013", "sad")])
def test_the_configured_head_is_used(head: str, bright: str) -> None:
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


def test_a_missing_accelerator_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.model.interpreter.DELEGATES", {"edgetpu": "libabsent-edgetpu.so.1"})

    with pytest.raises(DelegateError):
        EmotionClassifier(load_release(TINY / "grey"), delegate="edgetpu")
