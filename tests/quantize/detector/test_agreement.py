"""The gate between a float detector and its int8 file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.errors import ModelError
from quantize.detector.agreement import Comparison
from train.detector.evaluate import Evaluation

FLOAT = Evaluation(
    name="float",
    threshold=0.6,
    recall_40=0.97,
    recall_20=0.9,
    average_precision=0.98,
    sizes={},
    sets={},
    scales={},
    scale_error=0.04,
    false_faces={},
    false_beside=0.0,
    time_ms=None,
)


@pytest.mark.parametrize(
    "changes",
    [{}, {"recall_40": 0.961, "average_precision": 0.9751}, {"recall_20": 1.0, "average_precision": 1.0}],
    ids=["equal", "a little worse", "better"],
)
def test_int8_that_finds_nearly_the_same_passes(changes: dict[str, float]) -> None:
    Comparison(FLOAT, replace(FLOAT, **changes)).check()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"recall_40": 0.95},
            r"int8 loses 2\.00 points of recall of faces of 40 px and more, at most 1 are allowed; train",
        ),
        (
            {"recall_20": 0.88},
            r"int8 loses 2\.00 points of recall of faces of 20 px and more, at most 1 are allowed; train",
        ),
        (
            {"average_precision": 0.974},
            r"int8 loses 0\.60 points of average precision, at most 0\.5 are allowed; train",
        ),
        (
            {"recall_20": 0.0},
            r"detector finds no face with a score of 0\.60 or more, and below it .* 0\.02 false ones per image",
        ),
    ],
)
def test_int8_that_loses_more_is_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Comparison(FLOAT, replace(FLOAT, **changes)).check()  # type: ignore[arg-type]
