"""Which faces are trained on, and which remain when only some emotions count."""

from __future__ import annotations

import numpy as np
import pytest

from edge.errors import ConfigError
from edge.labels import EMOTIONS
from tests.train.faces import blocks, face_set
from train.classifier.targets import soft_targets
from train.data.fer2013 import FaceSet
from train.data.selection import require_split, training_faces, with_emotions

ANGRY, HAPPY, NEUTRAL = (EMOTIONS.index(emotion) for emotion in ("angry", "happy", "neutral"))


def test_images_that_show_no_face_are_not_trained_on() -> None:
    training = face_set([0, 1, 2], [{"NF": 9, "fear": 1}, {"NF": 3, "fear": 7}, {"fear": 10}], split="Training")

    assert training_faces({"Training": training}).rows.tolist() == [1, 2]


def test_photographs_that_a_held_out_split_has_too_are_not_trained_on() -> None:
    training = face_set([0, 1, 2, 3], split="Training")
    others = {
        "PublicTest": FaceSet("PublicTest", training.pixels[1:2], training.labels[1:2], training.rows[1:2]),
        "PrivateTest": FaceSet("PrivateTest", training.pixels[3:], training.labels[3:], training.rows[3:]),
    }

    kept = training_faces({"Training": training, **others})

    assert kept.rows.tolist() == [0, 2]


def test_other_photographs_in_a_held_out_split_change_nothing() -> None:
    training, public = face_set([0, 1], split="Training"), face_set([0, 0], pixels=blocks(2, seed=1))

    assert training_faces({"Training": training, "PublicTest": public}).rows.tolist() == [0, 1]


def test_some_emotions_have_faces_and_targets_of_their_own_only() -> None:
    votes = [{"happiness": 6, "anger": 4}, {"anger": 10}, {"neutral": 5, "sadness": 5}]

    few = with_emotions(face_set([HAPPY, ANGRY, NEUTRAL], votes), ("happy", "neutral"))

    assert few.labels.tolist() == [HAPPY, NEUTRAL]
    assert few.rows.tolist() == [0, 2]
    np.testing.assert_allclose(soft_targets(few)[:, 0], np.eye(7)[[HAPPY, NEUTRAL]])


def test_a_split_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match="the data has no PrivateTest split; it has Training"):
        require_split({"Training": face_set([0], split="Training")}, "PrivateTest")
