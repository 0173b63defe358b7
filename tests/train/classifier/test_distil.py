"""Distillation: the targets of the student, and that teachers predict once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ConfigError, ModelError  # noqa: E402
from train.classifier.distil import _frame, framed_predictions, make_views  # noqa: E402
from train.classifier.fit import fit  # noqa: E402
from train.classifier.network import Stage, build, heads  # noqa: E402
from train.classifier.recipes import Recipe  # noqa: E402
from train.data.fer2013 import FaceSet  # noqa: E402
from train.run.folder import RunOptions  # noqa: E402
from train.run.progress import silent  # noqa: E402

STUDENT = Recipe(
    name="student",
    network=lambda: build(4, (Stage(8, 1, separable=True),), 0.1),
    epochs=1,
    batch=16,
    teachers=("sure",),
    teacher_share=0.75,
    views=2,
)
PIXELS = np.random.default_rng(0).integers(0, 255, (20, 48, 48), dtype=np.uint8)
TARGETS = np.eye(7, dtype=np.float32)[np.arange(40).reshape(20, 2) % 7]


def answering(emotion: int, path: Path) -> Path:
    """A model that is sure of one emotion, whatever it sees."""
    pixels = keras.Input((48, 48, 1))
    model = keras.Model(pixels, heads(keras.layers.Flatten()(pixels)))
    model.set_weights(2 * [np.zeros((48 * 48, 7), np.float32), 50 * np.eye(7, dtype=np.float32)[emotion]])
    model.save(path)
    return path


def ask(teachers: list[Path], folder: Path, recipe: Recipe = STUDENT, **options: Any) -> Any:
    return make_views(recipe, teachers, PIXELS, TARGETS, folder=folder, **{"seed": 0, "progress": silent, **options})


def test_the_teachers_share_of_the_target_is_the_mean_of_their_predictions(tmp_path: Path) -> None:
    teachers = [answering(0, tmp_path / "a.keras"), answering(3, tmp_path / "b.keras")]

    seen = ask(teachers, tmp_path)

    taught = 0.25 * TARGETS
    taught[..., [0, 3]] += 0.375
    assert len(seen) == 2 * STUDENT.views
    for _, targets in seen:
        np.testing.assert_allclose(targets, taught, atol=1e-5)


def test_every_view_augments_every_image_differently(tmp_path: Path) -> None:
    (first, _), _, (second, _), _ = ask([answering(0, tmp_path / "a.keras")], tmp_path)

    assert first.dtype == np.uint8
    assert all((ours != theirs).any() for ours, theirs in zip(first, second, strict=True))
    assert all((ours != theirs).any() for ours, theirs in zip(first, PIXELS, strict=True))


def test_an_image_and_its_mirror_image_have_the_mean_prediction_of_both(tmp_path: Path) -> None:
    pixels = keras.Input((48, 48, 1))
    keras.Model(pixels, heads(keras.layers.Flatten()(pixels))).save(tmp_path / "a.keras")
    teacher = keras.saving.load_model(tmp_path / "a.keras")

    (left, taught), (right, mirrored), *_ = ask([tmp_path / "a.keras"], tmp_path, replace(STUDENT, teacher_share=1.0))

    np.testing.assert_array_equal(right, left[:, :, ::-1])
    np.testing.assert_array_equal(mirrored, taught)
    answers = [keras.ops.softmax(np.stack(teacher.predict(side[..., None], verbose=0), 1)) for side in (left, right)]
    np.testing.assert_allclose(taught, np.mean(answers, axis=0), atol=1e-4)


def test_finished_views_are_not_predicted_again(tmp_path: Path) -> None:
    teachers, asked = [answering(0, tmp_path / "a.keras")], []
    before = ask(teachers, tmp_path)

    after = ask(teachers, tmp_path, replace(STUDENT, views=3), progress=lambda done, total: asked.append(total))

    assert asked == [20]
    for (ours, _), (theirs, _) in zip(before, after, strict=False):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("other", [{"seed": 1}, {"teacher": 3}])
def test_another_seed_or_teacher_has_views_of_its_own(tmp_path: Path, other: dict[str, int]) -> None:
    before = ask([answering(0, tmp_path / "a.keras")], tmp_path)

    after = ask([answering(other.get("teacher", 0), tmp_path / "a.keras")], tmp_path, seed=other.get("seed", 0))

    assert any(
        (ours != theirs).any() for pair in zip(before, after, strict=True) for ours, theirs in zip(*pair, strict=True)
    )


@pytest.fixture
def faces(make_faces: Callable[..., FaceSet]) -> dict[str, FaceSet]:
    def all_angry(split: str, pixels: npt.NDArray[np.uint8]) -> FaceSet:
        return replace(make_faces(split, 20), pixels=pixels, labels=np.zeros(20, np.uint8))

    return {"Training": all_angry("Training", PIXELS), "PublicTest": all_angry("PublicTest", 255 - PIXELS)}


def test_a_student_learns_from_its_teacher_against_the_labels(tmp_path: Path, faces: dict[str, FaceSet]) -> None:
    recipe = replace(STUDENT, epochs=12, teacher_share=1.0)

    model = fit(
        recipe, faces, tmp_path / "run", RunOptions(), resume=False, teachers=[answering(3, tmp_path / "a.keras")]
    )

    answers = keras.saving.load_model(model).predict(PIXELS[..., None], verbose=0)
    assert (np.argmax(answers, axis=-1) == 3).all()


@pytest.mark.parametrize(("epochs", "asked"), [(1, 1), (2, 1), (3, 2), (5, 2)])
def test_a_short_run_makes_no_more_views_than_it_uses(
    tmp_path: Path, faces: dict[str, FaceSet], epochs: int, asked: int
) -> None:
    teacher = answering(3, tmp_path / "a.keras")

    fit(replace(STUDENT, epochs=epochs), faces, tmp_path / "run", RunOptions(), resume=False, teachers=[teacher])

    assert len(list((tmp_path / "views").glob("*/answers-*.npy"))) == asked


@pytest.mark.parametrize(
    ("recipe", "teachers", "message"),
    [
        (STUDENT, (), "is distilled from sure, but 0 teachers are given"),
        (replace(STUDENT, teachers=()), ("a.keras",), "has no teacher, but 1 teachers are given"),
    ],
)
def test_a_recipe_and_its_teachers_must_agree(
    tmp_path: Path, faces: dict[str, FaceSet], recipe: Recipe, teachers: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        fit(recipe, faces, tmp_path, RunOptions(), resume=False, teachers=[tmp_path / name for name in teachers])


def test_a_teacher_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.keras: does not exist"):
        ask([tmp_path / "absent.keras"], tmp_path)


def test_without_views_the_teachers_predict_the_images_in_several_framings(tmp_path: Path) -> None:
    teachers = [answering(0, tmp_path / "a.keras"), answering(3, tmp_path / "b.keras")]

    predictions = framed_predictions(teachers, PIXELS, tmp_path / "views", silent)

    assert predictions.shape == (20, 2, 7)
    np.testing.assert_allclose(predictions[..., [0, 3]], 0.5, atol=1e-5)


def test_a_framing_moves_the_face_and_magnifies_it_about_its_centre() -> None:
    spot = np.zeros((1, 48, 48, 1), np.uint8)
    spot[0, 20, 30] = 255

    moved, doubled = np.asarray(_frame(spot, 1.0, 2, 1)), np.asarray(_frame(spot, 2.0, 0, 0))

    assert moved[0, 21, 32, 0] == 255
    row, column = (doubled[0, ..., 0].sum(axis=axis) @ np.arange(48) / doubled.sum() for axis in (1, 0))
    assert (row, column) == (pytest.approx(23.5 - 7), pytest.approx(23.5 + 13))


def test_framed_predictions_are_made_once(tmp_path: Path) -> None:
    teacher = answering(0, tmp_path / "a.keras")
    first = framed_predictions([teacher], PIXELS, tmp_path / "views", silent)
    told: list[int] = []

    again = framed_predictions([teacher], PIXELS, tmp_path / "views", lambda done, total: told.append(done))

    np.testing.assert_array_equal(again, first)
    assert told == []


def test_a_recipe_without_views_learns_from_images_augmented_anew(tmp_path: Path, faces: dict[str, FaceSet]) -> None:
    teacher = answering(0, tmp_path / "a.keras")
    anew = replace(STUDENT, views=0)

    model = fit(anew, faces, tmp_path / "run", RunOptions(), resume=False, teachers=[teacher])

    assert model.is_file()
    assert [path.name.partition("-")[0] for path in (tmp_path / "views").iterdir()] == ["framed"]
