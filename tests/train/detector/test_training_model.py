"""The loss of the detector and the batches it learns from."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.vision.detector.decode import overlaps  # noqa: E402
from train.detector.network import build  # noqa: E402
from train.detector.recipe import Recipe, Shape, Synthesis  # noqa: E402
from train.detector.synthesis import scenes  # noqa: E402
from train.detector.synthesis.scenes import Frame, Key, SceneGenerator  # noqa: E402
from train.detector.synthesis.sprites import Collection  # noqa: E402
from train.detector.targets import DOUBT, FACE, NOTHING, Grid  # noqa: E402
from train.detector.training_model import TrainingModel, _overlaps, batches  # noqa: E402

SMALL = Shape(4, (4,) * 4, (1,) * 4, 4)
RECIPE = Recipe(steps=4, batch=3, canvas_px=(64, 128), synthesis=Synthesis(largest_px=50))
GRID = Grid(RECIPE.canvas_px)
FACES = np.array([[20, 12, 40, 40], [60, 30, 70, 42]], np.float32)


@pytest.fixture(scope="module")
def model() -> TrainingModel:
    return TrainingModel(build(RECIPE.canvas_px, SMALL), RECIPE)


def answers(targets: np.ndarray, sure: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits and logs (1, cells, ...) that say what ``targets`` ask for."""
    centres = GRID.centres()
    logits = np.where(targets[:, 0] == 1, sure, -sure)[None]
    low, high = centres[:, :2] - targets[:, 1:3], targets[:, 3:] - centres[:, :2]
    logs = np.log(np.maximum(np.concatenate([low, high], axis=1), 1) / centres[:, 2:])
    return logits.astype(np.float32), logs[None].astype(np.float32)


def loss(model: TrainingModel, logits: np.ndarray, logs: np.ndarray, targets: np.ndarray) -> float:
    return float(model.compute_loss(y_pred=(logits, logs, targets[None])))


def test_right_predictions_have_almost_no_loss(model: TrainingModel) -> None:
    targets = GRID.assign(FACES)
    logits, logs = answers(targets)

    assert loss(model, logits, logs, targets) < 0.02


def test_a_missed_face_a_false_one_and_a_shifted_box_each_cost_more(model: TrainingModel) -> None:
    targets = GRID.assign(FACES)
    logits, logs = answers(targets)
    right = loss(model, logits, logs, targets)

    assert loss(model, np.where(targets[:, 0] == 1, -8, logits).astype(np.float32), logs, targets) > right + 1
    false = logits.copy()
    false[0, np.flatnonzero(targets[:, 0] == 0)[:3]] = 8
    assert loss(model, false, logs, targets) > right + 1
    assert loss(model, logits, logs + np.array([0.7, 0, -0.7, 0], np.float32), targets) > right + 0.3


def test_a_cell_should_be_less_sure_of_a_poor_box(model: TrainingModel) -> None:
    targets = GRID.assign(FACES)
    _, good = answers(targets)
    poor = good + np.array([0.9, 0, -0.9, 0], np.float32)

    def best_logit(logs: np.ndarray) -> float:
        tried = np.arange(-6, 7, 1.0)
        return float(tried[np.argmin([loss(model, answers(targets, sure)[0], logs, targets) for sure in tried])])

    assert best_logit(poor) < best_logit(good)


def test_a_doubtful_cell_adds_no_loss(model: TrainingModel) -> None:
    targets = GRID.assign(FACES)
    logits, logs = answers(targets)
    doubtful = np.flatnonzero(targets[:, 0] == DOUBT)
    assert len(doubtful)

    loud = logits.copy()
    loud[0, doubtful] = 8

    assert loss(model, loud, logs, targets) == pytest.approx(loss(model, logits, logs, targets), abs=1e-6)


def taught_loss(
    model: TrainingModel, answer: tuple[np.ndarray, np.ndarray], taught: tuple[np.ndarray, np.ndarray]
) -> float:
    return float(model.compute_loss(y_pred=(*answer, GRID.assign(FACES)[None], *taught)))


def test_a_teacher_that_agrees_with_right_predictions_costs_nothing(model: TrainingModel) -> None:
    right = answers(GRID.assign(FACES))

    assert taught_loss(model, right, right) < 0.02


def test_a_network_is_told_by_its_teacher_which_background_resembles_a_face_and_which_doubtful_cell_is_one(
    model: TrainingModel,
) -> None:
    targets = GRID.assign(FACES)
    logits, logs = answers(targets)
    for kind, sure in ((NOTHING, 0.0), (DOUBT, 8.0)):
        some = np.flatnonzero(targets[:, 0] == kind)[:3]
        said, followed = logits.copy(), logits.copy()
        said[0, some] = 8.0
        followed[0, some] = sure
        followed_too_far = followed + np.where(said == 8.0, 8.0 if kind == NOTHING else 0.0, 0.0) * (logits < 0)

        ignored = taught_loss(model, (logits, logs), (said, logs))
        assert taught_loss(model, (followed.astype(np.float32), logs), (said, logs)) < 0.1 * ignored
        if kind == NOTHING:  # the labels have their share
            assert taught_loss(model, (followed_too_far.astype(np.float32), logs), (said, logs)) > 0.5 * ignored


def test_a_teachers_box_is_learned_only_where_it_is_sure_and_right(model: TrainingModel) -> None:
    targets = GRID.assign(FACES)
    logits, logs = answers(targets)
    near, far = (logs + np.array([shift, 0, -shift, 0], np.float32) for shift in (0.05, 1.5))
    unsure = np.full_like(logits, -8)

    def rise(said: np.ndarray, boxes: np.ndarray) -> float:
        """By how much more the loss is than with a teacher of the right boxes."""
        return taught_loss(model, (logits, logs), (said, boxes)) - taught_loss(model, (logits, logs), (said, logs))

    assert rise(logits, near) > 0.005
    assert rise(logits, far) == pytest.approx(0, abs=1e-6)
    assert rise(unsure, near) == pytest.approx(0, abs=1e-6)


