from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edge.labels import EMOTIONS, HEADS
from train.classifier.targets import soft_targets
from train.data.fer2013 import FaceSet
from train.data.ferplus import VOTE_COLUMNS

ANGRY, HAPPY, NEUTRAL = (EMOTIONS.index(emotion) for emotion in ("angry", "happy", "neutral"))


def faces(labels: list[int], votes: list[dict[str, int]] | None, seed: int = 0) -> FaceSet:
    """Faces of coarse random blocks: no two look alike."""
    blocks = np.random.default_rng(seed).integers(0, 256, (len(labels), 8, 8), dtype=np.uint8)
    counts: npt.NDArray[np.uint8] | None = None
    if votes is not None:
        counts = np.array([[vote.get(answer, 0) for answer in VOTE_COLUMNS] for vote in votes], np.uint8)
    return FaceSet(
        "Training",
        blocks.repeat(6, axis=1).repeat(6, axis=2),
        np.array(labels, np.uint8),
        np.arange(len(labels), dtype=np.int32),
        counts,
    )


def test_without_votes_the_label_is_what_both_heads_learn() -> None:
    targets = soft_targets(faces([HAPPY, ANGRY], None))

    assert targets.dtype == np.float32
    assert targets.tolist() == np.eye(7)[[[HAPPY, HAPPY], [ANGRY, ANGRY]]].tolist()


def test_votes_and_label_are_a_head_each() -> None:
    targets = soft_targets(faces([ANGRY], [{"happiness": 6, "neutral": 2, "contempt": 2}]))

    expected = np.zeros((1, 2, 7))
    expected[0, HEADS.index("ferplus"), [HAPPY, NEUTRAL]] = 0.6, 0.4
    expected[0, HEADS.index("fer2013"), ANGRY] = 1
    np.testing.assert_allclose(targets, expected, atol=1e-7)
    assert targets.dtype == np.float32


@pytest.mark.parametrize("votes", [{"unknown": 10}, {"NF": 10}, {"anger": 1, "fear": 1}, {}])
def test_a_face_whose_votes_say_nothing_is_told_by_its_label(votes: dict[str, int]) -> None:
    targets = soft_targets(faces([HAPPY], [votes]))

    assert targets.tolist() == np.eye(7)[[[HAPPY, HAPPY]]].tolist()
