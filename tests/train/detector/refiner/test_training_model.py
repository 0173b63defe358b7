"""The refiner's network, its loss, and the batches it learns from."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.vision.detector.decode import Boxes  # noqa: E402
from edge.vision.detector.refiner import cut_out  # noqa: E402
from train.detector.refiner.crops import Crops  # noqa: E402
from train.detector.refiner.network import UNMOVED, build  # noqa: E402
from train.detector.refiner.recipe import WIDE, Recipe, Shape  # noqa: E402
from train.detector.refiner.refine import refine  # noqa: E402
from train.detector.refiner.training_model import TrainingModel, batches, varied  # noqa: E402
from train.run.layers import multiply_adds  # noqa: E402

RECIPE = Recipe(network=Shape(4, (4,), (1,)), steps=3, batch=8, kept=2)
FACE = [0.2, 0.2, 0.8, 0.8]


@pytest.fixture(scope="module")
def model() -> TrainingModel:
    return TrainingModel(build(RECIPE.network), RECIPE)


def loss(model: TrainingModel, logit: float, sides: list[float], overlap: float) -> float:
    """The loss of one crop by what both networks say of it."""
    given = np.array([logit], np.float32), np.array([sides], np.float32), np.array([[0, overlap, *FACE]], np.float32)
    return float(model.compute_loss(y_pred=given))


def test_the_usual_network_is_small_and_holds_only_what_int8_runtimes_map() -> None:
    network = build()

    assert network.output_shape == [(None, 1), (None, 4)]
    assert 110_000 < network.count_params() < 125_000
    assert 5e6 < multiply_adds(network) < 6e6
    assert multiply_adds(network) < 0.6 * multiply_adds(build(WIDE))
    kinds = {type(layer).__name__ for layer in network.layers}
    assert kinds == {"InputLayer", "Rescaling", "Conv2D", "BatchNormalization", "ReLU", "Add", "Flatten", "Dense"}


def test_untrained_it_changes_little_for_crops_of_any_size() -> None:
    network = build(Shape(4, (4, 4), (1, 1)), 64)

    logits, sides = network(np.full((1, 64, 64, 1), 128, np.uint8))

    assert abs(float(logits[0, 0])) < 0.5
    np.testing.assert_allclose(sides[0], UNMOVED, atol=0.1)


def test_a_wrong_score_and_a_wrong_box_cost_and_a_right_answer_nearly_nothing(model: TrainingModel) -> None:
    right = loss(model, 5, FACE, 0.9)

    assert right < 0.02
    assert loss(model, -5, FACE, 0.9) > right + 1
    assert loss(model, 5, [0.3, 0.2, 0.9, 0.8], 0.9) > right + 0.1
    assert loss(model, 5, FACE, 0.0) > loss(model, -5, FACE, 0.0) + 1


def test_the_box_of_what_is_no_face_and_the_score_of_what_may_be_one_cost_nothing(model: TrainingModel) -> None:
    assert loss(model, -5, FACE, 0.0) == loss(model, -5, [0, 0, 1, 1], 0.0)
    assert loss(model, -5, FACE, 0.37) == loss(model, 5, FACE, 0.37) == 0


def test_its_logit_is_added_to_the_detectors(model: TrainingModel) -> None:
    crops = np.zeros((1, 48, 48, 1), np.uint8)

    (low,), (high,) = (model((crops, np.array([[logit, *[0] * 5]], np.float32)))[0] for logit in (-2.0, 3.0))

    assert float(high - low) == pytest.approx(5, abs=1e-4)


@pytest.fixture(scope="module")
def pupil() -> TrainingModel:
    return TrainingModel(build(RECIPE.network), RECIPE, build(RECIPE.network))


def taught_loss(
    model: TrainingModel, answer: tuple[float, list[float]], taught: tuple[float, list[float]], overlap: float = 0.9
) -> float:
    """By how much a teacher raises the loss of one crop."""
    logit, sides = (np.array([each], np.float32) for each in taught)
    target = np.array([[0, overlap, *FACE]], np.float32)
    given = np.array([answer[0]], np.float32), np.array([answer[1]], np.float32), target
    return float(model.compute_loss(y_pred=(*given, logit, sides)) - model.compute_loss(y_pred=given))


@pytest.mark.parametrize("logit", [-9, -0.3, 0.0, 2.5])
def test_a_student_that_answers_like_its_teacher_has_no_further_loss_from_it(
    pupil: TrainingModel, logit: float
) -> None:
    assert taught_loss(pupil, (logit, FACE), (logit, FACE)) == pytest.approx(0, abs=1e-6)


def test_another_score_than_the_teachers_costs_twice_the_divergence_in_every_crop(pupil: TrainingModel) -> None:
    p, q = 1 / (1 + np.exp(-1.0)), 1 / (1 + np.exp(2.0))
    divergence = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))

    for overlap in (0.0, 0.37, 0.9):  # nothing, what may be one, a face
        assert taught_loss(pupil, (-2.0, FACE), (1.0, FACE), overlap) == pytest.approx(2 * divergence, rel=1e-4)


def test_another_box_than_the_teachers_costs_half_of_what_another_than_the_faces_does_and_only_on_faces(
    pupil: TrainingModel,
) -> None:
    elsewhere = [0.3, 0.2, 0.9, 0.8]
    from_face = loss(pupil, 5, elsewhere, 0.9) - loss(pupil, 5, FACE, 0.9)

    assert taught_loss(pupil, (5, FACE), (5, elsewhere)) == pytest.approx(0.5 * from_face, rel=1e-4)
    assert taught_loss(pupil, (5, FACE), (5, elsewhere), 0.0) == pytest.approx(0, abs=1e-6)


def test_the_detectors_logit_is_added_to_the_teachers_too(pupil: TrainingModel) -> None:
    pixels = np.zeros((1, 48, 48, 1), np.uint8)

    low, high = (pupil((pixels, np.array([[logit, *[0] * 5]], np.float32)), training=True) for logit in (-2.0, 3.0))

    assert float(high[3][0] - low[3][0]) == pytest.approx(5, abs=1e-4)
    assert len(pupil((pixels, np.zeros((1, 6), np.float32)))) == 3  # it is asked in training only


def test_a_student_comes_closer_to_its_teacher_which_stays_as_it_is() -> None:
    """The labels say nothing here: each crop may be a face, and boxes of theirs do not count."""
    keras.utils.set_random_seed(0)
    student, teacher = build(RECIPE.network), build(Shape(6, (6,), (1,)))
    teacher.get_layer("logit").kernel.assign(20 * teacher.get_layer("logit").kernel)
    teacher.get_layer("sides").bias.assign([0.1, 0.1, 0.9, 0.9])
    before = teacher.get_weights()
    model = TrainingModel(student, replace(RECIPE, box_weight=0.0), teacher)
    model.compile(keras.optimizers.Adam(3e-3), run_eagerly=True)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 48, 48, 1)).astype(np.uint8)
    targets = np.tile(np.array([0, 0.37, *FACE], np.float32), (8, 1))

    def difference() -> tuple[float, float]:
        logits, sides = student(pixels, training=True)  # it has not learnt its averages in so few steps
        taught, boxes = teacher(pixels, training=False)
        return float(np.abs(logits - taught).mean()), float(np.abs(sides - boxes).mean())

    first = difference()
    losses = [model.train_on_batch((pixels, targets), return_dict=True) for _ in range(40)]
    last = difference()

    for earlier, later in zip(first, last, strict=True):
        assert later < 0.7 * earlier
    assert losses[-1]["taught_loss"] < 0.5 * losses[0]["taught_loss"]
    for ours, theirs in zip(teacher.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert {id(each) for each in model.trainable_variables} == {id(each) for each in student.trainable_variables}


def test_a_varied_crop_shows_the_face_where_its_box_says() -> None:
    pixels = np.full((48, 48), 20, np.uint8)
    pixels[12:30, 18:42] = 230
    sides = (np.array([18, 12, 42, 30]) / 48).astype(np.float32)

    random, results = np.random.default_rng(0), []
    for _ in range(60):
        crop, (left, top, right, bottom) = varied(pixels, sides, random)
        bright = crop > (int(crop.min()) + int(crop.max())) / 2
        rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
        seen = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        results.append(np.abs(np.array(seen) - 48 * np.array([left, top, right, bottom])).max())

    assert max(results) < 1.5


def crops(count: int, grey: int) -> Crops:
    numbers = np.full(count, 0.5, np.float32)
    pixels = np.random.default_rng(grey).integers(0, grey, (count, 48, 48)).astype(np.uint8)
    return Crops(pixels, numbers, np.tile(np.array(FACE, np.float32), (count, 1)), numbers, 40 * numbers)


def test_an_epochs_batches_are_the_same_whether_the_run_began_with_it_or_before() -> None:
    def draw(epoch: int) -> Crops:
        return crops(20, 50 + 50 * epoch)

    whole = list(batches([draw(0)], draw, RECIPE, 7, range(3)))
    later = list(batches([draw(1), draw(2)], draw, RECIPE, 7, range(2, 3)))

    assert len(whole) == 3 * RECIPE.steps
    for ((ours, targets),), ((theirs, others),) in zip(later, itertools.islice(whole, 6, None), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(targets, others)
        assert ours.shape == (8, 48, 48, 1)
        assert targets.shape == (8, 6)


class SureNetwork:
    """Sees a face in the middle half of every crop, the surer the brighter its corner."""

    def __call__(self, pixels: Any, training: bool) -> list[np.ndarray]:
        corner = pixels[:, 0, 0].astype(np.float32)
        return [
            np.where(corner > 128, 4, -4),
            np.tile(np.array([0.25, 0.25, 0.75, 0.75], np.float32), (len(pixels), 1)),
        ]


def test_candidates_are_refined_frame_by_frame_with_both_scores() -> None:
    bright = np.zeros((100, 100), np.uint8)
    bright[:20, :20] = 255
    sides, scores = np.array([[20, 10, 60, 50]], np.float32), np.array([0.5], np.float32)
    frames = [cut_out(pixels, Boxes(sides, scores), 1.5, 48) for pixels in (bright, np.zeros((9, 9), np.uint8), bright)]

    first, nothing, last = refine(SureNetwork(), frames)

    assert len(nothing) == 0
    for found in (first, last):
        np.testing.assert_allclose(found.sides, [[25, 15, 55, 45]])
        assert found.scores == pytest.approx([0.982], abs=1e-3)
