from __future__ import annotations

import numpy as np
import pytest

from edge.labels import EMOTIONS, HEADS
from tests.train.faces import face_set
from train.classifier.targets import soft_targets

ANGRY, HAPPY, NEUTRAL = (EMOTIONS.index(emotion) for emotion in ("angry", "happy", "neutral"))


def test_without_votes_the_label_is_what_both_heads_learn() -> None:
    targets = soft_targets(face_set([HAPPY, ANGRY]))

    assert targets.dtype == np.float32
    assert targets.tolist() == np.eye(7)[[[HAPPY, HAPPY], [ANGRY, ANGRY]]].tolist()


def test_votes_and_label_are_a_head_each() -> None:
    targets = soft_targets(face_set([ANGRY], [{"happiness": 6, "neutral": 2, "contempt": 2}]))

    expected = np.zeros((1, 2, 7))
    expected[0, HEADS.index("ferplus"), [HAPPY, NEUTRAL]] = 0.6, 0.4
    expected[0, HEADS.index("fer2013"), ANGRY] = 1
    np.testing.assert_allclose(targets, expected, atol=1e-7)
    assert targets.dtype == np.float32


@pytest.mark.parametrize("votes", [{"unknown": 10}, {"NF": 10}, {"anger": 1, "fear": 1}, {}])
def test_a_face_whose_votes_say_nothing_is_told_by_its_label(votes: dict[str, int]) -> None:
    targets = soft_targets(face_set([HAPPY], [votes]))

    assert targets.tolist() == np.eye(7)[[[HAPPY, HAPPY]]].tolist()
