from __future__ import annotations

import json
import math

import numpy as np
import pytest

from train.classifier.metrics import compute_metrics, reliability

CLASSES = ("cat", "dog", "owl")


def one_hot(predictions: list[int], certainty: float = 1.0) -> np.ndarray:
    rest = (1 - certainty) / 2
    return np.where(np.eye(3)[predictions] > 0, certainty, rest)


def test_a_worked_example() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    predictions = one_hot([0, 0, 0, 1, 1, 1, 0, 1])

    metrics = compute_metrics(predictions, labels, CLASSES)

    cat, dog, owl = metrics.classes
    assert metrics.faces == 8
    assert metrics.accuracy == 5 / 8
    assert (cat.precision, cat.recall, cat.f1, cat.support) == (3 / 4, 3 / 4, 3 / 4, 4)
    assert (dog.precision, dog.recall, dog.support) == (1 / 2, 1.0, 2)
    assert dog.f1 == pytest.approx(2 / 3)
    assert (owl.precision, owl.recall, owl.f1, owl.support) == (0.0, 0.0, 0.0, 2)
    assert metrics.macro_f1 == pytest.approx((3 / 4 + 2 / 3) / 3)
    assert metrics.confusion == ((3, 1, 0), (0, 2, 0), (1, 1, 0))


def test_only_classes_that_the_faces_show_count_and_what_is_met_is_listed() -> None:
    metrics = compute_metrics(one_hot([0, 1, 1]), np.array([0, 0, 0]), CLASSES)

    assert [each.name for each in metrics.classes] == [CLASSES[0]]
    assert metrics.macro_f1 == pytest.approx(1 / 2)
    assert metrics.names == CLASSES[:2]
    assert metrics.confusion == ((1, 2), (0, 0))


def test_log_loss_is_the_mean_negative_log_likelihood_of_the_true_class() -> None:
    probabilities = np.array([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]])

    metrics = compute_metrics(probabilities, np.array([0, 1]), CLASSES)

    assert metrics.log_loss == pytest.approx((math.log(2) + math.log(10)) / 2)


def test_log_loss_stays_finite_for_an_impossible_prediction() -> None:
    metrics = compute_metrics(one_hot([0]), np.array([1]), CLASSES)

    assert metrics.log_loss is not None
    assert 10 < metrics.log_loss < 100


def test_a_class_that_the_model_does_not_know_is_always_wrong() -> None:
    metrics = compute_metrics(one_hot([0, 1, 2, 2]), np.array([0, 1, 2, 3]), (*CLASSES, "yak"))

    assert metrics.accuracy == 3 / 4
    assert metrics.classes[3].support == 1
    assert metrics.classes[3].recall == 0
    assert metrics.log_loss is None


@pytest.mark.parametrize(
    ("certainty", "hits", "error"), [(0.9, 9, 0.0), (0.9, 5, 0.4), (0.6, 10, 0.4), (1.0, 10, 0.0), (1.0, 0, 1.0)]
)
def test_calibration_error_is_the_gap_between_confidence_and_hits(certainty: float, hits: int, error: float) -> None:
    labels = np.array([0] * hits + [1] * (10 - hits))

    metrics = compute_metrics(one_hot([0] * 10, certainty), labels, CLASSES)

    assert metrics.calibration_error == pytest.approx(error, abs=1e-12)


def test_calibration_errors_of_two_bins_do_not_cancel() -> None:
    probabilities = np.concatenate([one_hot([0, 0], 0.5), one_hot([0, 0], 1.0)])

    metrics = compute_metrics(probabilities, np.array([0, 0, 1, 0]), CLASSES)

    assert metrics.calibration_error == pytest.approx(0.5)  # half of the faces 0.5 too low, half 0.5 too high


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), "at least one"),
        (one_hot([0, 1]), np.array([0]), "labels for 2 predictions"),
        (one_hot([0]), np.array([3]), "do not fit 3 classes"),
        (one_hot([0]), np.array([-1]), "do not fit 3 classes"),
        (np.full((1, 4), 0.25), np.array([0]), "do not fit 3 classes"),
    ],
)
def test_wrong_shapes_and_labels_are_refused(probabilities: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compute_metrics(probabilities, labels, CLASSES)


def test_metrics_print_as_json() -> None:
    metrics = compute_metrics(one_hot([0, 1]), np.array([0, 2]), CLASSES)

    document = json.loads(json.dumps(metrics.to_dict()))

    assert document["accuracy"] == 0.5
    assert document["classes"][1] == {"name": "owl", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert document["confusion"] == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_reliability_is_the_accuracy_at_each_confidence() -> None:
    predictions = np.concatenate([one_hot([0, 0, 0, 0], 0.9), one_hot([1, 1], 0.5)])

    measured = reliability(predictions, np.eye(predictions.shape[1])[[0, 0, 0, 1, 1, 2]])

    sure, unsure = 13, 7  # of 15 bins: 0.867..0.933 and 0.467..0.533
    assert np.flatnonzero(measured.faces).tolist() == [unsure, sure]
    assert measured.confidence[[unsure, sure]] == pytest.approx([0.5, 0.9])
    assert measured.accuracy[[unsure, sure]] == pytest.approx([0.5, 0.75])
    assert measured.calibration_error == pytest.approx(4 / 6 * 0.15)
