"""The classifiers in the package: each loads, proves its golden vectors, and reads a face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.config import LIGHT, InferenceConfig, ModelConfig
from edge.labels import HEADS
from edge.parts import open_classifier
from edge.vision.classifier import PACKAGED_LIGHT_MODEL, PACKAGED_MODEL, EmotionClassifier, load_release


@pytest.mark.parametrize("folder", [PACKAGED_MODEL, PACKAGED_LIGHT_MODEL], ids=["standard", "light"])
def test_a_packaged_classifier_has_both_heads_and_reads_a_face(folder: Path) -> None:
    classifier = EmotionClassifier(load_release(folder))

    (scores,) = classifier.classify([np.zeros((48, 48), np.uint8)])

    assert tuple(head.name for head in classifier.manifest.heads) == HEADS
    assert sum(scores.probabilities) == pytest.approx(1)


def test_the_light_one_is_what_its_word_in_the_configuration_opens_and_fits_a_small_board() -> None:
    classifier, problems = open_classifier(ModelConfig(folder=LIGHT), InferenceConfig())

    assert problems == ()
    assert classifier.manifest.id.startswith("light-")
    assert (PACKAGED_LIGHT_MODEL / "model.tflite").stat().st_size <= 250_000
