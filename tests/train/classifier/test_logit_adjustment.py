"""Logit adjustment: what it does to rare emotions, what is chosen, and that it can be done again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ConfigError, DataError  # noqa: E402
from edge.labels import EMOTIONS  # noqa: E402
from train.classifier.logit_adjustment import (  # noqa: E402
    HEAD,
    STRENGTHS,
    Strength,
    adjust,
    choose,
    markdown,
    shares,
    strengths,
)
from train.classifier.network import heads  # noqa: E402
from train.data.fer2013 import FaceSet  # noqa: E402
from train.data.ferplus import VOTE_COLUMNS  # noqa: E402

VOTED = ("neutral", "neutral", "neutral", "neutral", "neutral", "neutral", "sadness", "disgust")
"""What ten annotators agree on, for each of eight faces."""


def faces(split: str = "PublicTest") -> FaceSet:
    votes = np.zeros((len(VOTED), len(VOTE_COLUMNS)), np.uint8)
    votes[np.arange(len(VOTED)), [VOTE_COLUMNS.index(name) for name in VOTED]] = 10
    names = {"neutral": "neutral", "sadness": "sad", "disgust": "disgust"}
    labels = np.array([EMOTIONS.index(names[name]) for name in VOTED], np.uint8)
    pixels = np.random.RandomState(0).randint(0, 256, (len(VOTED), 48, 48)).astype(np.uint8)
    return FaceSet(split, pixels, labels, np.arange(len(VOTED), dtype=np.int32) + 2, votes)


def measured(strength: float, accuracy: float, recall: float, moved: float) -> Strength:
    return Strength(strength, accuracy, 0.0, recall, moved, 0.0, 0.0)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    pixels = keras.Input((48, 48, 1))
    keras.Model(pixels, heads(keras.layers.Flatten()(pixels))).save(tmp_path / "model.keras")
    (tmp_path / "run.json").write_text('{"recipe": {"name": "tiny"}}', "utf-8")
    return tmp_path


def biases(run: Path) -> list[np.ndarray]:
    model = keras.saving.load_model(run / "model.keras", compile=False)
    return [np.asarray(model.get_layer(head).bias) for head in ("ferplus", "fer2013")]


def test_a_face_between_neutral_and_sad_is_called_sad() -> None:
    logits = np.full((len(VOTED), 7), -20.0, np.float32)
    logits[:, EMOTIONS.index("neutral")] = [3, 3, 3, 3, 3, 3, 0.3, 0.3]
    logits[:, EMOTIONS.index("sad")] = [0, 0, 0, 0, 0, 0, 0, -20]
    prior = np.full(7, 0.02) + np.eye(7)[EMOTIONS.index("neutral")] * 0.86

    rows = strengths(logits, faces(), prior)

    assert [row.strength for row in rows] == list(STRENGTHS)
    assert (rows[0].accuracy, rows[0].called_neutral, rows[0].neutral) == (0.75, 1.0, 0.75)
    assert (rows[-1].accuracy, rows[-1].called_neutral) == (0.875, 0.875)
    assert rows[-1].mean_recall == pytest.approx(2 / 3)


def test_the_best_recall_within_the_bounds_is_chosen() -> None:
    rows = [
        measured(0.0, 0.870, 0.60, 0.005),
        measured(0.1, 0.872, 0.70, 0.012),
        measured(0.2, 0.868, 0.75, 0.025),
        measured(0.3, 0.860, 0.90, 0.010),
    ]

    assert choose(rows).strength == 0.1
    assert choose([rows[0], rows[2]]).strength == 0.0


def test_the_head_of_the_votes_alone_is_adjusted_and_the_run_says_so(run: Path) -> None:
    before = biases(run)

    adjust(run, faces("Training"), faces(), strength=0.2)

    after = biases(run)
    np.testing.assert_allclose(after[0], before[0] - 0.2 * np.log(shares(faces())), atol=1e-5)
    np.testing.assert_array_equal(after[1], before[1])
    assert json.loads((run / "run.json").read_text("utf-8"))["adjusted"] == {HEAD: 0.2}


def test_done_again_it_replaces_what_was_done_before(run: Path) -> None:
    first, _ = adjust(run, faces("Training"), faces(), strength=0.1)
    once = biases(run)

    again, _ = adjust(run, faces("Training"), faces(), strength=0.1)

    np.testing.assert_allclose(biases(run)[0], once[0], atol=1e-4)
    assert [row.accuracy for row in again] == [row.accuracy for row in first]


def test_the_table_marks_the_chosen_strength() -> None:
    rows = [measured(0.0, 0.87, 0.6, 0.005), measured(0.1, 0.872, 0.7, 0.015)]

    assert "| **0.10** | 87.20% |" in markdown(rows, 0.1)


def test_without_votes_or_a_run_it_is_an_error(run: Path, tmp_path: Path) -> None:
    unvoted = FaceSet("PublicTest", faces().pixels, faces().labels, faces().rows)

    with pytest.raises(DataError, match="no FER\\+ votes"):
        adjust(run, faces("Training"), unvoted)
    with pytest.raises(ConfigError, match="no readable run"):
        adjust(tmp_path / "other", faces("Training"), faces())
