"""What a network learns from: its labels, and teachers that see the same picture in the same step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ConfigError, ModelError  # noqa: E402
from edge.model.probabilities import softmax  # noqa: E402
from train.classifier.fit import fit  # noqa: E402
from train.classifier.network import Stage, build, for_labels, heads  # noqa: E402
from train.classifier.recipes import Augmentation, Recipe  # noqa: E402
from train.classifier.training_model import TrainingModel  # noqa: E402
from train.data.fer2013 import FaceSet  # noqa: E402
from train.run.checkpoints import History  # noqa: E402
from train.run.folder import RunOptions  # noqa: E402
from train.run.saved import predict_logits  # noqa: E402

SHARP = Augmentation(blur=0, noise=0, erase=0)
COVERED = Augmentation(rotation_deg=0, scale=0, shift=0, contrast=0, brightness=0, blur=1, far_px=(2, 2), erase=1)
STUDENT = Recipe(
    name="student",
    network=lambda: build(4, (Stage(8, 1, separable=True),), 0.1),
    epochs=2,
    batch=16,
    teachers=("some",),
    teacher_share=(1.0, 1.0),
    mixup=0.5,
    augmentation=SHARP,
)
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 48, 48, 1), dtype=np.uint8)
TARGETS = np.eye(7, dtype=np.float32)[np.arange(40).reshape(20, 2) % 7]


def linear(seed: int) -> Any:
    """A network that answers in training as it does later: without dropout and normalisation."""
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((48, 48, 1))
    return keras.Model(pixels, heads(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))))


def answering(emotion: int) -> Any:
    """A teacher that is sure of one emotion, whatever it sees."""
    model = linear(0)
    model.set_weights(2 * [np.zeros((48 * 48, 7), np.float32), 50 * np.eye(7, dtype=np.float32)[emotion]])
    return model


def step(recipe: Recipe, *teachers: Any, network: Any = None, pixels: Any = PIXELS) -> tuple[np.ndarray, np.ndarray]:
    """Logits and targets of a training step."""
    logits, targets = TrainingModel(network or linear(9), recipe, 0, teachers)((pixels, TARGETS), training=True)
    return np.asarray(logits), np.asarray(targets)


def test_the_target_is_the_mean_of_the_teachers_probabilities_for_the_picture_that_the_network_sees() -> None:
    logits = [step(STUDENT, answering(0), network=linear(seed))[0] for seed in (1, 2)]

    _, targets = step(STUDENT, linear(1), linear(2))

    assert not np.allclose(logits[0], predict_logits(linear(1), PIXELS[..., 0]), atol=0.1)  # it is augmented and mixed
    np.testing.assert_allclose(targets, np.mean([softmax(each) for each in logits], axis=0), atol=1e-5)


def test_a_student_that_equals_its_teacher_has_nothing_to_learn() -> None:
    model = TrainingModel(linear(1), STUDENT, 0, [linear(1)])
    model.compile(keras.optimizers.SGD(1.0))
    before = model.network.get_weights()

    loss = model.train_on_batch((PIXELS, TARGETS), return_dict=True)["loss"]

    probabilities = softmax(step(STUDENT, answering(0), network=linear(1))[0])
    entropy = -(probabilities * np.log(probabilities)).sum(axis=-1).mean()
    assert loss == pytest.approx(entropy, rel=1e-3)
    for after, weight in zip(model.network.get_weights(), before, strict=True):
        np.testing.assert_allclose(after, weight, atol=1e-5)


def test_teachers_see_a_face_near_and_whole_where_the_network_sees_it_far_and_covered() -> None:
    half = PIXELS[:, :, :24]
    symmetric = np.concatenate([half, half[:, :, ::-1]], axis=2)  # mirrored or not, it is the same
    recipe = replace(STUDENT, augmentation=COVERED, mixup=0.0)

    logits, targets = step(recipe, linear(1), network=linear(1), pixels=symmetric)

    whole = softmax(predict_logits(linear(1), symmetric[..., 0]))
    np.testing.assert_allclose(targets, whole, atol=1e-3)
    assert np.abs(softmax(logits) - whole).mean() > 0.01


def test_each_head_has_its_share_of_the_teachers() -> None:
    _, targets = step(replace(STUDENT, teacher_share=(0.75, 0.5), mixup=0.0), answering(0), answering(3))

    taught = TARGETS * [[0.25], [0.5]]
    taught[:, 0, [0, 3]] += 0.375
    taught[:, 1, [0, 3]] += 0.25
    np.testing.assert_allclose(targets, taught, atol=1e-5)


def test_outside_training_the_targets_are_the_labels() -> None:
    model = TrainingModel(linear(9), STUDENT, 0, [answering(3)])

    _, targets = model((PIXELS, TARGETS))

    np.testing.assert_array_equal(targets, TARGETS)


@pytest.fixture
def faces(make_faces: Callable[..., FaceSet]) -> dict[str, FaceSet]:
    return {split: make_faces(split, count) for split, count in (("Training", 70), ("PublicTest", 21))}


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    keras.utils.set_random_seed(7)
    STUDENT.network().save(tmp_path / "teacher.keras")
    return tmp_path / "teacher.keras"


def saved_by(path: Path, model: Any) -> Path:
    model.save(path)
    return path


def test_a_student_learns_from_its_teachers_against_the_labels(tmp_path: Path, faces: dict[str, FaceSet]) -> None:
    teachers = [saved_by(tmp_path / f"{number}.keras", answering(3)) for number in range(2)]
    recipe = replace(STUDENT, epochs=12, mixup=0.0)

    model = fit(recipe, faces, tmp_path / "run", RunOptions(), resume=False, teachers=teachers)

    assert (predict_logits(keras.saving.load_model(model), faces["PublicTest"].pixels).argmax(-1) == 3).all()


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_stopped_student_ends_where_an_uninterrupted_one_does_and_saves_no_teacher(
    tmp_path: Path,
    faces: dict[str, FaceSet],
    teacher: Path,
    precision: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options, file = RunOptions(precision=precision), teacher.read_bytes()
    whole = fit(STUDENT, faces, tmp_path / "whole", options, resume=False, teachers=[teacher])

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(History, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(STUDENT, faces, tmp_path / "stopped", options, resume=False, teachers=[teacher])
    resumed = fit(STUDENT, faces, tmp_path / "stopped", options, resume=True, teachers=[teacher])

    pairs = zip(*(keras.saving.load_model(path).get_weights() for path in (resumed, whole)), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    alone = fit(replace(STUDENT, teachers=()), faces, tmp_path / "alone", options, resume=False)
    assert teacher.read_bytes() == file
    assert set(np.load(whole.with_name("state.npz")).files) == set(np.load(alone.with_name("state.npz")).files)


def test_a_training_step_leaves_the_teachers_as_they_are(teacher: Path) -> None:
    teaching = keras.saving.load_model(teacher)
    model = TrainingModel(STUDENT.network(), STUDENT, 0, [teaching])
    model.compile(keras.optimizers.SGD(0.1))
    before, student = teaching.get_weights(), model.network.get_weights()

    model.train_on_batch((PIXELS, TARGETS))

    assert all(np.array_equal(*pair) for pair in zip(teaching.get_weights(), before, strict=True))
    assert not any(np.array_equal(*pair) for pair in zip(model.network.get_weights()[:1], student, strict=False))


def test_a_recipe_and_its_teachers_must_agree(tmp_path: Path, faces: dict[str, FaceSet]) -> None:
    alone = replace(STUDENT, teachers=())

    with pytest.raises(ConfigError, match="student: learns from teachers, but none is given; give files of some"):
        fit(STUDENT, faces, tmp_path, RunOptions(), resume=False)
    with pytest.raises(ConfigError, match=r"learns from no teacher, but .*a\.keras is given; leave it out"):
        fit(alone, faces, tmp_path, RunOptions(), resume=False, teachers=[tmp_path / "a.keras"])


def test_a_teacher_that_cannot_teach_is_named(tmp_path: Path, faces: dict[str, FaceSet]) -> None:
    other = saved_by(tmp_path / "other.keras", for_labels(STUDENT.network(), ("bored", "awake")))

    with pytest.raises(ModelError, match=r"absent\.keras: does not exist"):
        fit(STUDENT, faces, tmp_path / "run", RunOptions(), resume=False, teachers=[tmp_path / "absent.keras"])
    with pytest.raises(ModelError, match=r"teacher .*other\.keras: has other labels than angry, disgust"):
        fit(STUDENT, faces, tmp_path / "run", RunOptions(), resume=False, teachers=[other])