def test_a_teacher_equal_to_its_student_does_not_move_boxes_or_doubtful_cells() -> None:
    """With the labels' shares at zero nothing is left to learn."""
    alone = replace(RECIPE, box_weight=0.0, size_weight=0.0, taught_faces=1.0, taught_background=1.0, taught_doubt=1.0)
    student, teacher = build(RECIPE.canvas_px, SMALL), build(RECIPE.canvas_px, SMALL)
    teacher.set_weights(student.get_weights())
    model = TrainingModel(student, alone, teacher)
    model.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    for layer in student.layers:  # the teacher's batch normalisation takes its averages, so must the student's
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    before = student.get_weights()

    model.train_on_batch(a_batch())

    for ours, theirs in zip(student.get_weights(), before, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_network_learns_from_its_teacher_which_stays_as_it_is() -> None:
    student, teacher = build(RECIPE.canvas_px, SMALL), build(RECIPE.canvas_px, SMALL)
    before, first = teacher.get_weights(), student.get_weights()
    model = TrainingModel(student, RECIPE, teacher)
    model.compile(keras.optimizers.Adam(3e-2), run_eagerly=True)

    for _ in range(3):
        model.train_on_batch(a_batch())

    for ours, theirs in zip(teacher.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert {id(each) for each in model.trainable_variables} == {id(each) for each in student.trainable_variables}
    assert not np.array_equal(student.get_weights()[0], first[0])


def a_batch() -> tuple[np.ndarray, np.ndarray]:
    pixels = np.random.default_rng(0).integers(0, 256, (2, *RECIPE.canvas_px, 1)).astype(np.uint8)
    return pixels, np.stack([GRID.assign(FACES)] * 2)


def test_overlap_is_that_of_the_decoder_and_generalised_knows_distance() -> None:
    ours = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]], np.float32)
    theirs = np.array([[5, 0, 15, 10], [20, 0, 30, 10], [60, 0, 70, 10]], np.float32)

    overlap, generalised = (keras.ops.convert_to_numpy(each) for each in _overlaps(ours, theirs))

    np.testing.assert_allclose(overlap, np.diag(overlaps(ours, theirs)), rtol=1e-5)
    np.testing.assert_allclose(generalised, [1 / 3, -1 / 3, -5 / 7], rtol=1e-5)


def some(collection: Collection, epoch: int, hard: Sequence[Key] = (), workers: int = 1) -> list[np.ndarray]:
    generator = SceneGenerator(collection, RECIPE.canvas_px, RECIPE.synthesis)
    endless = batches(generator, RECIPE, 5, epoch, lambda number: hard, workers)
    return [batch[0][0] for batch in itertools.islice(endless, 2 * RECIPE.steps)]


def test_batches_depend_on_seed_and_epoch_alone(collection: Collection) -> None:
    straight, resumed = some(collection, 0), some(collection, 1, workers=3)

    np.testing.assert_array_equal(straight[RECIPE.steps :], resumed[: RECIPE.steps])
    assert straight[0].shape == (3, 64, 128, 1)
    assert not np.array_equal(straight[0], straight[RECIPE.steps])


def test_the_second_half_of_an_epoch_shows_the_first_again_mirrored(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "expose", lambda pixels, random: pixels)  # which may leave nothing to see
    alone = replace(
        RECIPE.synthesis,
        nobody=0,
        close=0,
        crowds=0,
        tiles=0,
        margins=0,
        most_faces=1,
        quartered=0,
        dense=0,
        degraded=0,
    )
    generator = SceneGenerator(collection, RECIPE.canvas_px, alone)
    epoch = [
        batch[0] for batch in itertools.islice(batches(generator, RECIPE, 5, 0, lambda number: (), 1), RECIPE.steps)
    ]

    faces = [cells[cells[:, 0] == 1][0, 1:].tolist() for _, targets in epoch for cells in targets]
    half = len(faces) // 2
    mirrored = sorted([128 - right, top, 128 - left, bottom] for left, top, right, bottom in faces[:half])
    np.testing.assert_allclose(sorted(faces[half:]), mirrored, atol=1e-3)


def test_hard_backdrops_come_back(collection: Collection) -> None:
    recipe = replace(RECIPE, replayed=1.0, synthesis=replace(RECIPE.synthesis, nobody=1.0))
    asked = []

    class Noting(SceneGenerator):
        def backdrop(self, key: tuple[int, ...]) -> np.ndarray:
            asked.append(key)
            return super().backdrop(key)

    generator = Noting(collection, RECIPE.canvas_px, recipe.synthesis)
    next(batches(generator, recipe, 5, 0, lambda number: ((9, 9, 9),), 1))

    assert set(asked) == {(9, 9, 9)}


def test_an_invisible_face_is_neither_face_nor_background_in_a_batch(collection: Collection) -> None:
    box = np.array([[40, 10, 70, 50]], np.float32)

    class Dark(SceneGenerator):
        def scene(self, key: Key, backdrop: Key | None = None) -> Frame:
            return Frame(np.full(RECIPE.canvas_px, 7, np.uint8), box)

    generator = Dark(collection, RECIPE.canvas_px, RECIPE.synthesis)
    ((_, targets),) = next(batches(generator, RECIPE, 5, 0, lambda number: (), 1))

    answering = GRID.assign(box)[:, 0] == FACE
    assert answering.any()
    assert (targets[:, answering, 0] == DOUBT).all()
    assert not (targets[..., 0] == FACE).any()
