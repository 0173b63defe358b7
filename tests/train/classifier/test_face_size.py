"""Distant faces are measured as a device reads them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edge.config import ModelConfig
from edge.labels import EMOTIONS
from tests.train.faces import face_set
from train.classifier.evaluate import Logits
from train.classifier.face_size import SIZES_PX, UNCERTAIN_BELOW, measure_sizes, table
from train.data.fer2013 import FaceSet

HAPPY, NEUTRAL = EMOTIONS.index("happy"), EMOTIONS.index("neutral")


def checkerboards(votes: list[dict[str, int]] | None) -> FaceSet:
    """Two happy and two neutral faces; the happy ones have a pattern of single pixels that reducing destroys."""
    fine = (np.indices((48, 48)).sum(axis=0) % 2 * 255).astype(np.uint8)
    flat = np.full((48, 48), 128, np.uint8)
    return face_set([HAPPY, HAPPY, NEUTRAL, NEUTRAL], votes, np.stack([fine, fine, flat, flat]))


def happy_if_patterned(pixels: npt.NDArray[np.uint8]) -> Logits:
    """Both heads: happy by the contrast of the image, neutral if there is none."""
    logits = np.full((len(pixels), 2, len(EMOTIONS)), -20, np.float32)
    logits[..., HAPPY] = np.where(pixels.std(axis=(1, 2)) > 60, 4, -4)[:, np.newaxis]
    logits[..., NEUTRAL] = 0
    return logits


VOTES = [{"happiness": 10}, {"happiness": 10}, {"neutral": 10}, {"neutral": 6, "contempt": 4}]


def test_a_pattern_that_is_lost_with_distance_is_called_neutral_there() -> None:
    measured = measure_sizes(happy_if_patterned, checkerboards(VOTES), [1.0, 1.0])

    near, far = measured.sizes[0], measured.sizes[-1]
    assert [each.size_px for each in measured.sizes] == list(SIZES_PX)
    assert (measured.head, measured.neutral) == ("ferplus", 0.5)
    assert (near.accuracy, near.called_neutral) == (1.0, 0.5)
    assert (far.accuracy, far.called_neutral) == (0.5, 1.0)
    assert near.means[HAPPY] == pytest.approx(0.5, abs=0.02)
    assert far.means[NEUTRAL] == pytest.approx(1.0, abs=0.02)
    assert measured.targets[NEUTRAL] == pytest.approx(0.5)


def test_a_temperature_that_flattens_makes_readings_uncertain_and_no_prediction_wrong() -> None:
    sharp, flat = (measure_sizes(happy_if_patterned, checkerboards(VOTES), [t, 1.0]).sizes[0] for t in (1.0, 40.0))

    assert (sharp.uncertain, flat.uncertain) == (0.0, 1.0)
    assert flat.accuracy == sharp.accuracy == 1.0
    assert ModelConfig().uncertain_below == UNCERTAIN_BELOW


def test_without_votes_the_head_with_labels_is_measured() -> None:
    measured = measure_sizes(happy_if_patterned, checkerboards(None), [1.0, 1.0])

    assert (measured.head, measured.sizes[0].accuracy) == ("fer2013", 1.0)


def test_the_table_has_the_truth_above_the_sizes() -> None:
    lines = table(measure_sizes(happy_if_patterned, checkerboards(VOTES), [1.0, 1.0])).splitlines()

    assert [line.split()[0] for line in lines[1:]] == ["truth", *map(str, SIZES_PX)]
    assert lines[1].split()[-1] == "50.0%"
