from __future__ import annotations

import numpy as np
import pytest

from edge.labels import EMOTIONS, HEADS
from tests.train.faces import face_set
from train.classifier.targets import soft_targets

ANGRY, HAPPY, NEUTRAL = (EMOTIONS.index(emotion) for emotion in ("angry", "happy", "neutral"))


def test_without_votes_both_heads_learn_the_label() -> None:
    targets = soft_targets(face_set([HAPPY, ANGRY]))

    assert targets.dtype == np.float32
    assert targets.tolist() == np.eye(7)[[[HAPPY, HAPPY], [ANGRY, ANGRY]]].tolist()


def test_one_head_learns_the_votes_and_the_other_the_label() -> None:
    targets = soft_targets(face_set([ANGRY], [{"happiness": 6, "neutral": 2, "contempt": 2}]))

    expected = np.zeros((1, 2, 7))
    expected[0, HEADS.index("ferplus"), [HAPPY, NEUTRAL]] = 0.6, 0.4
    expected[0, HEADS.index("fer2013"), ANGRY] = 1
    np.testing.assert_allclose(targets, expected, atol=1e-7)
    assert targets.dtype == np.float32


@pytest.mark.parametrize("votes", [{"unknown": 10}, {"NF": 10}, {"anger": 1, "fear": 1}, {}])
def test_a_face_without_a_vote_that_counts_has_its_label_in_both_heads(votes: dict[str, int]) -> None:
    targets = soft_targets(face_set([HAPPY], [votes]))

    assert targets.tolist() == np.eye(7)[[[HAPPY, HAPPY]]].tolist()
